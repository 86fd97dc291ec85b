# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pixel positions of clusters, and pixel directions of their filaments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import proj_plane_pixel_scales

from lensmap.utils import ParameterError, ParameterTypeError

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["inside_field", "pixel_direction", "pixel_positions"]


def pixel_positions(
    positions: SkyCoord | u.Quantity | None, n: int, wcs: WCS
) -> tuple[np.ndarray, np.ndarray]:
    """Convert the positions of clusters to pixel positions, and check that they lie in the field.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity` or None
        The centers of the clusters: positions on the sky, ``(n,)``, or angular offsets (x, y) from
        the center of the field, ``(n, 2)``. None places a single cluster at the center.
    n : int
        The number of clusters.
    wcs : `~astropy.wcs.WCS`
        The WCS of the field, with its ``array_shape``.

    Returns
    -------
    x, y : `numpy.ndarray`
        The pixel positions of the clusters, ``(n,)``.

    Raises
    ------
    TypeError
        If ``positions`` has the wrong type.
    ValueError
        If the number of positions is not ``n``, or a position lies outside the field.
    """
    ny, nx = wcs.array_shape
    if positions is None:
        if n > 1:
            raise ParameterError(
                "positions", f"one position for each of the {n} clusters", "None",
                "only a single cluster is placed at the center of the field",
            )
        x, y = np.array([(nx - 1) / 2]), np.array([(ny - 1) / 2])
    elif isinstance(positions, SkyCoord):
        x, y = (np.atleast_1d(a) for a in wcs.world_to_pixel(positions))
    elif isinstance(positions, u.Quantity) and positions.unit.is_equivalent(u.rad):
        offsets = np.atleast_2d(positions.to_value(u.deg)) / proj_plane_pixel_scales(wcs)[0]
        if offsets.ndim != 2 or offsets.shape[1] != 2:
            raise ParameterError(
                "positions", f"a SkyCoord, or offsets (x, y) of the shape ({n}, 2)",
                f"of the shape {positions.shape}",
            )
        x, y = offsets[:, 0] + (nx - 1) / 2, offsets[:, 1] + (ny - 1) / 2
    else:
        raise ParameterTypeError(
            "positions",
            f"a SkyCoord, offsets (x, y) of the shape ({n}, 2) with the unit of an angle, or None",
            repr(positions),
        )
    if x.shape != (n,):
        raise ParameterError(
            "positions", "one position for each cluster", str(x.size),
            f"the number of clusters is {n}", verb="hold",
        )
    outside = np.flatnonzero(~inside_field(x, y, wcs.array_shape))
    if len(outside) > 0:
        index = int(outside[0])
        raise ParameterError(
            "positions", f"in the field of {nx} x {ny} pixels (x, y)",
            remedy=f"cluster {index}, counted from 0, is at the pixel x = {x[index]:.1f}, "
            f"y = {y[index]:.1f}",
            verb="lie",
        )
    return x, y


def inside_field(x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return whether each pixel position lies in the field.

    Parameters
    ----------
    x, y : `numpy.ndarray`
        Pixel positions, ``(n,)``.
    shape : tuple of int
        The shape of the field in pixels, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(n,)``. Positions that are not finite give False.
    """
    ny, nx = shape
    return (np.abs(x - (nx - 1) / 2) <= nx / 2) & (np.abs(y - (ny - 1) / 2) <= ny / 2)


def pixel_direction(wcs: WCS, x: float, y: float, angle: u.Quantity) -> float:
    """Convert a position angle on the sky to a direction in the pixel plane.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of a tangent plane, on which great circles are straight lines.
    x, y : float
        The pixel position at which the angle is measured.
    angle : `~astropy.units.Quantity`
        The position angle, from north through east.

    Returns
    -------
    float
        The direction in radians, from +x to +y.
    """
    step = proj_plane_pixel_scales(wcs)[0] * u.deg
    neighbor = wcs.pixel_to_world(x, y).directional_offset_by(angle, step)
    next_x, next_y = wcs.world_to_pixel(neighbor)
    return float(np.arctan2(next_y - y, next_x - x))
