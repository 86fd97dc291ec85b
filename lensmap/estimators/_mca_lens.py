# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`MCALens`: maps that are the sum of a sparse and a Gaussian component."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np
from astropy import units as u

from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import POSTERIOR, ROTATIONS, Inversion
from lensmap.estimators._fitted_power import FittedPower
from lensmap.estimators._power_prior import PowerPriorEstimator, meta_of_power
from lensmap.estimators._rotated_shear import E_AND_B, b_mode_of, shear_factors
from lensmap.estimators._starlet_scales import check_scales, starlet_scales
from lensmap.estimators._support import Support, data_support
from lensmap.flatsky import MCASolver
from lensmap.grid import ShearGrid
from lensmap.typing import AngleLike, CosmologyLike, RedshiftLike, SeedLike
from lensmap.utils import check_count, check_number

__all__ = ["MCALens"]


class _State(NamedTuple):
    """Data shared by the inversions of a grid and of its noise realizations.

    Attributes
    ----------
    solver : MCASolver
        The solver.
    support : Support
        The pixels near galaxies, and those that can be inpainted.
    fitted : FittedPower or None
        The fitted power spectrum.
    scales : tuple of int
        The first and the last starlet scale.
    """

    solver: MCASolver
    support: Support
    fitted: FittedPower | None
    scales: tuple[int, int]


