# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`SphericalKaiserSquires` and `SphericalWiener`: estimators on HEALPix pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
from astropy import units as u

from lensmap.estimators._base import Estimator
from lensmap.estimators._declarations import ROTATIONS, Inversion, Uncertainty
from lensmap.estimators._support import MIN_UNMASKED_FRACTION
from lensmap.estimators._wiener import _check_power, _check_theory
from lensmap.flatsky import interpolate_power
from lensmap.maps import HealpixMap
from lensmap.sphere import (
    HealpixPixels,
    SphericalTransform,
    gaussian_window,
    pixel_window,
    smoothed_lmax,
    solve_masked_shear,
)
from lensmap.typing import AngleLike, CosmologyLike, ProgressLike, RedshiftLike, SeedLike
from lensmap.utils import ParameterError, check_angle, check_choice, check_count, check_number

__all__ = ["SphericalKaiserSquires", "SphericalWiener"]

# The prior of SphericalKaiserSquires has this factor times the power of the theory. Modes that the
# data determine are then hardly filtered, and modes in holes stay finite.
_PRIOR_FACTOR = 10.0

# The share of a Gaussian that lies more than two standard deviations beyond a straight edge. A
# pixel with less of its Gaussian on data has no galaxy near it.
_MIN_SUPPORT = 0.0228

# The Gaussian for methods that do not smooth, in pixels.
_SUPPORT_PIXELS = 2.0


class _State(NamedTuple):
    """The data that the inversions of a grid and of its noise realizations share."""

    data: SphericalTransform  # on the pixels with galaxies
    map: SphericalTransform  # on all pixels of the map
    has_galaxies: np.ndarray
    variance: np.ndarray
    power: np.ndarray
    window: np.ndarray
    unsupported: np.ndarray
    inpainted: np.ndarray | None


