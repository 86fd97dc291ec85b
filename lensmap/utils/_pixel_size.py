# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The size of the pixels of a map on the sky."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.utils._celestial import pixel_to_sky
from lensmap.utils._exceptions import ParameterError
from lensmap.utils._positions import unit_vectors

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["central_pixel", "pixel_size"]


def central_pixel(wcs: WCS, shape: tuple[int, int]) -> np.ndarray:
    """Return the sides of the central pixel of a map as vectors.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        The sides as vectors in three dimensions, ``(2, 3)``. The first vector runs along y, the
        second along x. The length of a vector is the length of the side in radians.

    Raises
    ------
    ValueError
        If the center of the map is off the sky.
    """
    y, x = (n / 2 - 0.5 for n in shape)
    low, high, left, right = unit_vectors(*pixel_to_sky(
        wcs, x + np.array([0.0, 0.0, -0.5, 0.5]), y + np.array([-0.5, 0.5, 0.0, 0.0])
    ))
    sides = np.stack([high - low, right - left])
    if not np.all(np.isfinite(sides)):
        raise ParameterError(
            "wcs",
            "of an image whose center is on the sky",
            remedy=f"the center of the {shape[0]} x {shape[1]} pixels lies beyond the edge of the "
                   "projection: move CRVAL to the center of the image",
        )
    return sides


def pixel_size(wcs: WCS, shape: tuple[int, int]) -> u.Quantity:
    """Return the pixel scale of a map, as the square root of the area of its central pixel.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Returns
    -------
    `~astropy.units.Quantity`
        The square root of the area, in degrees.
    """
    area = np.linalg.norm(np.cross(*central_pixel(wcs, shape)))
    return np.degrees(np.sqrt(area)) * u.deg