class MCALens(PowerPriorEstimator):
    r"""The sum of a sparse component, for peaks, and of a Gaussian component.

    .. math:: \kappa = x_s + x_w , \qquad
              x_s \leftarrow \left[x_s + 1.9 \sum_j T_j^T M_j T_j A^T \frac{\eta}{N}
              (\gamma - A \kappa)\right]_+ , \qquad
              x_w \leftarrow \frac{P}{P + \eta} \left[x_w + A^T \frac{\eta}{N}
              (\gamma - A \kappa)\right]

    The sparse component :math:`x_s \ge 0` consists of starlets, isotropic wavelets :math:`T_j` of
    scale j. Only those coefficients are used, by the masks :math:`M_j`, in which the shear is above
    ``threshold`` times its local noise. The Gaussian component :math:`x_w` is that of
    `WienerFilter`: it has the power spectrum P, and A is the Kaiser-Squires relation on a periodic
    grid larger than the field. N is the noise variance of the mean shear of each pixel, infinite in
    pixels without galaxies, and :math:`\eta` that at the deepest place. The iteration starts at the
    map of `WienerFilter` and alternates between both components. The map therefore has higher peaks
    than that of `WienerFilter`, and is the same map if no coefficient is active.

    The map is not linear in the ellipticities. The mass sheet is not measured: the mean of the map
    over the pixels with galaxies is that of `WienerFilter`.

    Parameters
    ----------
    threshold : float
        The lowest active coefficient in units of its noise, which is computed for the noise of each
        pixel. Without active coefficients, as for a very high threshold, the map is that of
        `WienerFilter`.
    n_iterations : int
        The number of iterations. It regularizes the sparse component, which fits the noise in the
        active coefficients after many iterations. With 0, the map is that of `WienerFilter`.
    min_scale : `~astropy.units.Quantity` or str
        The size of the smallest structures of the sparse component, an angle. The scale j of
        starlets has the size of :math:`2^j` pixels; the nearest scale from 1 is used, because scale
        0 is noise.
    max_scale : `~astropy.units.Quantity` or str
        The size of the largest structures of the sparse component, an angle.
    power : {"halofit", "camb"}, callable or pair of array_like
        What computes the matter power spectrum of the theory, or the power spectrum of the
        convergence, as for `WienerFilter`.
    z_source : float, str, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the galaxies, or their redshift distribution or the name of the
        distribution, from which the theoretical power spectrum is computed; None fits a power
        spectrum to the field, as for `WienerFilter`.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology of the theoretical power spectrum, or the name of the cosmology; None is
        ``"massivenus"``, the default cosmology of lensmap.
    padding : float
        The ratio of the side of the periodic grid to that of the field, at least 1. With 1, the
        field is treated as periodic.
    reduced_shear : bool
        Whether each iteration takes :math:`g (1 - \kappa)` as the shear, with the reduced shear g
        that galaxies measure and the map of the previous iteration. The noise is unchanged.
    b_mode : bool
        Whether to make the B-mode, which takes twice the time of the map alone.
    tolerance : float
        The relative residual of the linear equations at which the solver of the Wiener filter
        stops, between 0 and 1.
    max_iterations : int
        The largest number of iterations of the Wiener filter. A warning is given if it is reached.
    scheme : {"nearest", "cloud-in-cell"}
        The scheme that assigns galaxies to pixels. With cloud-in-cell, the noise of neighboring
        pixels is correlated. It is treated as independent, with a variance that is correct on
        scales larger than a pixel.
    fill_holes : bool
        Whether a masked pixel is inpainted if at least half of a Gaussian about the pixel, of
        standard deviation 1 arcmin, lies on unmasked pixels.
    uncertainty : None, "rotations" or "posterior"
        The kind of uncertainty; None gives no uncertainty. ``"posterior"`` is the error with
        respect to the true convergence, from the scatter of samples of the posterior of the
        Gaussian component for a given sparse component, and is therefore too small at the peaks.
        ``"rotations"`` is the noise of the map: the scatter of maps of randomly rotated galaxies,
        which have no signal. The map is not linear, so that this need not be the noise of peaks.
    n_realizations : int
        The number of random realizations for the uncertainty, each of which gives two maps.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random realizations.
    sigma_e : float or None
        The intrinsic dispersion of the ellipticities per component; None takes the column
        ``sigma_e`` or, without this column, measures the dispersion
        as a function of the weight.
    dtype : {"float64", "float32"}
        The floating-point precision of the solution. Single precision takes half of the time.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    Warns
    -----
    MapWarning
        If the Wiener filter does not reach its tolerance within ``max_iterations``, or if the field
        does not determine the amplitude of the fitted power spectrum.

    Notes
    -----
    The published step along the active coefficients, :math:`\sum_j M_j T_j A^T`, can diverge. The
    step here has the adjoint transform, and is stable for any mask. A pixel with an extremely low
    noise variance, of less than 1/10 of the median, counts with this limit.

    The B-mode is half the difference of the maps of the shear rotated by 45 degrees in either
    direction. It changes sign on a mirrored sky, and is noise if there are no systematic errors.

    The metadata ``meta["mcalens"]`` have the number of active coefficients, the starlet scales, the
    largest value of the sparse component and ``chi_square_per_datum``.

    Galaxies at all distances contribute to a pixel, so `reach` returns None, as for `WienerFilter`.

    References
    ----------
    Starck, Themelis, Jeffrey, Peel & Lanusse 2021, A&A 649, A99, sect. 4 and 5; Starck, Fadili &
    Murtagh 2007, IEEE Trans. Image Process. 16, 297 (starlets); Bobin et al. 2012, A&A 550, A73
    (iterative Wiener filter).

    Examples
    --------
    >>> from lensmap.estimators import MCALens
    >>> MCALens(z_source=1.2).replace(uncertainty="posterior")
    MCALens(z_source=1.2, uncertainty='posterior')
    """

    uncertainties = (ROTATIONS, POSTERIOR)
    # Fix the noise and the power. The laws hold to the tolerance of the solver, set lower than by
    # default.
    contract = Contract(
        settings={"sigma_e": 0.25, "tolerance": 1e-9, "z_source": 1.0},
        noiseless={"sigma_e": 0.1, "tolerance": 1e-4, "b_mode": False, "dtype": "float32"},
    )

    def __init__(
        self,
        *,
        threshold: float = 4.0,
        n_iterations: int = 10,
        min_scale: AngleLike = 0.8 * u.arcmin,
        max_scale: AngleLike = 6.4 * u.arcmin,
        power: Literal["halofit", "camb"] | Callable | tuple = "halofit",
        z_source: RedshiftLike | str | None = None,
        cosmology: CosmologyLike = None,
        padding: float = 1.5,
        reduced_shear: bool = False,
        b_mode: bool = True,
        tolerance: float = 1e-5,
        max_iterations: int = 1000,
        scheme: Literal["nearest", "cloud-in-cell"] = "nearest",
        fill_holes: bool = False,
        uncertainty: str | None = None,
        n_realizations: int = 20,
        rng: SeedLike = 0,
        sigma_e: float | None = None,
        dtype: Literal["float64", "float32"] = "float64",
    ) -> None:
        self.threshold = check_number(threshold, "threshold", "finite and positive", low=1e-12)
        self.n_iterations = check_count(n_iterations, "n_iterations")
        self.min_scale, self.max_scale = check_scales(min_scale, max_scale)
        self.reduced_shear = bool(reduced_shear)
        self.b_mode = bool(b_mode)
        self._set_parameters(
            power=power, z_source=z_source, cosmology=cosmology, padding=padding,
            tolerance=tolerance, max_iterations=max_iterations, scheme=scheme,
            fill_holes=fill_holes, uncertainty=uncertainty, n_realizations=n_realizations, rng=rng,
            sigma_e=sigma_e, dtype=dtype,
        )

    def prepare(self, grid: ShearGrid, fitted: FittedPower | None) -> _State:
        """Return the solver for the noise and pixels of a grid, and the pixels near galaxies.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        fitted : object or None
            The result of `fit`. If None although neither a spectrum nor ``z_source`` is given, the
            spectrum is fitted to this grid.

        Returns
        -------
        object
            The solver, the masks of the map and the fitted spectrum, which `invert` needs.
        """
        if fitted is None:
            fitted = self.fit(self.measure(grid))
        power = self._mode_power(grid, fitted)
        scales = starlet_scales(
            grid.pixel_frame.scale, power.shape, self.min_scale, self.max_scale
        )
        solver = MCASolver(
            self._variance(grid), power, scales=scales, threshold=self.threshold,
            n_iterations=self.n_iterations, reduced_shear=self.reduced_shear, dtype=self.dtype,
            tolerance=self.tolerance, max_iterations=self.max_iterations,
        )
        return _State(solver, data_support(grid, self.fill_holes), fitted, scales)

    def invert(self, grid: ShearGrid, state: _State) -> Inversion:
        """Find both components of the convergence.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        state : object
            The result of `prepare`.

        Returns
        -------
        Inversion
            The E-mode and, with ``b_mode``, the B-mode.
        """
        best, *rotated = state.solver.solve(grid.shear, shear_factors(self.b_mode))
        facts = {
            "n_active": best.n_active,
            "starlet_scales": list(state.scales),
            "max_sparse": float(best.sparse.max()),
            "chi_square_per_datum": best.chi_square / (2 * np.count_nonzero(grid.sum_w > 0)),
        }
        return Inversion(
            best.kappa, b_mode_of(rotated), *state.support,
            meta={**meta_of_power(state.fitted), "mcalens": facts},
        )

    def _rotated_noise(
        self, grid: ShearGrid, state: _State, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        # The second map is that of the same galaxies, rotated by 45 degrees.
        return [one.kappa for one in state.solver.solve(grid.shear, E_AND_B)]

    def _deviations(
        self, grid: ShearGrid, state: _State, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        pair = state.solver.fluctuations(rng)
        return pair.real, pair.imag