class _SphericalEstimator(Estimator):
    """Base class of the estimators on the sphere, with the masked solution for E-modes."""

    geometry = "sphere"
    linear = True

    tolerance: float
    max_iterations: int
    reduced_shear_iterations: int

    def pixels_for(self, density: float) -> HealpixPixels:
        """Return the pixels of the map if the user gave none.

        Parameters
        ----------
        density : float
            The density of the galaxies, arcmin^-2.

        Returns
        -------
        HealpixPixels
            The pixels.
        """
        return HealpixPixels(_nside_below(_SUPPORT_PIXELS / np.sqrt(max(density, 1e-3))))

    def _lmax(self, pixels: HealpixPixels) -> int:
        return 2 * pixels.nside

    def _smoothing_radians(self, pixels: HealpixPixels) -> float:
        return _SUPPORT_PIXELS * np.sqrt(pixels.area)

    def _prior(self, lmax: int) -> np.ndarray:
        raise NotImplementedError

    def reconstruct(  # type: ignore[override]
        self,
        catalog: Any,
        wcs: Any = None,
        mask: object = None,
        *,
        progress: ProgressLike = None,
    ) -> HealpixMap:
        """Make a mass map from a shear catalog.

        Parameters
        ----------
        catalog : ShearCatalog, `~astropy.table.Table` or SphericalShearGrid
            The galaxies, or a grid in which they are already binned.
        wcs : HealpixPixels, int or None
            The HEALPix pixels of the map, or their nside. If None, the estimator chooses them. The
            map holds the pixels around the galaxies.
        mask : object or None
            Anything that `lensmap.masks.SkyMask` accepts, except arrays on the pixels of a map.
            Galaxies that the mask excludes are left out, and pixels that it excludes are masked.
            None masks nothing.
        progress : None, bool or callable
            How to show the progress of the noise realizations, as for ``lensmap.utils.track``. None
            shows no progress.

        Returns
        -------
        HealpixMap
            The convergence, the B-mode, the mask, the galaxy counts per pixel, and the uncertainty
            if one was chosen.

        Raises
        ------
        ImportError
            If ``ducc0`` is not installed.
        TypeError, ValueError
            If an argument is invalid, or if no galaxy with nonzero weight is on the map.
        """
        result: Any = super().reconstruct(catalog, wcs, mask, progress=progress)
        return result

    def prepare(self, grid: Any, fitted: None) -> _State:
        """Return the transforms, the noise, the prior and the masks of a grid.

        Parameters
        ----------
        grid : lensmap.grid.SphericalShearGrid
            The binned reduced shear.
        fitted : None
            None, because the method fits no model.

        Returns
        -------
        object
            The shared data, which `invert` needs.
        """
        lmax = self._lmax(grid.pixels)
        has_galaxies = grid.sum_w > 0
        on_map = SphericalTransform(grid.pixels, grid.index, lmax)
        variance = np.square(grid.sigma[has_galaxies])
        if not np.all(variance > 0):
            raise ParameterError(
                "sigma_e", "given, because the galaxies have no scatter", "None",
                "give the dispersion of the intrinsic ellipticities per component, such as 0.26",
            )
        power = self._prior(lmax)
        power[:2] = 0
        gaussian = gaussian_window(self._smoothing_radians(grid.pixels), lmax)
        near = on_map.smooth(has_galaxies.astype(float), gaussian)
        unsupported = near < _MIN_SUPPORT * np.median(near[has_galaxies])
        inpainted = None
        if self.fill_holes:
            unmasked = on_map.smooth((~grid.mask).astype(float), gaussian)
            inpainted = grid.mask & (unmasked >= MIN_UNMASKED_FRACTION) & ~unsupported
        return _State(
            SphericalTransform(grid.pixels, grid.index[has_galaxies], lmax), on_map, has_galaxies,
            variance, power, pixel_window(grid.pixels.nside, lmax), unsupported, inpainted,
        )

    def _solve(self, shear: np.ndarray, state: _State) -> np.ndarray:
        """Return the coefficients of the convergence of shear on the pixels with galaxies."""
        return solve_masked_shear(
            state.data, shear, state.variance, state.power, window=state.window,
            tolerance=self.tolerance, max_iterations=self.max_iterations,
        )[0]

    def _transfer(self, lmax: int) -> np.ndarray:
        """Return the factor by which the solution is multiplied at each multipole."""
        return np.ones(lmax + 1)

    def invert(self, grid: Any, state: _State) -> Inversion:
        """Solve for the convergence of the shear, and evaluate it on the pixels of the map.

        Parameters
        ----------
        grid : lensmap.grid.SphericalShearGrid
            The binned reduced shear.
        state : object
            The result of `prepare`.

        Returns
        -------
        Inversion
            The E-mode and the B-mode.
        """
        shear = grid.shear[state.has_galaxies]
        if self._fills_with_zeros:
            return self._invert_zero_filled(shear, state)
        modes = self._solve(shear, state)
        for _ in range(self.reduced_shear_iterations):
            kappa = state.data.to_map(modes * state.window[state.data.ell])
            modes = self._solve(shear * (1 - kappa), state)
        # A rotation of all galaxies by 45 degrees turns B into E, and E into minus B.
        modes_b = -self._solve(1j * shear, state)
        return self._inversion(modes, modes_b, state)

    @property
    def _fills_with_zeros(self) -> bool:
        return False

    def _invert_zero_filled(self, shear: np.ndarray, state: _State) -> Inversion:
        """Invert shear by one quadrature, in which pixels without galaxies count as zero shear."""
        modes, modes_b = state.data.to_convergence(shear)
        for _ in range(self.reduced_shear_iterations):
            kappa = state.data.to_map(modes)
            modes = state.data.to_convergence(shear * (1 - kappa))[0]
        inverse = 1 / state.window[state.data.ell]
        return self._inversion(modes * inverse, modes_b * inverse, state)

    def _inversion(self, modes: np.ndarray, modes_b: np.ndarray, state: _State) -> Inversion:
        """Return the maps of coefficients."""
        transfer = self._transfer(state.map.lmax)[state.map.ell]
        kappa, kappa_b = (state.map.to_map(m * transfer) for m in (modes, modes_b))
        return Inversion(
            kappa, kappa_b, state.unsupported, state.inpainted,
            meta={"lmax": state.map.lmax, "zero_mode": "l = 0 and 1 are 0: they have no shear"},
        )


