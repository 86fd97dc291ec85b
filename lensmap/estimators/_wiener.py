# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`WienerFilter`: the optimal linear map for a known power spectrum and known noise."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np

from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import POSTERIOR, ROTATIONS, Inversion
from lensmap.estimators._fitted_power import FittedPower
from lensmap.estimators._power_prior import PowerPriorEstimator, meta_of_power
from lensmap.estimators._support import Support, data_support
from lensmap.flatsky import WienerSolver
from lensmap.grid import ShearGrid
from lensmap.typing import CosmologyLike, RedshiftLike, SeedLike
from lensmap.utils import check_count

__all__ = ["WienerFilter"]


class _State(NamedTuple):
    """A solver, the masks that follow from galaxy positions, and the fitted power spectrum.

    The inversions of a grid and of its noise realizations share these data.
    """

    solver: WienerSolver
    support: Support
    fitted: FittedPower | None


def _wiener_response(estimator, ell_x, ell_y, pixel_scale, density):
    """Return the transfer function of `WienerFilter`: pixel window times signal / (signal + noise).

    The result is the amplitude of the map divided by that of the true convergence, at the
    multipoles ``ell_x`` and ``ell_y`` (radian^-1). ``pixel_scale`` is the side of a pixel in
    radians, and ``density`` the number of galaxies per steradian.
    """
    x, y = (ell * pixel_scale / (2 * np.pi) for ell in (ell_x, ell_y))
    window = np.sinc(x) * np.sinc(y) * (np.maximum(np.abs(x), np.abs(y)) < 0.5)
    signal = estimator._power_of(np.maximum(np.hypot(ell_x, ell_y), 1.0), None) * window**2
    return window * signal / (signal + estimator.sigma_e**2 / density)


