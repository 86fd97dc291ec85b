# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Unmasked pixels of a map around positions on the sky."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.utils import unit_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from astropy.coordinates import SkyCoord
    from numpy.typing import ArrayLike

    from lensmap.maps import ConvergenceMap

__all__ = ["pixels_around", "places_around"]

# Up to this number of pixels (100 MB), unit vectors are computed once for all positions.
_MAX_SHARED_PIXELS = 4_000_000


def pixels_around(
    kappa: ConvergenceMap, positions: SkyCoord, angles: ArrayLike
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the unmasked pixels within an angle of each position.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    positions : `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)``.
    angles : array_like
        The maximum separation for each position, radians, ``(n,)``.

    Yields
    ------
    theta, values, errors : `numpy.ndarray`
        Separation from the position (radians), kappa and uncertainty of each pixel, ``(m,)`` each.
        The uncertainties are NaN for a map without an uncertainty.
    """
    windows = _windows(kappa, positions, angles)
    centers = _vectors(positions.icrs)
    rows, columns = (
        slice(min((w[k].start for w in windows), default=0),
              max((w[k].stop for w in windows), default=0))
        for k in (0, 1)
    )
    n_shared = (rows.stop - rows.start) * (columns.stop - columns.start)
    shared = None
    if len(windows) > 1 and n_shared <= _MAX_SHARED_PIXELS:
        shared = _pixel_vectors(kappa, rows, columns)
    for (y, x), center, angle in zip(windows, centers, np.asarray(angles), strict=True):
        if shared is None:
            vectors = _pixel_vectors(kappa, y, x)
        else:
            vectors = shared[y.start - rows.start : y.stop - rows.start,
                             x.start - columns.start : x.stop - columns.start]
        # The chord is accurate at small angles, where the scalar product loses precision.
        chord = np.sqrt(np.sum((vectors - center) ** 2, axis=-1))
        theta = 2 * np.arcsin(np.minimum(chord / 2, 1.0))
        near = (theta <= angle) & ~kappa.mask[y, x]
        errors = (np.full(np.count_nonzero(near), np.nan) if kappa.uncertainty is None
                  else kappa.uncertainty.array[y, x][near])
        yield theta[near], kappa.data[y, x][near], errors


def places_around(
    kappa: ConvergenceMap, position: SkyCoord, angle: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the unmasked pixels within an angle of one position, with polar coordinates.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    position : `~astropy.coordinates.SkyCoord`
        One position.
    angle : float
        The maximum separation, radians.

    Returns
    -------
    y, x, theta, direction : `numpy.ndarray`
        Row and column of each pixel, and its separation and position angle as seen from the
        position (radians), ``(n,)`` each.
    """
    ((rows, columns),) = _windows(kappa, position.reshape(1), [angle])
    y, x = (index.ravel() for index in np.mgrid[rows, columns])
    sky = kappa.wcs.pixel_to_world(x, y).icrs
    center = position.icrs
    theta = center.separation(sky).rad
    near = (theta <= angle) & ~kappa.mask[y, x]
    return y[near], x[near], theta[near], center.position_angle(sky[near]).rad


def _windows(
    kappa: ConvergenceMap, positions: SkyCoord, angles: ArrayLike
) -> list[tuple[slice, slice]]:
    """Return a window of the map around each position, a list of slices ``(rows, columns)``.

    ``angles`` are the maximum separations for each position, radians, ``(n,)``. A window contains
    all pixels within this separation from the position, and may contain others.
    """
    ny, nx = kappa.shape
    try:
        x, y = (np.asarray(v, dtype=float) for v in kappa.wcs.world_to_pixel(positions))
    except ValueError:  # a position outside the range of the projection
        x = y = np.full(len(positions), np.nan)
    # The factor 3 is a margin: far from the reference point of a projection, pixels may be smaller
    # on the sky.
    half = 3.0 * np.asarray(angles, dtype=float) / kappa.pixel_scale.to_value(u.rad) + 2.0
    on_plane = np.isfinite(x + y)
    limits = []
    for middle, n in ((y, ny), (x, nx)):
        low = np.where(on_plane, np.clip(middle - half, 0, n), 0)
        high = np.where(on_plane, np.clip(middle + half + 1, 0, n), n)
        limits.append([slice(int(a), int(b)) for a, b in zip(low, high, strict=True)])
    return list(zip(*limits, strict=True))


def _pixel_vectors(kappa: ConvergenceMap, rows: slice, columns: slice) -> np.ndarray:
    """Return the ICRS unit vectors of pixel centers in a window, ``(n_rows, n_columns, 3)``."""
    y, x = np.mgrid[rows, columns]
    return _vectors(kappa.wcs.pixel_to_world(x, y).icrs)


def _vectors(sky: SkyCoord) -> np.ndarray:
    return unit_vectors(sky.ra.deg, sky.dec.deg)
