# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Where clusters are on the pixels of a field, and in which direction their filaments go."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import proj_plane_pixel_scales

__all__ = ["inside_field", "pixel_direction", "pixel_positions"]


def pixel_positions(positions, n, wcs):
    """Return where clusters are in pixels.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity` or None
        As for `ClusterField`.
    n : int
        How many clusters there are.
    wcs : `~astropy.wcs.WCS`
        Of the field, with its ``array_shape``.

    Returns
    -------
    x, y : `numpy.ndarray`
        ``(n,)``.

    Raises
    ------
    TypeError, ValueError
        If they are of the wrong kind, too many or too few, or outside of the field.
    """
    ny, nx = wcs.array_shape
    if positions is None:
        if n > 1:
            raise ValueError(f"positions must say where the {n} clusters are, but is None")
        x, y = np.array([(nx - 1) / 2]), np.array([(ny - 1) / 2])
    elif isinstance(positions, SkyCoord):
        x, y = (np.atleast_1d(a) for a in wcs.world_to_pixel(positions))
    elif isinstance(positions, u.Quantity) and positions.unit.is_equivalent(u.rad):
        offsets = np.atleast_2d(positions.to_value(u.deg)) / proj_plane_pixel_scales(wcs)[0]
        if offsets.ndim != 2 or offsets.shape[1] != 2:
            raise ValueError(f"positions must have the shape (n, 2), not {positions.shape}")
        x, y = offsets[:, 0] + (nx - 1) / 2, offsets[:, 1] + (ny - 1) / 2
    else:
        raise TypeError(
            "positions must be a SkyCoord, or offsets (n, 2) with the unit of an angle, or None, "
            f"not {positions!r}"
        )
    if x.shape != (n,):
        raise ValueError(f"positions must be as many as clusters, {n}, not {x.size}")
    outside = np.flatnonzero(~inside_field(x, y, wcs.array_shape))
    if len(outside) > 0:
        which = int(outside[0])
        raise ValueError(
            f"positions must lie in the field of {ny} x {nx} pixels (ny, nx); cluster {which} "
            f"is at x = {x[which]:.1f}, y = {y[which]:.1f}"
        )
    return x, y


def inside_field(x, y, shape):
    """Say which pixel positions lie on the field.

    Parameters
    ----------
    x, y : `numpy.ndarray`
        Pixel positions, ``(n,)``.
    shape : tuple of int
        ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(n,)``; False where they are not finite.
    """
    ny, nx = shape
    return (np.abs(x - (nx - 1) / 2) <= nx / 2) & (np.abs(y - (ny - 1) / 2) <= ny / 2)


def pixel_direction(wcs, x, y, angle):
    """Return where a position angle points on the pixels.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A tangent plane, on which great circles are straight: the first step says where one goes.
    x, y : float
        The pixel position from which it goes.
    angle : `~astropy.units.Quantity`
        From north through east.

    Returns
    -------
    float
        Radians from +x to +y.
    """
    step = proj_plane_pixel_scales(wcs)[0] * u.deg
    there = wcs.pixel_to_world(x, y).directional_offset_by(angle, step)
    next_x, next_y = wcs.world_to_pixel(there)
    return float(np.arctan2(next_y - y, next_x - x))
