# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How large pixels are on the sky, and whether two maps have the same ones."""

import numpy as np
from astropy import units as u
from astropy.wcs.utils import wcs_to_celestial_frame

__all__ = ["pixel_anisotropy", "pixel_sides", "pixel_size", "pixel_to_pixel", "same_pixels"]

# Two WCS are the same if their pixels lie closer than this, in pixels: a header keeps 14 digits.
_SAME = 1e-3


def _vectors(wcs, x, y):
    """Return the unit vectors of pixel positions, ``(..., 3)``; NaN off the sky."""
    world = wcs.all_pix2world(x, y, 0)
    lon, lat = (np.radians(world[i]) for i in (wcs.wcs.lng, wcs.wcs.lat))
    return np.stack(
        [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1
    )


def pixel_to_pixel(x, y, wcs_in, wcs_out):
    """Return where positions on one map lie on another.

    Parameters
    ----------
    x, y : `numpy.ndarray`
        0-based pixel positions on ``wcs_in``.
    wcs_in, wcs_out : `~astropy.wcs.WCS`
        Two-dimensional celestial WCS.

    Returns
    -------
    tuple of `numpy.ndarray`
        ``(x, y)`` on ``wcs_out``; NaN off the sky.
    """
    sphere = wcs_in.pixel_to_world(x, y).transform_to(wcs_to_celestial_frame(wcs_out)).spherical
    world = {wcs_out.wcs.lng: sphere.lon.deg, wcs_out.wcs.lat: sphere.lat.deg}
    # Quiet: far off an image with distortions there may be no position, which is no error.
    return wcs_out.all_world2pix(world[0], world[1], 0, quiet=True)


def pixel_sides(wcs, shape):
    """Return the height and the width of the pixel at the center of a map.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : tuple of int
        ``(ny, nx)``.

    Returns
    -------
    `~astropy.units.Quantity`
        Two angles on the sky, along the pixel's y and its x.
    """
    return np.linalg.norm(_central_pixel(wcs, shape), axis=1) * u.rad


def pixel_size(wcs, shape):
    """Return the square root of the area of the pixel at the center of a map.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : tuple of int
        ``(ny, nx)``.

    Returns
    -------
    `~astropy.units.Quantity`
        An angle on the sky, in degrees.
    """
    area = np.linalg.norm(np.cross(*_central_pixel(wcs, shape)))
    return np.degrees(np.sqrt(area)) * u.deg


def pixel_anisotropy(wcs, shape):
    """Return the ratio of the largest to the smallest scale of the pixel at a map's center.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : tuple of int
        ``(ny, nx)``.

    Returns
    -------
    float
        1 for squares; oblongs and rhombs have more.
    """
    largest, smallest = np.linalg.svd(_central_pixel(wcs, shape), compute_uv=False)
    return float(largest / smallest)


def _central_pixel(wcs, shape):
    """Return the pixel's y and x axes as vectors on the sky, ``(2, 3)``, in radians."""
    y, x = (n / 2 - 0.5 for n in shape)
    low, high, left, right = _vectors(
        wcs, x + np.array([0.0, 0.0, -0.5, 0.5]), y + np.array([-0.5, 0.5, 0.0, 0.0])
    )
    return np.stack([high - low, right - left])


def same_pixels(one, other, shape):
    """Return whether the pixels of two WCS lie at the same places on the sky.

    Parameters
    ----------
    one, other : `~astropy.wcs.WCS`
        Two-dimensional celestial WCS, however they are written.
    shape : tuple of int
        ``(ny, nx)``.

    Returns
    -------
    bool
        True if they do, to a thousandth of a pixel.
    """
    ny, nx = shape
    y, x = np.meshgrid(np.linspace(0, ny - 1, 5), np.linspace(0, nx - 1, 5), indexing="ij")
    here, there = (wcs.pixel_to_world(x, y).icrs for wcs in (one, other))
    apart = here.separation(there) / pixel_sides(one, shape).min()
    # Corners of an all-sky map lie off the sky.
    off = [np.isnan(sky.ra) for sky in (here, there)]
    return bool(np.array_equal(*off) and np.all(apart[~off[0]] < _SAME))
