# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""E and B maps of a wide catalog and of its mirror image on the sphere, and their statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.diagnostics._plane_maps import ellipticities, mirrored, moments
from lensmap.grid import SphericalAssignment, SphericalPixels
from lensmap.sphere import HealpixPixels, SphericalTransform, gaussian_window
from lensmap.utils import unit_vectors

if TYPE_CHECKING:
    from lensmap.catalog import ShearCatalog

__all__ = ["SphereMaps", "is_wide"]

# A tangent plane suits catalogs within this angle from their mean position.
_MAX_PLANE_RADIUS_DEG = 20.0

# The pixels, 27 arcmin, and the standard deviations of the Gaussian smoothings.
_NSIDE, _SMOOTHINGS_ARCMIN = 128, (20.0, 40.0, 80.0)


def is_wide(catalog: ShearCatalog) -> bool:
    """Return whether a catalog is too wide for a tangent plane.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.

    Returns
    -------
    bool
        True if galaxies lie more than 20 degrees from the mean position of all.
    """
    vectors = unit_vectors(catalog.ra, catalog.dec)
    mean = vectors.mean(axis=0)
    length = np.linalg.norm(mean)
    if length < np.cos(np.radians(_MAX_PLANE_RADIUS_DEG)):  # the mean of a cap of 20 deg is longer
        return True
    return bool((vectors @ mean).min() < length * np.cos(np.radians(_MAX_PLANE_RADIUS_DEG)))


class SphereMaps:
    """E and B maps of a catalog and of its mirror image on HEALPix pixels, on several scales.

    Pixels without galaxies count as zero shear. The parameters, the attributes and the statistics
    are those of `PlaneMaps`; ``indices`` has one array.
    """

    def __init__(self, catalog: ShearCatalog, positions: SkyCoord | None) -> None:
        on = SphericalPixels.around([catalog], HealpixPixels(_NSIDE, catalog.frame), None)
        self._assignment = SphericalAssignment(catalog, on)
        occupied, self._pixel = np.unique(self._assignment.pixel, return_inverse=True)
        index = on.index[occupied]
        w = np.ones(len(catalog), dtype=np.float32) if catalog.weight is None else catalog.weight
        weight = np.bincount(self._pixel, w)
        # All pixels have the same noise per unit weight, so that dense pixels count more.
        self._unit = weight[weight > 0].mean() if weight.any() else 1.0
        self._fraction = w / max(float(np.sum(w, dtype=float)), np.finfo(float).tiny)
        self.weighted = ellipticities(catalog) * w
        self._transform = SphericalTransform(on.pixels, index)
        lmax = self._transform.lmax
        self._transfers = [
            gaussian_window(np.radians(smoothing / 60), lmax)[self._transform.ell]
            for smoothing in _SMOOTHINGS_ARCMIN
        ]
        self.indices = None
        if positions is not None:
            self.indices = (_rows_at(positions, on.pixels, index),)

    def statistics(self, weighted: np.ndarray) -> np.ndarray:
        """Return the statistics of the maps of a catalog and of its mirror image.

        Parameters
        ----------
        weighted : `numpy.ndarray`
            The weight times the complex ellipticity of each galaxy, complex64, ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            An array ``(2, n_scales, 5)``, as of `PlaneMaps.statistics`.
        """
        # The mean ellipticity comes from a bias and not from lensing.
        weighted = weighted - self._fraction * weighted.sum()
        return np.array([self._statistics_by_scale(w) for w in (weighted, mirrored(weighted))])

    def _statistics_by_scale(self, weighted: np.ndarray) -> list[list[float]]:
        shear = self._assignment.to_pixel_basis(weighted.real, weighted.imag)
        n = self._transform.n_pixels
        sums = [np.bincount(self._pixel, part, minlength=n) for part in (shear.real, shear.imag)]
        modes = self._transform.to_convergence((sums[0] + 1j * sums[1]) / self._unit)
        rows = []
        for transfer in self._transfers:
            e, b = (self._transform.to_map(part * transfer) for part in modes)
            at_positions = np.nan if self.indices is None else float(e[self.indices].mean())
            rows.append([*moments(e + 1j * b), at_positions])
        return rows


def _rows_at(positions: SkyCoord, pixels: HealpixPixels, index: np.ndarray) -> np.ndarray:
    """Return the places, in an increasing list of pixels, of those that contain positions."""
    sky = positions.transform_to(pixels.frame).spherical.reshape(-1)
    nested = pixels.at(sky.lon.to_value(u.deg), sky.lat.to_value(u.deg))
    place = np.minimum(np.searchsorted(index, nested), len(index) - 1)
    place = place[index[place] == nested]
    if len(place) == 0:
        raise ValueError(
            f"none of the {positions.size} positions lies within the area of the catalog"
        )
    return place