class WienerFilter(PowerPriorEstimator):
    r"""The Wiener filter: the posterior mean for a Gaussian signal of known power spectrum.

    .. math:: \hat\kappa = (S^{-1} + A^T N^{-1} A)^{-1} A^T N^{-1} g

    S is the covariance of the convergence averaged over pixels. Its power spectrum is ``power``
    times the square of the pixel window, because galaxies sample the whole pixel. N is the noise
    covariance of the mean shear of each pixel, and is infinite in pixels without galaxies. A is the
    Kaiser-Squires relation on a periodic grid larger than the field. Mass outside the field and in
    holes is part of the solution, so that neither edges nor holes count as zero shear. Of all
    linear maps, this map has the smallest mean square error. The zero mode is set to 0, because the
    mass sheet is not measured.

    Without a spectrum and ``z_source``, the power spectrum is that of the theory, multiplied by an
    amplitude and a cutoff on small scales that are fitted to the power of the field itself. The map
    contains the fitted numbers as ``meta["prior_power"]``.

    The B-mode is the result of the same filter for the shear rotated by 45 degrees. Without
    systematic errors, it is noise with the same statistics as the noise of the map. The map is
    linear in the ellipticities for a given noise and a given power spectrum. If neither the
    parameter nor the column ``sigma_e`` is given, or if the power spectrum is fitted, the noise or
    the power spectrum is measured from the ellipticities, and the map is not exactly linear.

    Parameters
    ----------
    power : {"halofit", "camb"}, callable or pair of array_like
        What computes the matter power spectrum of the theory: the fitting formulas of halofit, or
        the package CAMB (see `lensmap.cosmology.nonlinear_power`). The power spectrum of the
        convergence is that of the theory, `lensmap.cosmology.convergence_power`, for ``z_source``
        and ``cosmology`` or, without ``z_source``, one that is fitted to the field. Instead,
        ``power`` may be this spectrum, :math:`C_\ell` in steradians, without the pixel window. A
        callable takes an array of multipoles and returns :math:`C_\ell`. A pair ``(ell, C_ell)``,
        such as that of `lensmap.flatsky.measure_power`, is interpolated linearly in the logarithms
        of both. Below its range, the spectrum is constant, and above its range, it falls as
        :math:`\ell^{-2}`.
    z_source : float, str, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the galaxies, or their redshift distribution or the name of the
        distribution, from which the theoretical power spectrum is computed; None fits a power
        spectrum to the field. The fit has two parameters: the amplitude of the theoretical spectrum
        and its fall on small scales. If ``power`` is a spectrum, nothing is fitted.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology of the theoretical power spectrum, or the name of the cosmology; None is
        ``"massivenus"``, the default cosmology of lensmap.
    padding : float
        The ratio of the side of the periodic grid to that of the field, at least 1. With 1, the
        field is treated as periodic. Maps of a few degrees that are made with 1.5 and with 3 differ
        by one or two per cent of their scatter, most at the edges.
    tolerance : float
        The relative residual of the linear equations at which the solver stops, between 0 and 1.
        With the default, the numerical error is 1e-5 of the scatter of the map, and 3e-4 in the
        worst pixel.
    max_iterations : int
        The largest number of iterations of the solver. A warning is given if it is reached.
    reduced_shear_iterations : int
        The number of iterations that correct for the difference between reduced shear and shear; 0
        uses the reduced shear as the shear. Galaxies measure the reduced shear
        :math:`g = \gamma / (1 - \kappa)`. Each iteration multiplies g by :math:`1 - \kappa` of the
        previous map, and leaves the noise unchanged.
    scheme : {"nearest", "cloud-in-cell"}
        The scheme that assigns galaxies to pixels. With cloud-in-cell, the noise of neighboring
        pixels is correlated. It is treated as independent, with a variance that is correct on
        scales larger than a pixel.
    fill_holes : bool
        Whether a masked pixel is inpainted if at least half of a Gaussian about the pixel, of
        standard deviation 1 arcmin, lies on unmasked pixels. The inpainted values are the posterior
        mean. With either choice, pixels are masked if no galaxy lies within 2 arcmin or, if that is
        larger, within two mean distances between galaxies.
    uncertainty : None, "rotations" or "posterior"
        The kind of uncertainty; None gives no uncertainty. ``"posterior"`` is the total error with
        respect to the true convergence, from the scatter of samples of the posterior. It is correct
        if the prior is, apart from the mass sheet and modes larger than the padded field. It
        depends on the noise, not on the ellipticities. ``"rotations"`` is the noise of the filtered
        map: the scatter of maps of randomly rotated galaxies, which have no signal.
    n_realizations : int
        The number of random realizations for the uncertainty. Each gives two maps: the E-mode and
        the B-mode of rotated galaxies or, for ``"posterior"``, the deviations of two posterior
        samples from the mean. The error from few samples is widened by the quantile of Student's t
        distribution, so that kappa plus or minus the error covers 68 per cent of the truth.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random realizations.
    sigma_e : float or None
        The intrinsic dispersion of the ellipticities per component; None takes the column
        ``sigma_e`` or, without this column, measures the dispersion
        as a function of the weight.
    dtype : {"float64", "float32"}
        The floating-point precision of the solution.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    Warns
    -----
    MapWarning
        If the tolerance is not reached within ``max_iterations``, or if the field does not
        determine the amplitude of the fitted power spectrum.

    Notes
    -----
    The fitted spectrum is the theory for galaxies with a mean redshift of 0.9 and the redshift
    distribution :math:`n(z) \propto z^2 \exp[-(z/z_0)^{1.5}]`, times

    .. math:: A \exp\left[(1000 / \ell_c)^{1.5} - (\ell / \ell_c)^{1.5}\right] .

    The prior of :math:`\ln A` is 0 ± 0.7, and that of :math:`\ln \ell_c` is 8.5 ± 1.5. Fields of
    less than a few square degrees determine A poorly, so that it tends to 1. The fit uses the
    E-mode and the B-mode, allows for the mixing of modes by masks, and corrects the noise level.
    Its error includes the scatter between fields, which is larger than that of Gaussian fields. The
    sums of `measure` add over parts of a catalog on the same pixels and over tiles, and the result
    of `fit` can be kept for all tiles of a survey.

    Galaxies at all distances contribute to a pixel, so `reach` returns None. If a tile of 48 arcmin
    is mapped with a margin of 16 arcmin around it, its map differs from that part of the map of the
    whole field by a constant and by 8 per cent of the scatter of the map. With a margin of 32
    arcmin, the second difference is 3 per cent. (Both percentages are means of two simulated fields
    of 3.2 deg with 30 galaxies per square arcminute.)

    References
    ----------
    Zaroubi et al. 1995, ApJ 449, 446, eq. 11; Simon, Taylor & Hartlap 2009, MNRAS 399, 48
    (convergence); Hoffman & Ribak 1991, ApJ 380, L5 (samples of the posterior); Bond, Jaffe & Knox
    1998, Phys. Rev. D 57, 2117 (the fit of the power spectrum).

    Examples
    --------
    >>> from lensmap import WienerFilter
    >>> WienerFilter(z_source=1.2).replace(uncertainty="posterior")
    WienerFilter(z_source=1.2, uncertainty='posterior')
    """

    linear = True
    uncertainties = (ROTATIONS, POSTERIOR)
    # Fix the noise and the power: if they were measured from the ellipticities, the map would not
    # be linear in them. The laws hold to the tolerance of the solver, set lower than by default.
    contract = Contract(
        settings={"sigma_e": 0.25, "tolerance": 1e-7, "z_source": 1.0},
        noiseless={"sigma_e": 0.02},
        periodic={"padding": 1},
        outside="open",
        response=_wiener_response,
    )

    def __init__(
        self,
        *,
        power: Literal["halofit", "camb"] | Callable | tuple = "halofit",
        z_source: RedshiftLike | str | None = None,
        cosmology: CosmologyLike = None,
        padding: float = 1.5,
        tolerance: float = 1e-5,
        max_iterations: int = 1000,
        reduced_shear_iterations: int = 0,
        scheme: Literal["nearest", "cloud-in-cell"] = "nearest",
        fill_holes: bool = False,
        uncertainty: str | None = None,
        n_realizations: int = 100,
        rng: SeedLike = 0,
        sigma_e: float | None = None,
        dtype: Literal["float64", "float32"] = "float64",
    ) -> None:
        self.reduced_shear_iterations = check_count(
            reduced_shear_iterations, "reduced_shear_iterations"
        )
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
        solver = WienerSolver(
            self._variance(grid),
            self._mode_power(grid, fitted),
            dtype=self.dtype,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
        )
        return _State(solver, data_support(grid, self.fill_holes), fitted)

    def invert(self, grid: ShearGrid, state: _State) -> Inversion:
        """Solve the Wiener filter equation for the convergence.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        state : object
            The result of `prepare`.

        Returns
        -------
        Inversion
            The E-mode and the B-mode.
        """
        kappa = state.solver.solve(grid.shear)
        for _ in range(self.reduced_shear_iterations):
            kappa = state.solver.solve(grid.shear * (1 - kappa.real))
        return Inversion(
            kappa.real, kappa.imag, *state.support, meta=meta_of_power(state.fitted)
        )

    def _deviations(
        self, grid: ShearGrid, state: _State, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        pair = state.solver.fluctuations(rng)
        return pair.real, pair.imag
