# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The base class of the estimators on HEALPix pixels, which solves for the convergence."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from astropy import units as u

from lensmap.estimators._base import Estimator
from lensmap.estimators._declarations import Inversion
from lensmap.estimators._prior import check_theory
from lensmap.estimators._support import MIN_UNMASKED_FRACTION
from lensmap.maps import HealpixMap
from lensmap.sphere import (
    HealpixPixels,
    SphericalTransform,
    gaussian_window,
    pixel_window,
    solve_masked_shear,
)
from lensmap.typing import ProgressLike
from lensmap.utils import ParameterError, check_count, check_number

__all__ = [
    "SphericalEstimator",
    "SphericalState",
    "check_sphere_theory",
    "filter_response",
    "nside_below",
    "set_common",
    "theory_power",
]

# The share of a Gaussian that lies more than two standard deviations beyond a straight edge. A
# pixel with less of its Gaussian on data has no galaxy near it.
_MIN_SUPPORT = 0.0228

# The Gaussian for methods that do not smooth, in pixels.
_SUPPORT_PIXELS = 2.0


class SphericalState(NamedTuple):
    """The data that the inversions of a grid and of its noise realizations share."""

    data: SphericalTransform  # on the pixels with galaxies
    map: SphericalTransform  # on all pixels of the map
    has_galaxies: np.ndarray
    window: np.ndarray
    unsupported: np.ndarray
    inpainted: np.ndarray | None
    variance: np.ndarray | None  # of the shear per component; None if no equations are solved
    power: np.ndarray | None  # of the prior; None if no equations are solved


class SphericalEstimator(Estimator):
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
        return HealpixPixels(nside_below(_SUPPORT_PIXELS / np.sqrt(max(density, 1e-3))))

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

    def prepare(self, grid: Any, fitted: None) -> SphericalState:
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

        Raises
        ------
        ValueError
            If the noise is needed, and the galaxies have no scatter.
        """
        lmax = self._lmax(grid.pixels)
        has_galaxies = grid.sum_w > 0
        on_map = SphericalTransform(grid.pixels, grid.index, lmax)
        all_data = bool(has_galaxies.all())
        return SphericalState(
            data=on_map if all_data
            else SphericalTransform(grid.pixels, grid.index[has_galaxies], lmax),
            map=on_map,
            has_galaxies=has_galaxies,
            window=pixel_window(grid.pixels.nside, lmax),
            **self._masks(grid, on_map, has_galaxies),
            **self._model(grid, has_galaxies, lmax),
        )

    def _masks(
        self, grid: Any, on_map: SphericalTransform, has_galaxies: np.ndarray
    ) -> dict[str, Any]:
        """Return the pixels without galaxies near them, and the pixels that can be inpainted."""
        if has_galaxies.all() and len(has_galaxies) == grid.pixels.n_pixels:
            return {"unsupported": ~has_galaxies, "inpainted": None}
        gaussian = gaussian_window(self._smoothing_radians(grid.pixels), on_map.lmax)
        near = on_map.smooth(has_galaxies.astype(float), gaussian)
        unsupported = near < _MIN_SUPPORT * np.median(near[has_galaxies])
        inpainted = None
        if self.fill_holes:
            unmasked = on_map.smooth((~grid.mask).astype(float), gaussian)
            inpainted = grid.mask & (unmasked >= MIN_UNMASKED_FRACTION) & ~unsupported
        return {"unsupported": unsupported, "inpainted": inpainted}

    def _model(self, grid: Any, has_galaxies: np.ndarray, lmax: int) -> dict[str, Any]:
        """Return the noise of the pixels with galaxies, and the power of the prior."""
        variance = np.square(grid.sigma[has_galaxies])
        if not np.all(variance > 0):
            raise ParameterError(
                "sigma_e", "given, because the galaxies have no scatter", "None",
                "give the dispersion of the intrinsic ellipticities per component, such as 0.26",
            )
        power = self._prior(lmax)
        power[:2] = 0
        return {"variance": variance, "power": power}

    def _e_modes(self, shear: np.ndarray, state: SphericalState) -> np.ndarray:
        """Return the coefficients of the convergence of shear on the pixels with galaxies."""
        assert state.variance is not None and state.power is not None
        return solve_masked_shear(
            state.data, shear, state.variance, state.power, window=state.window,
            tolerance=self.tolerance, max_iterations=self.max_iterations,
        )[0]

    def _modes(
        self, shear: np.ndarray, reduced: np.ndarray, state: SphericalState
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the coefficients of the convergence of shear, and of the B-mode of ``reduced``."""
        # A rotation of all galaxies by 45 degrees turns B into E, and E into minus B.
        return self._e_modes(shear, state), -self._e_modes(1j * reduced, state)

    def _transfer(self, lmax: int) -> np.ndarray:
        """Return the factor by which the solution is multiplied at each multipole."""
        return np.ones(lmax + 1)

    def invert(self, grid: Any, state: SphericalState) -> Inversion:
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
        # The pixels of all galaxies are those of the map: a copy would take time.
        all_data = state.data is state.map
        shear = reduced = grid.shear if all_data else grid.shear[state.has_galaxies]
        window = state.window[state.data.ell]
        for _ in range(self.reduced_shear_iterations):
            shear = reduced * (1 - state.data.to_map(self._e_modes(shear, state) * window))
        transfer = self._transfer(state.map.lmax)[state.map.ell]
        kappa, kappa_b = (
            state.map.to_map(modes * transfer) for modes in self._modes(shear, reduced, state)
        )
        return Inversion(
            kappa, kappa_b, state.unsupported, state.inpainted,
            meta={"lmax": state.map.lmax, "zero_mode": "l = 0 and 1 are 0: they have no shear"},
        )