class SphericalKaiserSquires(_SphericalEstimator):
    r"""The Kaiser-Squires inversion on the sphere, for any footprint.

    The coefficients of the convergence are those of the E-mode of the shear times
    :math:`\sqrt{\ell (\ell + 1) / ((\ell + 2) (\ell - 1))}`, smoothed with a Gaussian. By default,
    they are the solution of the linear equations for the pixels with galaxies, with a weak Gaussian
    prior. Its power is ten times that of the theory, so that well-measured modes are hardly
    filtered and modes in holes stay finite.

    Parameters
    ----------
    smoothing : `~astropy.units.Quantity` or str
        The standard deviation of the Gaussian smoothing, an angle.
    gaps : {"solve", "zero"}
        The treatment of pixels without galaxies. With ``"solve"``, they do not count; for maps of a
        part of the sphere. With ``"zero"``, they count as zero shear, which is many times faster.
    z_source : float, str or `lensmap.cosmology.SourceRedshifts`
        The redshift of the galaxies, or their redshift distribution or its name, for the prior of
        ``gaps="solve"``.
    tolerance : float
        The relative residual of the linear equations at which the solver stops.
    max_iterations : int
        The largest number of iterations of the solver. A warning is given if it is reached.
    reduced_shear_iterations : int
        The number of iterations that correct for the difference between reduced shear and shear; 0
        uses the reduced shear as the shear.
    fill_holes : bool
        Whether masked pixels are inpainted where at least half of the smoothing kernel lies on
        unmasked pixels.
    uncertainty : None or "rotations"
        The kind of uncertainty; None gives no uncertainty. ``"rotations"`` is the noise of the
        smoothed map, the scatter of maps of randomly rotated galaxies.
    n_realizations : int
        The number of random rotations of the galaxies, each of which gives two noise maps.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random rotations.
    sigma_e : float or None
        The intrinsic dispersion of the ellipticities per component; None takes the column
        ``sigma_e`` or, without this column, measures the dispersion as a function of the weight.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    Notes
    -----
    The monopole and the dipole of the convergence are 0, because they have no shear. The B-mode is
    the result of the same inversion for the shear rotated by 45 degrees.

    References
    ----------
    Wallis et al. 2022, MNRAS 509, 4480; Chang et al. 2018, MNRAS 475, 3165 (Kaiser-Squires on the
    sphere); Jeffrey et al. 2021, MNRAS 505, 4626.

    Examples
    --------
    >>> from lensmap.estimators import SphericalKaiserSquires
    >>> SphericalKaiserSquires(smoothing="20 arcmin")
    SphericalKaiserSquires(smoothing='20.0 arcmin')
    """

    def __init__(
        self,
        *,
        smoothing: AngleLike = 10 * u.arcmin,
        gaps: Literal["solve", "zero"] = "solve",
        z_source: RedshiftLike | str = 1.0,
        tolerance: float = 1e-4,
        max_iterations: int = 300,
        reduced_shear_iterations: int = 0,
        fill_holes: bool = False,
        uncertainty: str | None = None,
        n_realizations: int = 100,
        rng: SeedLike = 0,
        sigma_e: float | None = None,
    ) -> None:
        self.smoothing = check_angle(smoothing, "smoothing")
        self.gaps = check_choice(gaps, "gaps", ("solve", "zero"))
        self.z_source = _check_theory(z_source, None)[0]
        _set_common(self, tolerance, max_iterations, reduced_shear_iterations, sigma_e)
        self.fill_holes = bool(fill_holes)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        self.check_parameters()

    @property
    def _fills_with_zeros(self) -> bool:
        return self.gaps == "zero"

    def pixels_for(self, density: float) -> HealpixPixels:
        """Return pixels of at most half of the smoothing length; ``density`` has no effect."""
        return HealpixPixels(_nside_below(self.smoothing.to_value(u.arcmin) / 2))

    def _smoothing_radians(self, pixels: HealpixPixels) -> float:
        return self.smoothing.to_value(u.rad)

    def _lmax(self, pixels: HealpixPixels) -> int:
        return smoothed_lmax(self.smoothing.to_value(u.rad), 2 * pixels.nside)

    def _transfer(self, lmax: int) -> np.ndarray:
        return gaussian_window(self.smoothing.to_value(u.rad), lmax)

    def _prior(self, lmax: int) -> np.ndarray:
        return _PRIOR_FACTOR * _theory_power(lmax, self.z_source, None)


