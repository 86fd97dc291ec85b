# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`SparseReconstructor`: maps of few positive wavelets, for peaks."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from astropy import units as u

from lensmap.estimators._base import Estimator
from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import ROTATIONS, Inversion
from lensmap.estimators._power_prior import pixel_variance
from lensmap.estimators._rotated_shear import E_AND_B, b_mode_of, shear_factors
from lensmap.estimators._starlet_scales import check_scales, starlet_scales
from lensmap.estimators._support import Support, data_support
from lensmap.flatsky import SparseSolver, padded_shape
from lensmap.grid import ShearGrid
from lensmap.typing import AngleLike, SeedLike
from lensmap.utils import check_choice, check_count, check_number

__all__ = ["SparseReconstructor"]


class _State(NamedTuple):
    """Data shared by the inversions of a grid and of its noise realizations.

    Attributes
    ----------
    solver : SparseSolver
        The solver.
    support : Support
        The pixels near galaxies, and those that can be inpainted.
    scales : tuple of int
        The first and the last starlet scale.
    """

    solver: SparseSolver
    support: Support
    scales: tuple[int, int]


class SparseReconstructor(Estimator):
    r"""A positive map of the wavelets that stand out of the noise, in the manner of GLIMPSE.

    .. math:: \kappa \leftarrow \left[\kappa + \sum_j T_j^T M_j T_j A^T \frac{\eta}{N}
              (\gamma - A \kappa)\right]_+

    The convergence consists of starlets, isotropic wavelets :math:`T_j` of scale j. Only those
    coefficients are used, by the masks :math:`M_j`, in which the shear is above ``threshold`` times
    its local noise. A is the Kaiser-Squires relation on a periodic grid larger than the field, N
    the noise variance of the mean shear of each pixel, infinite in pixels without galaxies, and
    :math:`\eta` that at the deepest place. The iteration starts at 0 and is accelerated by
    momentum. Pixels further than half the size of its structure from all active coefficients are 0.
    No coefficient is shrunk towards 0, so that peaks have their full height on average.

    The map is 0 without significant peaks, as on a sky without lensing, and has neither voids nor
    faint structures. It is made for peaks: r, the correlation with the true convergence, is below
    that of `WienerFilter`. The map is not linear in the ellipticities. It knows no mass sheet: its
    level is 0 where nothing is significant.

    Parameters
    ----------
    threshold : float
        The lowest active coefficient in units of its noise, which is computed for the noise of each
        pixel.
    min_scale : `~astropy.units.Quantity` or str
        The size of the smallest structures, an angle. The scale j of starlets has the size of
        :math:`2^j` pixels; the nearest scale from 1 is used, because scale 0 is noise.
    max_scale : `~astropy.units.Quantity` or str
        The size of the largest structures, an angle.
    padding : float
        The ratio of the side of the periodic grid to that of the field, at least 1. With 1, the
        field is treated as periodic.
    reduced_shear : bool
        Whether each iteration takes :math:`g (1 - \kappa)` as the shear, with the reduced shear g
        that galaxies measure and the map of the previous iteration. The noise is unchanged.
    b_mode : bool
        Whether to make the B-mode, which takes at most twice the time of the map alone.
    tolerance : float
        The change of the map in one iteration, relative to its rms, at which the iteration stops,
        between 0 and 1. It regularizes the map, which fits the noise in the active coefficients
        after many iterations.
    max_iterations : int
        The largest number of iterations. A warning is given if it is reached.
    scheme : {"nearest", "cloud-in-cell"}
        The scheme that assigns galaxies to pixels. With cloud-in-cell, the noise of neighboring
        pixels is correlated. It is treated as independent, with a variance that is correct on
        scales larger than a pixel.
    fill_holes : bool
        Whether a masked pixel is inpainted if at least half of a Gaussian about the pixel, of
        standard deviation 1 arcmin, lies on unmasked pixels.
    uncertainty : None or "rotations"
        The kind of uncertainty; None gives no uncertainty. ``"rotations"`` is the noise of the map:
        the scatter of maps of randomly rotated galaxies, which have no signal. It is 0 in most
        pixels, because most of these maps are 0, and there the map has no signal-to-noise ratio.
        The peaks of these maps, which the map records, give the number of false peaks.
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
        If the tolerance is not reached within ``max_iterations``.

    Notes
    -----
    GLIMPSE minimizes :math:`\chi^2 / 2` plus a sum of moduli of coefficients, which lowers each
    coefficient by its threshold, and peaks to less than their height. Here, the significant
    coefficients are selected once, and free afterwards.

    The B-mode is half the difference of the maps of the shear rotated by 45 degrees in either
    direction. It changes sign on a mirrored sky, and is 0 without significant systematic errors.

    The metadata ``meta["sparse"]`` have the number of active coefficients, the starlet scales, the
    number of iterations, the change of the map in the last iteration, whether the solver has
    converged, and ``chi_square_per_datum``.

    Galaxies at all distances contribute to a pixel, so `reach` returns None.

    References
    ----------
    Lanusse, Starck, Leonard & Pires 2016, A&A 591, A2 (GLIMPSE); Starck, Fadili & Murtagh 2007,
    IEEE Trans. Image Process. 16, 297 (starlets); Starck et al. 2021, A&A 649, A99, sect. 4 (active
    coefficients).

    Examples
    --------
    >>> from lensmap.estimators import SparseReconstructor
    >>> SparseReconstructor(threshold=5).replace(b_mode=False)
    SparseReconstructor(threshold=5, b_mode=False)
    """

    uncertainties = (ROTATIONS,)
    # With a low threshold, maps of noise are not 0, and fixed noise makes symmetries exact.
    contract = Contract(
        settings={"sigma_e": 0.25, "threshold": 1e-6, "tolerance": 0.02},
        noiseless={"sigma_e": 0.1, "threshold": 4.0, "b_mode": False, "dtype": "float32"},
    )

    def __init__(
        self,
        *,
        threshold: float = 5.3,
        min_scale: AngleLike = 1.6 * u.arcmin,
        max_scale: AngleLike = 6.4 * u.arcmin,
        padding: float = 1.5,
        reduced_shear: bool = False,
        b_mode: bool = True,
        tolerance: float = 0.02,
        max_iterations: int = 500,
        scheme: Literal["nearest", "cloud-in-cell"] = "nearest",
        fill_holes: bool = False,
        uncertainty: str | None = None,
        n_realizations: int = 20,
        rng: SeedLike = 0,
        sigma_e: float | None = None,
        dtype: Literal["float64", "float32"] = "float64",
    ) -> None:
        self.threshold = check_number(threshold, "threshold", "finite and positive", low=1e-12)
        self.min_scale, self.max_scale = check_scales(min_scale, max_scale)
        self.padding = check_number(padding, "padding", "finite and at least 1", low=1)
        self.reduced_shear = bool(reduced_shear)
        self.b_mode = bool(b_mode)
        self.tolerance = check_number(
            tolerance, "tolerance", "between 0 and 1", low=1e-15, high=0.99
        )
        self.max_iterations = check_count(max_iterations, "max_iterations", minimum=1)
        self.scheme = scheme
        self.fill_holes = bool(fill_holes)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        if sigma_e is not None:
            check_number(sigma_e, "sigma_e", "None or positive", low=1e-300)
        self.sigma_e = sigma_e
        self.dtype = check_choice(dtype, "dtype", ("float64", "float32"))
        self.check_parameters()

    def prepare(self, grid: ShearGrid, fitted: None) -> _State:
        """Return the solver for the noise and pixels of a grid, and the pixels near galaxies.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        fitted : None
            The result of `fit`, which fits nothing.

        Returns
        -------
        object
            The solver and the masks of the map, which `invert` needs.
        """
        padded = padded_shape(grid.shape, self.padding)
        scales = starlet_scales(grid.pixel_frame.scale, padded, self.min_scale, self.max_scale)
        solver = SparseSolver(
            pixel_variance(grid), padded, scales=scales, threshold=self.threshold,
            tolerance=self.tolerance, max_iterations=self.max_iterations,
            reduced_shear=self.reduced_shear, dtype=self.dtype,
        )
        return _State(solver, data_support(grid, self.fill_holes), scales)

    def invert(self, grid: ShearGrid, state: _State) -> Inversion:
        """Find the convergence of the significant coefficients.

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
            "chi_square_per_datum": best.chi_square / (2 * np.count_nonzero(grid.sum_w > 0)),
            "n_iterations": best.n_iterations,
            "change": best.change,
            "converged": all(one.converged for one in (best, *rotated)),
        }
        meta = {
            "sparse": facts,
            "zero_mode": "0 where nothing is significant: the mass sheet is not measured",
        }
        return Inversion(best.kappa, b_mode_of(rotated), *state.support, meta=meta)

    def noise(
        self, grid: ShearGrid, state: _State, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        """Return one realization of the noise of the map.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The grid of randomly rotated galaxies.
        state : object
            The result of `prepare`.
        rng : `numpy.random.Generator`
            A generator, which is not used.

        Returns
        -------
        iterable of `numpy.ndarray`
            Two arrays ``(ny, nx)``: the maps of the rotated galaxies and of the same galaxies
            rotated by 45 degrees.
        """
        return [one.kappa for one in state.solver.solve(grid.shear, E_AND_B)]
