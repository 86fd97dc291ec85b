# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random galaxy positions that are uniform on the sky, and the areas of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.grid import PixelFrame
from lensmap.masks import SkyMask, excluded
from lensmap.utils import chunk_slices, thread_map

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.typing import MaskLike

__all__ = ["draw_positions", "pixel_areas"]

# Each chunk has its own generator, so the galaxies do not depend on the number of threads.
_GALAXIES_PER_CHUNK = 250_000

_ARCMIN_PER_RADIAN = np.degrees(1.0) * 60

# For larger maps, galaxies are drawn on the whole sky.
_MAX_CAP_RADIUS = np.radians(60.0)


def draw_positions(
    wcs: WCS, density: float, mask: MaskLike | None, rng: np.random.Generator
) -> np.ndarray:
    """Draw a Poisson number of galaxies at uniform positions on the sky.

    Galaxies are drawn in a spherical cap around the map, and those outside the map are discarded.
    Therefore their density per solid angle is uniform for any projection, and the area of the map
    is not needed.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with ``array_shape`` set.
    density : float
        The mean number of galaxies per square arcminute.
    mask : mask-like or None
        The mask of the survey, in any form that `lensmap.masks.SkyMask` accepts. None excludes
        nothing.
    rng : `numpy.random.Generator`
        The random number generator.

    Returns
    -------
    `numpy.ndarray`
        Right ascension and declination (ICRS, degrees) and 0-based pixel positions x and y, as the
        rows of an array ``(4, n)``.
    """
    if mask is not None and not isinstance(mask, SkyMask):
        mask = SkyMask(mask)
    frame = PixelFrame(wcs)
    axes, height = _enclosing_cap(frame)
    total = rng.poisson(density * 2 * np.pi * height * _ARCMIN_PER_RADIAN**2)
    chunks = chunk_slices(total, _GALAXIES_PER_CHUNK)
    tasks = zip(chunks, rng.spawn(len(chunks)), strict=True)
    ny, nx = frame.shape

    def draw(task):
        rows, chunk_rng = task
        lon, lat = _in_cap(axes, height, rows.stop - rows.start, chunk_rng)
        x, y = frame.positions(lon, lat)
        with np.errstate(invalid="ignore"):
            keep = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
        if mask is not None:
            keep[keep] = ~excluded(mask, x[keep], y[keep], wcs)
        return np.stack([values[keep] for values in (lon, lat, x, y)])

    columns = thread_map(draw, tasks)
    return np.concatenate(columns, axis=1) if columns else np.empty((4, 0))


def _in_cap(axes, height, n, rng):
    """Draw n random positions that are uniform in a spherical cap.

    ``axes`` are three orthogonal unit vectors, ``(3, 3)``, of which the last points to the center
    of the cap, and ``height`` is 1 - cos(radius). Return longitudes and latitudes in degrees.
    """
    depth = 1 - height * rng.random(n)
    angle = 2 * np.pi * rng.random(n)
    across = np.sqrt((1 - depth) * (1 + depth))
    a, b = across * np.cos(angle), across * np.sin(angle)
    x, y, z = (a * axes[0, i] + b * axes[1, i] + depth * axes[2, i] for i in range(3))
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def _enclosing_cap(frame):
    """Return a spherical cap that encloses a map, or the whole sphere if the map is very large.

    Parameters
    ----------
    frame : PixelFrame
        The pixels of the map on the sky.

    Returns
    -------
    axes : `numpy.ndarray`
        Three orthogonal unit vectors, ``(3, 3)``. The last points to the center of the cap.
    height : float
        The height of the cap, 1 - cos(radius); 2 for the whole sphere.
    """
    ny, nx = frame.shape
    sphere = np.eye(3), 2.0
    # The steps along the edge of the map are small compared with the margin of the cap.
    t = np.linspace(0, 1, 65)
    edge_x = np.concatenate([t, t, 0 * t, 0 * t + 1]) * nx - 0.5
    edge_y = np.concatenate([0 * t, 0 * t + 1, t, t]) * ny - 0.5
    edge, center = (
        _icrs_vectors(frame.wcs, np.asarray(x), np.asarray(y))
        for x, y in ((edge_x, edge_y), ([nx / 2 - 0.5], [ny / 2 - 0.5]))
    )
    if not (np.isfinite(edge).all() and np.isfinite(center).all()):
        return sphere
    radius = 1.01 * np.arccos(np.clip(edge @ center[0], -1, 1).min())
    if radius > _MAX_CAP_RADIUS:
        return sphere
    helper = np.eye(3)[np.argmin(np.abs(center[0]))]
    first = np.cross(center[0], helper)
    first /= np.linalg.norm(first)
    axes = np.stack([first, np.cross(center[0], first), center[0]])
    return axes, 2 * np.sin(radius / 2) ** 2


def _icrs_vectors(wcs, x, y):
    """Return ICRS unit vectors to pixel positions, ``(n, 3)``, NaN off the projection."""
    return wcs.pixel_to_world(x, y).icrs.cartesian.xyz.value.T


def pixel_areas(wcs: WCS) -> np.ndarray:
    """Return the solid angle of each pixel.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with ``array_shape`` set.

    Returns
    -------
    `numpy.ndarray`
        The solid angles in square arcminutes, ``(ny, nx)``. They are 0 for pixels that are not on
        the sky.
    """
    ny, nx = wcs.array_shape
    y, x = np.indices((ny + 1, nx + 1)) - 0.5
    corner = _icrs_vectors(wcs, x.ravel(), y.ravel()).reshape(ny + 1, nx + 1, 3)
    # The area is half the cross product of the diagonals, which is accurate for small quadrangles.
    one, other = corner[1:, 1:] - corner[:-1, :-1], corner[1:, :-1] - corner[:-1, 1:]
    area = np.linalg.norm(np.cross(one, other), axis=-1) / 2
    return np.nan_to_num(area) * _ARCMIN_PER_RADIAN**2