def set_common(
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


def check_sphere_theory(z_source: Any, cosmology: Any) -> tuple[Any, Any]:
    """Check the source redshift and the cosmology of the prior, as `check_theory`.

    The redshift must be given, because no power spectrum is fitted to the data on the sphere.
    """
    if z_source is None:
        raise ParameterError(
            "z_source", "a redshift or a redshift distribution", "None",
            "on the sphere, the power spectrum of the prior is not fitted to the catalog; give the "
            "mean redshift of the galaxies, such as 0.9",
        )
    return check_theory(z_source, cosmology)


def theory_power(
    lmax: int, z_source: Any, cosmology: Any, code: str = "halofit"
) -> np.ndarray:
    """Return the theoretical power of the convergence for the multipoles 0 to ``lmax``."""
    from lensmap.cosmology import convergence_power

    ell = np.geomspace(2, lmax, 200) if lmax > 200 else np.arange(2.0, lmax + 1)
    power = convergence_power(ell, z_source, cosmology, power=code)
    values = np.exp(np.interp(np.log(np.arange(2, lmax + 1)), np.log(ell), np.log(power)))
    return np.concatenate([[0, 0], values])


def filter_response(
    estimator: Any, ell: np.ndarray, nside: int, density: float
) -> np.ndarray:
    """Return the factor by which the masked solution changes each multipole of well-covered areas.

    It is signal / (signal + noise), where the signal is reduced by the pixel window.

    Parameters
    ----------
    estimator : SphericalEstimator
        The estimator, with its ``sigma_e``.
    ell : `numpy.ndarray`
        The multipoles, ``(n,)``.
    nside : int
        The resolution of the pixels.
    density : float
        The number of galaxies per steradian.

    Returns
    -------
    `numpy.ndarray`
        The factor, ``(n,)``; 0 above the highest multipole of the map.
    """
    lmax = estimator._lmax(HealpixPixels(nside))
    signal = estimator._prior(lmax) * pixel_window(nside, lmax) ** 2
    signal[:2] = 0
    factor = signal / (signal + estimator.sigma_e**2 / density)
    return np.interp(ell, np.arange(lmax + 1), factor, right=0)


def nside_below(size_arcmin: float) -> int:
    """Return the lowest nside whose pixels are at most as large as a size."""
    order = 0
    while order < 29 and HealpixPixels(1 << order).scale.to_value(u.arcmin) > size_arcmin:
        order += 1
    return 1 << order
