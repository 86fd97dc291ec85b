# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which pixels of a map lie near positions on the sky."""

import numpy as np
from astropy import units as u

from lensmap.utils import unit_vectors

__all__ = ["pixels_around", "places_around"]

# Up to so many pixels have their directions worked out once for all positions (100 MB).
_AT_ONCE = 4_000_000


def pixels_around(kappa, positions, angles):
    """Yield for each position the pixels within an angle of it that are not masked.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    positions : `~astropy.coordinates.SkyCoord`
        ``(n,)``.
    angles : array_like
        Radians, ``(n,)``.

    Yields
    ------
    theta, values, errors : `numpy.ndarray`
        Distances (radians), kappa and its uncertainty, NaN in a map without any, ``(m,)`` each.
    """
    windows = _windows(kappa, positions, angles)
    centers = _vectors(positions.icrs)
    rows, columns = (
        slice(min((w[k].start for w in windows), default=0),
              max((w[k].stop for w in windows), default=0))
        for k in (0, 1)
    )
    box = None
    if len(windows) > 1 and (rows.stop - rows.start) * (columns.stop - columns.start) <= _AT_ONCE:
        box = _directions(kappa, rows, columns)
    for (y, x), center, angle in zip(windows, centers, angles, strict=True):
        if box is None:
            pixels = _directions(kappa, y, x)
        else:
            pixels = box[y.start - rows.start : y.stop - rows.start,
                         x.start - columns.start : x.stop - columns.start]
        # By the chord: exact for small angles, too, which the scalar product is not.
        chord = np.sqrt(np.sum((pixels - center) ** 2, axis=-1))
        theta = 2 * np.arcsin(np.minimum(chord / 2, 1.0))
        near = (theta <= angle) & ~kappa.mask[y, x]
        errors = (np.full(np.count_nonzero(near), np.nan) if kappa.uncertainty is None
                  else kappa.uncertainty.array[y, x][near])
        yield theta[near], kappa.data[y, x][near], errors


def places_around(kappa, position, angle):
    """Return where the pixels around one position are that are not masked.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    position : `~astropy.coordinates.SkyCoord`
        One position.
    angle : float
        Radians.

    Returns
    -------
    y, x, theta, direction : `numpy.ndarray`
        The pixels, their distances and position angles (radians), ``(n,)``.
    """
    ((rows, columns),) = _windows(kappa, position.reshape(1), [angle])
    y, x = (part.ravel() for part in np.mgrid[rows, columns])
    sky = kappa.wcs.pixel_to_world(x, y).icrs
    center = position.icrs
    theta = center.separation(sky).rad
    open_ = (theta <= angle) & ~kappa.mask[y, x]
    return y[open_], x[open_], theta[open_], center.position_angle(sky[open_]).rad


def _windows(kappa, positions, angles):
    """Return slices (rows, columns), among which all pixels are that lie within an angle."""
    ny, nx = kappa.shape
    try:
        x, y = (np.asarray(v, dtype=float) for v in kappa.wcs.world_to_pixel(positions))
    except ValueError:  # a projection that does not reach so far
        x = y = np.full(len(positions), np.nan)
    # Away from the middle of a projection pixels may be smaller on the sky than there.
    half = 3.0 * np.asarray(angles, dtype=float) / kappa.pixel_scale.to_value(u.rad) + 2.0
    known = np.isfinite(x + y)
    limits = []
    for middle, n in ((y, ny), (x, nx)):
        low = np.where(known, np.clip(middle - half, 0, n), 0)
        high = np.where(known, np.clip(middle + half + 1, 0, n), n)
        limits.append([slice(int(a), int(b)) for a, b in zip(low, high, strict=True)])
    return list(zip(*limits, strict=True))


def _directions(kappa, rows, columns):
    """Return the unit vectors (ICRS) of pixels, ``(n_rows, n_columns, 3)``."""
    y, x = np.mgrid[rows, columns]
    return _vectors(kappa.wcs.pixel_to_world(x, y).icrs)


def _vectors(sky):
    return unit_vectors(sky.ra.deg, sky.dec.deg)