class SphericalWiener(_SphericalEstimator):
    r"""The Wiener filter on the sphere: the posterior mean for a Gaussian signal of known power.

    .. math:: (C^{-1} + A^\dagger N^{-1} A)\, \kappa = A^\dagger N^{-1} g

    C is the power of the convergence, N the noise of the mean shear of each pixel with galaxies,
    and A gives the shear of a convergence, averaged over pixels. Pixels without galaxies do not
    count as zero shear.

    Parameters
    ----------
    power : {"halofit", "camb"}, callable or pair of array_like
        What computes the matter power spectrum, from which the power spectrum of the convergence is
        computed for ``z_source`` and ``cosmology``; or this spectrum itself, :math:`C_\ell` in
        steradians, without the pixel window, as for `WienerFilter`.
    z_source : float, str or `lensmap.cosmology.SourceRedshifts`
        The redshift of the galaxies, or their redshift distribution or its name. It is not used if
        ``power`` is a spectrum.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology of the theoretical power spectrum; None is ``"massivenus"``.
    tolerance : float
        The relative residual of the linear equations at which the solver stops.
    max_iterations : int
        The largest number of iterations of the solver. A warning is given if it is reached.
    reduced_shear_iterations : int
        The number of iterations that correct for the difference between reduced shear and shear; 0
        uses the reduced shear as the shear.
    fill_holes : bool
        Whether masked pixels are inpainted where at least half of a Gaussian of two pixels lies on
        unmasked pixels.
    uncertainty : None, "rotations" or "posterior"
        The kind of uncertainty; None gives no uncertainty. ``"posterior"`` is the total error with
        respect to the true convergence, from samples of the posterior. ``"rotations"`` is the noise
        of the filtered map.
    n_realizations : int
        The number of random realizations, each of which gives two maps.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random realizations.
    sigma_e : float or None
        The intrinsic dispersion of the ellipticities per component; None takes the column
        ``sigma_e`` or, without this column, measures the dispersion as a function of the weight.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    References
    ----------
    Jeffrey et al. 2021, MNRAS 505, 4626 (DES Y3); Hoffman & Ribak 1991, ApJ 380, L5 (samples of the
    posterior).

    Examples
    --------
    >>> from lensmap.estimators import SphericalWiener
    >>> SphericalWiener(z_source=0.8, uncertainty="posterior")
    SphericalWiener(z_source=0.8, uncertainty='posterior')
    """

    uncertainties = (ROTATIONS, Uncertainty("posterior", "total"))

    def __init__(
        self,
        *,
        power: Literal["halofit", "camb"] | Callable | tuple = "halofit",
        z_source: RedshiftLike | str = 1.0,
        cosmology: CosmologyLike = None,
        tolerance: float = 1e-4,
        max_iterations: int = 300,
        reduced_shear_iterations: int = 0,
        fill_holes: bool = False,
        uncertainty: str | None = None,
        n_realizations: int = 20,
        rng: SeedLike = 0,
        sigma_e: float | None = None,
    ) -> None:
        self.power = _check_power(power)
        self.z_source, self.cosmology = _check_theory(z_source, cosmology)
        _set_common(self, tolerance, max_iterations, reduced_shear_iterations, sigma_e)
        self.fill_holes = bool(fill_holes)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        self.check_parameters()

    def _prior(self, lmax: int) -> np.ndarray:
        if isinstance(self.power, str):
            return _theory_power(lmax, self.z_source, self.cosmology, self.power)
        ell = np.arange(2.0, lmax + 1)
        values = self.power(ell) if callable(self.power) else interpolate_power(ell, *self.power)
        return np.concatenate([[0, 0], values])

    def noise(
        self, grid: Any, state: _State, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        """Return two noise maps, or the deviations of two posterior samples from the mean.

        Parameters
        ----------
        grid : lensmap.grid.SphericalShearGrid
            Randomly rotated galaxies, or the grid of the map for ``"posterior"``.
        state : object
            The result of `prepare`.
        rng : `numpy.random.Generator`
            Generator for the samples.

        Returns
        -------
        list of `numpy.ndarray`
            Two maps, ``(n,)``.
        """
        if self.uncertainty != "posterior":
            return super().noise(grid, state, rng)
        return [self._fluctuation(state, rng) for _ in range(2)]

    def _fluctuation(self, state: _State, rng: np.random.Generator) -> np.ndarray:
        """Return a sample of the prior minus the map of its noisy shear (Hoffman & Ribak 1991)."""
        transform = state.data
        modes = rng.standard_normal(len(transform.ell)) + 1j * rng.standard_normal(
            len(transform.ell)
        )
        modes /= np.sqrt(2)
        modes[: transform.lmax + 1] = np.sqrt(2) * modes[: transform.lmax + 1].real
        modes *= np.sqrt(state.power)[transform.ell]
        shear = transform.to_shear(modes * state.window[transform.ell])
        noise = rng.standard_normal(len(shear)) + 1j * rng.standard_normal(len(shear))
        found = self._solve(shear + np.sqrt(state.variance) * noise, state)
        return state.map.to_map(modes - found)


def _set_common(
    estimator: Any, tolerance: float, max_iterations: int, reduced_shear_iterations: int,
    sigma_e: float | None,
) -> None:
    """Check and set the parameters that both estimators have."""
    estimator.tolerance = check_number(
        tolerance, "tolerance", "between 0 and 1", low=1e-15, high=0.99
    )
    estimator.max_iterations = check_count(max_iterations, "max_iterations", minimum=1)
    estimator.reduced_shear_iterations = check_count(
        reduced_shear_iterations, "reduced_shear_iterations"
    )
    if sigma_e is not None:
        check_number(sigma_e, "sigma_e", "None or positive", low=1e-300)
    estimator.sigma_e = sigma_e


def _theory_power(
    lmax: int, z_source: Any, cosmology: Any, code: str = "halofit"
) -> np.ndarray:
    """Return the theoretical power of the convergence for the multipoles 0 to ``lmax``."""
    from lensmap.cosmology import convergence_power

    ell = np.geomspace(2, lmax, 200) if lmax > 200 else np.arange(2.0, lmax + 1)
    power = convergence_power(ell, z_source, cosmology, power=code)
    values = np.exp(np.interp(np.log(np.arange(2, lmax + 1)), np.log(ell), np.log(power)))
    return np.concatenate([[0, 0], values])


def _nside_below(size_arcmin: float) -> int:
    """Return the lowest nside whose pixels are at most as large as a size."""
    order = 0
    while order < 29 and HealpixPixels(1 << order).scale.to_value(u.arcmin) > size_arcmin:
        order += 1
    return 1 << order
