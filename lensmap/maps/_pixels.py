# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sizes and positions of pixels on the sky, and the comparison of two WCS."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from lensmap.utils import celestial_frame, central_pixel, pixel_to_sky, sky_to_pixel

__all__ = [
    "MAX_ANISOTROPY", "pixel_anisotropy", "pixel_sides", "pixel_to_pixel", "same_pixels",
]

#: The largest ratio of the sides of a pixel that counts as square. Shear that is inverted on such
#: pixels has a relative error of about 0.03, and smoothing that is isotropic in pixels is isotropic
#: on the sky.
MAX_ANISOTROPY = 1.03

# The largest distance, in pixels, between pixels of two WCS that count as equal. It allows for the
# rounding of a FITS header, which keeps 14 digits.
_TOLERANCE_PIXELS = 1e-3


def pixel_to_pixel(
    x: np.ndarray, y: np.ndarray, wcs_in: WCS, wcs_out: WCS
) -> tuple[np.ndarray, np.ndarray]:
    """Convert pixel positions on one WCS to pixel positions on another.

    Parameters
    ----------
    x, y : `numpy.ndarray`
        0-based pixel positions on ``wcs_in``.
    wcs_in, wcs_out : `~astropy.wcs.WCS`
        Two-dimensional celestial WCS.

    Returns
    -------
    x, y : `numpy.ndarray`
        0-based pixel positions on ``wcs_out``. NaN for positions outside its projection.
    """
    sphere = _sky(wcs_in, x, y).transform_to(celestial_frame(wcs_out)).spherical
    new_x, new_y = sky_to_pixel(wcs_out, sphere.lon.deg.ravel(), sphere.lat.deg.ravel())
    return new_x.reshape(np.shape(x)), new_y.reshape(np.shape(x))


def _sky(wcs, x, y):
    return SkyCoord(*pixel_to_sky(wcs, x, y), unit=u.deg, frame=celestial_frame(wcs))


def pixel_sides(wcs: WCS, shape: tuple[int, int]) -> u.Quantity:
    """Return the height and the width of the central pixel of a map.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Returns
    -------
    `~astropy.units.Quantity`
        The height (along y) and the width (along x) on the sky, angles, ``(2,)``.
    """
    return np.linalg.norm(central_pixel(wcs, shape), axis=1) * u.rad


def pixel_anisotropy(wcs: WCS, shape: tuple[int, int]) -> float:
    """Return the anisotropy of a map's central pixel: its largest scale over its smallest scale.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Returns
    -------
    float
        The ratio: 1 for square pixels, larger for rectangles and rhombs.
    """
    largest, smallest = np.linalg.svd(central_pixel(wcs, shape), compute_uv=False)
    return float(largest / smallest)


def same_pixels(one: WCS, other: WCS, shape: tuple[int, int]) -> bool:
    """Return whether the pixels of two WCS have the same positions on the sky.

    Parameters
    ----------
    one, other : `~astropy.wcs.WCS`
        Two-dimensional celestial WCS. Their headers, projections and frames may differ.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Returns
    -------
    bool
        True if the positions agree to a thousandth of a pixel.
    """
    ny, nx = shape
    y, x = np.meshgrid(np.linspace(0, ny - 1, 5), np.linspace(0, nx - 1, 5), indexing="ij")
    first, second = (_sky(wcs, x, y).icrs for wcs in (one, other))
    distance = first.separation(second) / pixel_sides(one, shape).min()
    # Pixels may lie outside the projection, such as the corners of an all-sky map.
    outside = [np.isnan(sky.ra) for sky in (first, second)]
    return bool(
        np.array_equal(*outside) and np.all(distance[~outside[0]] < _TOLERANCE_PIXELS)
    )
