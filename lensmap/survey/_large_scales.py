# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The largest scales of a survey, from one map of the sphere, and their joining to the tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.interpolate import RectBivariateSpline

from lensmap.flatsky import gaussian_smooth
from lensmap.grid import PixelFrame, SphericalShearGrid
from lensmap.sphere import (
    HealpixPixels,
    SphericalTransform,
    e_over_kappa,
    gaussian_window,
    import_ducc,
    multipoles,
    pixel_window,
    solve_masked_shear,
)
from lensmap.survey._tiles import TileLattice
from lensmap.utils import n_threads

__all__ = ["LargeScales", "LatticeScales", "solve_large_scales"]

#: The HEALPix resolution of the map of the sphere, and its highest multipole.
NSIDE = 256
LMAX = 640

# The map of the sphere is evaluated at this spacing, degrees, and interpolated.
_STEP_DEG = 8 / 60

# The accuracy of the transforms to arbitrary positions, relative.
_EPSILON = 1e-7


class LatticeScales(NamedTuple):
    """The largest scales on the pixels of a tile.

    Attributes
    ----------
    kappa : `numpy.ndarray`
        The convergence of the sphere, ``(ny, nx)``.
    low : `numpy.ndarray`
        The convergence of the sphere, smoothed to the scales that the tile takes from it,
        ``(ny, nx)``.
    low_smoothed : `numpy.ndarray`
        ``low`` with the smoothing of the estimator, ``(ny, nx)``.
    low_shear : `numpy.ndarray`
        The shear of ``low`` in the basis of the pixel axes, complex, ``(ny, nx)``.
    """

    kappa: np.ndarray
    low: np.ndarray
    low_smoothed: np.ndarray
    low_shear: np.ndarray


