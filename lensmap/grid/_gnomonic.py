# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Gnomonic`: pixel positions on a tangent plane, several times as fast as by wcslib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lensmap.utils import pixel_to_sky

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["Gnomonic"]

# The largest difference from the positions of wcslib, pixels, at the points where it is checked.
_TOLERANCE = 1e-7

# The number of points along each axis at which the positions are checked.
_N_POINTS = 5


@dataclass(frozen=True, eq=False)
class Gnomonic:
    """The gnomonic projection (TAN) of a WCS without distortion.

    Attributes
    ----------
    x_axis, y_axis : `numpy.ndarray`
        The vectors whose scalar products with a unit vector, divided by that with ``center``, are
        the pixel positions, ``(3,)``.
    center : `numpy.ndarray`
        The unit vector of the tangent point, ``(3,)``.

    References
    ----------
    Calabretta & Greisen 2002, A&A 395, 1077, eq. 54 and 55.
    """

    x_axis: np.ndarray
    y_axis: np.ndarray
    center: np.ndarray

    @classmethod
    def of(cls, wcs: WCS) -> Gnomonic | None:
        """Return the projection of a WCS.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            A celestial WCS with its ``array_shape``.

        Returns
        -------
        Gnomonic or None
            The projection. None if it is not gnomonic, has distortions or a rotated pole.
        """
        if getattr(wcs, "has_distortion", True) or not hasattr(wcs, "wcs"):
            return None
        if [name[5:] for name in wcs.wcs.ctype] != ["TAN", "TAN"]:
            return None
        lon, lat = np.radians(wcs.wcs.crval)
        east = np.array([-np.sin(lon), np.cos(lon), 0.0])
        center = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        try:
            inverse = np.degrees(np.linalg.inv(wcs.pixel_scale_matrix))
        except np.linalg.LinAlgError:
            return None
        axes = inverse @ np.stack([east, np.cross(center, east)])
        axes += (wcs.wcs.crpix - 1)[:, np.newaxis] * center
        found = cls(axes[0], axes[1], center)
        return found if found._agrees_with(wcs) else None

    def _agrees_with(self, wcs: WCS) -> bool:
        """Return whether positions on the map are those of wcslib."""
        ny, nx = wcs.array_shape
        y, x = np.meshgrid(
            np.linspace(0, ny - 1, _N_POINTS), np.linspace(0, nx - 1, _N_POINTS), indexing="ij"
        )
        lon, lat = pixel_to_sky(wcs, x.ravel(), y.ravel())
        if not np.isfinite(lon).all():
            return False
        found = self.positions(lon, lat)
        bound = _TOLERANCE * max(1.0, nx / 1e4, ny / 1e4)
        return bool(
            np.abs(found[0] - x.ravel()).max() < bound
            and np.abs(found[1] - y.ravel()).max() < bound
        )

    def positions(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixel positions of positions on the sky.

        Parameters
        ----------
        lon, lat : `numpy.ndarray`
            Longitudes and latitudes, degrees, ``(n,)``.

        Returns
        -------
        x, y : `numpy.ndarray`
            Pixel positions, 0-based, ``(n,)``. NaN for positions 90 degrees and more from the
            tangent point.
        """
        lon, lat = np.radians(lon), np.radians(lat)
        cos_lat, z = np.cos(lat), np.sin(lat)
        vector_x, vector_y = np.cos(lon), np.sin(lon)
        vector_x *= cos_lat
        vector_y *= cos_lat

        def product(axis: np.ndarray) -> np.ndarray:
            total = vector_x * axis[0]
            total += vector_y * axis[1]
            total += z * axis[2]
            return total

        depth = product(self.center)
        with np.errstate(divide="ignore"):
            np.divide(1.0, depth, out=depth)
        depth[~(depth > 0)] = np.nan
        x, y = product(self.x_axis), product(self.y_axis)
        x *= depth
        y *= depth
        return x, y
