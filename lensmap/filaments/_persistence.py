# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pairs of critical points of an image by persistent homology."""

from typing import NamedTuple

import numpy as np

__all__ = ["PersistencePairs", "persistence_pairs"]

# The neighbors of a pixel, (dy, dx), through sides and corners and through sides alone.
_EIGHT_NEIGHBORS = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
_FOUR_NEIGHBORS = [(-1, 0), (0, -1), (0, 1), (1, 0)]


class PersistencePairs(NamedTuple):
    """Pairs of critical pixels of an image, as flat indices.

    Attributes
    ----------
    maxima, joins : `numpy.ndarray`
        Maxima, and the saddles at which, for a falling level, their component joins that of a
        higher maximum; int, ``(n_maxima,)``. The highest maximum of each connected region of the
        image has the saddle -1.
    minima, loops : `numpy.ndarray`
        Minima, and the saddles at which, for a rising level, their component joins that of a lower
        minimum or the outside of the image; int, ``(n_minima,)``.
    """

    maxima: np.ndarray
    joins: np.ndarray
    minima: np.ndarray
    loops: np.ndarray


def persistence_pairs(image: np.ndarray, mask: np.ndarray | None = None) -> PersistencePairs:
    """Pair the maxima and the minima of an image with its saddles.

    For a falling level, components of the pixels above it appear at maxima and join at saddles. The
    component with the lower maximum ends there, and the difference of the two values is the
    persistence of the pair. For a rising level, components of the pixels below it appear at minima
    and join in the same way. Components above the level are connected through sides and corners of
    pixels, those below it through sides. Masked pixels and all pixels outside of the image are one
    component that is lower than any minimum.

    Parameters
    ----------
    image : `numpy.ndarray`
        ``(ny, nx)``. Pixels of the same value are ordered by their index.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``, True = excluded. Pixels that are not finite are excluded as well.

    Returns
    -------
    PersistencePairs
        All pairs, including those of zero persistence.

    References
    ----------
    Edelsbrunner, Letscher & Zomorodian 2002, Discrete Comput. Geom. 28, 511; Sousbie 2011, MNRAS
    414, 350.
    """
    values = np.asarray(image, dtype=float)
    excluded = np.zeros(values.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    excluded = excluded | ~np.isfinite(values)
    order = np.flatnonzero(~excluded.ravel())
    order = order[np.lexsort((order, values.ravel()[order]))]
    maxima, joins = _merge(order[::-1], values.shape, _EIGHT_NEIGHBORS)
    minima, loops = _merge(order, values.shape, _FOUR_NEIGHBORS, outside_first=True)
    return PersistencePairs(maxima, joins, minima, loops)


def _merge(order, shape, steps, outside_first=False):
    """Add pixels in an order; return where components appear, and where they join an older one.

    With ``outside_first``, excluded pixels and those outside of the image are the first component.
    """
    ny, nx = shape
    # One pixel of border, so that each pixel has all neighbors.
    width = nx + 2
    y, x = np.divmod(order, nx)
    padded = ((y + 1) * width + x + 1).tolist()
    offsets = [dy * width + dx for dy, dx in steps]
    root = list(range((ny + 2) * width))
    rank = [-1] * len(root)
    if outside_first:
        rank, root = [0] * len(root), [0] * len(root)
        for pixel in padded:
            rank[pixel], root[pixel] = -1, pixel
    births, deaths = [], {}
    for i, pixel in enumerate(padded, start=1):
        around = {_root(root, pixel + step) for step in offsets if rank[pixel + step] >= 0}
        rank[pixel] = i
        if not around:
            births.append(pixel)
            continue
        # The oldest component survives; its root is the pixel at which it appeared.
        oldest = min(around, key=rank.__getitem__)
        root[pixel] = oldest
        for other in around - {oldest}:
            root[other] = oldest
            deaths[other] = pixel
    death_pixels = [deaths.get(pixel, -1) for pixel in births]

    def without_border(pixels):
        pixels = np.array(pixels, dtype=np.int64)
        rows, columns = np.divmod(pixels, width)
        return np.where(pixels < 0, -1, (rows - 1) * nx + columns - 1)

    return without_border(births), without_border(death_pixels)


def _root(root, pixel):
    """Return the root of the component of a pixel, and shorten the path to it."""
    while root[pixel] != pixel:
        root[pixel] = root[root[pixel]]
        pixel = root[pixel]
    return pixel
