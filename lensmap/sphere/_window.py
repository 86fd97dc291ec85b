# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The factors of multipoles: the window of HEALPix pixels, and Gaussian smoothing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline

from lensmap.sphere._pixels import HealpixPixels

__all__ = ["gaussian_window", "pixel_window", "smoothed_lmax"]

# Gaussian smoothing leaves nothing above this multipole times the smoothing length.
_MAX_SMOOTHED = 5.0

# Pixels at this order show the shapes of small pixels everywhere on the sphere. One is near the
# center of each pixel of the lower order.
_ORDER, _PLACES_ORDER = 12, 3

# The order of the points in a pixel, relative to the pixel, and the number of directions.
_POINTS_ORDER, _N_DIRECTIONS = 3, 16

# The highest multipole times the square root of the area of a pixel: that of lmax = 4 nside is 4.1.
_MAX_X, _N_X = 6.0, 121


def pixel_window(nside: int, lmax: int) -> np.ndarray:
    r"""Return the mean factor by which HEALPix pixels reduce the amplitude of each multipole.

    The factor of one pixel is the root mean square of the Fourier transform of its area over all
    directions. The result is the mean of this factor over the pixels of the sphere.

    Parameters
    ----------
    nside : int
        The resolution of the pixels.
    lmax : int
        The highest multipole.

    Returns
    -------
    `numpy.ndarray`
        The factor for the multipoles 0 to ``lmax``, ``(lmax + 1,)``.

    References
    ----------
    Gorski et al. 2005, ApJ 622, 759, whose window is the same mean over pixels.
    """
    side = np.sqrt(HealpixPixels(nside).area)
    return _window_of_unit_pixels()(np.arange(lmax + 1) * side)


def gaussian_window(sigma: float, lmax: int) -> np.ndarray:
    """Return the factor by which Gaussian smoothing reduces the amplitude of each multipole.

    Parameters
    ----------
    sigma : float
        The standard deviation of the Gaussian, radians.
    lmax : int
        The highest multipole.

    Returns
    -------
    `numpy.ndarray`
        The factor for the multipoles 0 to ``lmax``, ``(lmax + 1,)``.
    """
    ell = np.arange(lmax + 1)
    return np.exp(-0.5 * ell * (ell + 1) * sigma**2)


def smoothed_lmax(sigma: float, limit: int) -> int:
    """Return the highest multipole that Gaussian smoothing leaves, at least 2.

    Parameters
    ----------
    sigma : float
        The standard deviation of the Gaussian, radians.
    limit : int
        The highest multipole that the pixels allow.

    Returns
    -------
    int
        The multipole, at most ``limit``.
    """
    return max(2, min(limit, int(np.ceil(_MAX_SMOOTHED / sigma))))


@lru_cache(maxsize=1)
def _window_of_unit_pixels():
    """Return a function of the multipole times the square root of the area: the window.

    The shape of small pixels depends on their position on the sphere, but not on their size.
    """
    n_places, n_points = 4**_PLACES_ORDER, 4**_POINTS_ORDER
    # The pixels of the sphere repeat, rotated and mirrored, in the quadrants: of the twelve pixels
    # of order 0, one at a pole and one at the equator have all shapes. No longitude wraps in them.
    places = np.concatenate([np.arange(n_places), np.arange(n_places) + 5 * n_places])
    weights = np.repeat([8.0, 4.0], n_places)
    # In the nested scheme, the last of four pixels begins at the center of the four.
    index = places * 4 ** (_ORDER - _PLACES_ORDER) + 3 * 4 ** (_ORDER - _PLACES_ORDER - 1)
    points = index[:, np.newaxis] * n_points + np.arange(n_points)
    lon, lat = HealpixPixels(1 << (_ORDER + _POINTS_ORDER)).centers(points.ravel())
    lon, lat = (np.radians(values).reshape(points.shape) for values in (lon, lat))
    # Offsets on the tangent plane, in units of the square root of the area.
    side = np.sqrt(HealpixPixels(1 << _ORDER).area)
    x = (lon - lon.mean(axis=1, keepdims=True)) * np.cos(lat) / side
    y = (lat - lat.mean(axis=1, keepdims=True)) / side
    ell = np.linspace(0, _MAX_X, _N_X)
    squares = np.zeros((_N_X, len(places)))
    for angle in np.pi * np.arange(_N_DIRECTIONS) / _N_DIRECTIONS:
        along = x * np.cos(angle) + y * np.sin(angle)
        for row, k in zip(squares, ell, strict=True):
            row += np.abs(np.exp(1j * k * along).mean(axis=1)) ** 2
    # The points are the centers of small squares, which have a window of their own.
    small = np.exp(-(ell**2) / (24 * n_points))
    windows = np.sqrt(squares / _N_DIRECTIONS) * small[:, np.newaxis]
    return CubicSpline(ell, np.average(windows, axis=1, weights=weights))