@dataclass(frozen=True, eq=False)
class LargeScales:
    r"""The convergence of the sphere, from which tiles take their largest scales.

    Tiles take the scales below the multipole ``ell_join``: the factor at each multipole is
    :math:`\exp[-\ell (\ell + 1) / (2 \ell_j^2)]`.

    Attributes
    ----------
    modes : `numpy.ndarray`
        The coefficients of the convergence, in the order of healpy, complex, ``(n_modes,)``.
    lmax : int
        The highest multipole.
    ell_join : float
        The multipole :math:`\ell_j`.
    """

    modes: np.ndarray
    lmax: int
    ell_join: float

    @property
    def window(self) -> np.ndarray:
        """The factor of each multipole that tiles take from the sphere, ``(lmax + 1,)``."""
        return gaussian_window(1 / self.ell_join, self.lmax)

    @property
    def smoothing_deg(self) -> float:
        """The standard deviation of the Gaussian of `window` on the sky, degrees."""
        return float(np.degrees(1 / self.ell_join))

    def on_lattice(
        self, lattice: TileLattice, frame: PixelFrame, smoothing: float = 0.0
    ) -> LatticeScales:
        """Evaluate the largest scales on the pixels of a tile.

        Parameters
        ----------
        lattice : TileLattice
            The pixels.
        frame : ``lensmap.grid.PixelFrame``
            The same pixels, for the directions of their axes.
        smoothing : float
            The standard deviation of the Gaussian smoothing of the estimator, radians.

        Returns
        -------
        LatticeScales
            The maps.
        """
        ny, nx = lattice.shape
        y, x = (_nodes(n, _STEP_DEG / lattice.scale) for n in (ny, nx))
        nodes = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        lon, lat = lattice.wcs.wcs_pix2world(nodes, 0).T
        ell = multipoles(self.lmax)
        low = self.modes * self.window[ell]
        smoothed = low * gaussian_window(smoothing, self.lmax)[ell]
        shear = self._shear_at(low, ell, lon, lat)
        pixel = nodes[:, 1].astype(np.intp) * nx + nodes[:, 0].astype(np.intp)
        shear = frame.to_pixel_basis(shear, frame.rotation(lon, lat, pixel))
        planes = [self._kappa_at(modes, lon, lat) for modes in (self.modes, low, smoothed)]
        on_pixels = [
            _interpolated(values.reshape(len(y), len(x)), y, x, (ny, nx))
            for values in (*planes, shear.real, shear.imag)
        ]
        kappa, low, low_smoothed, real, imaginary = on_pixels
        return LatticeScales(kappa, low, low_smoothed, real + 1j * imaginary)

    def _kappa_at(self, modes: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        return self._at(modes[np.newaxis], lon, lat, 0)[0]

    def _shear_at(
        self, modes: np.ndarray, ell: np.ndarray, lon: np.ndarray, lat: np.ndarray
    ) -> np.ndarray:
        """Return the shear of coefficients in the celestial basis, complex, ``(n,)``."""
        e_modes = modes * e_over_kappa(ell)
        # HEALPix's basis is x to the south and y to the east, as `SphericalTransform` has it.
        q, u = self._at(np.stack([e_modes, np.zeros_like(e_modes)]), lon, lat, 2)
        return -(q + 1j * u)

    def _at(self, modes: np.ndarray, lon: np.ndarray, lat: np.ndarray, spin: int) -> np.ndarray:
        positions = np.stack([np.radians(90 - lat), np.radians(np.mod(lon, 360))], axis=-1)
        return import_ducc().sht.synthesis_general(
            alm=np.ascontiguousarray(modes), spin=spin, lmax=self.lmax, loc=positions,
            epsilon=_EPSILON, nthreads=n_threads(),
        )

    def join(
        self, kappa: np.ndarray, on_lattice: LatticeScales, scale: float, support: np.ndarray
    ) -> np.ndarray:
        r"""Replace the largest scales of the map of a tile by those of the sphere.

        .. math:: \kappa = \kappa_\mathrm{tile} +
                  \frac{G * [m\, (\kappa_\mathrm{sphere} - \kappa_\mathrm{tile})]}{G * m}

        Parameters
        ----------
        kappa : `numpy.ndarray`
            The map of the tile, ``(ny, nx)``.
        on_lattice : LatticeScales
            The largest scales on the same pixels.
        scale : float
            The side of a pixel, degrees.
        support : `numpy.ndarray`
            True for the pixels of the footprint, m, bool, ``(ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            The joined map, ``(ny, nx)``.
        """
        sigma = self.smoothing_deg / scale
        difference = np.where(support, on_lattice.kappa - kappa, 0.0)
        near = gaussian_smooth(support.astype(float), sigma)
        smoothed = gaussian_smooth(difference, sigma)
        change = np.divide(smoothed, near, out=np.zeros_like(smoothed), where=near > 1e-6)
        return kappa + change


def solve_large_scales(
    grid: SphericalShearGrid,
    power: np.ndarray,
    ell_join: float,
    tolerance: float = 1e-4,
    *,
    other: np.ndarray | None = None,
) -> LargeScales:
    """Return the convergence of the sphere that tiles are joined to.

    It is the most probable E-mode, given the shear and the theoretical power as the prior.

    Parameters
    ----------
    grid : SphericalShearGrid
        The binned shear of the survey.
    power : `numpy.ndarray`
        The theoretical power of the convergence, steradian, ``(LMAX + 1,)``.
    ell_join : float
        The multipole below which tiles take their scales from the sphere.
    tolerance : float
        The relative residual at which the solver stops.
    other : `numpy.ndarray` or None
        Another spin-2 quantity on the same pixels, complex, ``(n,)``, NaN without a value, to which
        the filter of the shear is applied, with the same prior and the same noise. None takes the
        shear.

    Returns
    -------
    LargeScales
        The solution.
    """
    used = grid.sum_w > 0
    # Without a floor, pixels of one galaxy without scatter would have infinite weight.
    variance = np.square(grid.sigma)
    typical = float(np.median(variance[used]))
    variance = np.maximum(variance, 1e-4 * max(typical, 1e-12))
    values = grid.shear if other is None else other
    used = used & np.isfinite(values)
    if not used.any():
        return LargeScales(np.zeros(len(multipoles(LMAX)), complex), LMAX, float(ell_join))
    transform = SphericalTransform(grid.pixels, grid.index[used], LMAX)
    modes, _ = solve_masked_shear(
        transform, values[used], variance[used], power,
        window=pixel_window(grid.pixels.nside, LMAX), tolerance=tolerance,
    )
    return LargeScales(modes, LMAX, float(ell_join))


def sphere_pixels() -> HealpixPixels:
    """Return the pixels of the map of the sphere."""
    return HealpixPixels(NSIDE)


def _nodes(n: int, step: float) -> np.ndarray:
    """Return the pixels at which the sphere is evaluated along an axis of ``n`` pixels."""
    number = max(4, 1 + int(np.ceil((n - 1) / max(step, 1.0))))
    return np.unique(np.rint(np.linspace(0, n - 1, number)))


def _interpolated(
    values: np.ndarray, y: np.ndarray, x: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Interpolate values at nodes to all pixels by a bicubic spline."""
    order = [min(3, len(axis) - 1) for axis in (y, x)]
    spline = RectBivariateSpline(y, x, values, kx=order[0], ky=order[1])
    return spline(np.arange(shape[0]), np.arange(shape[1]))
