# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Critical points of an image, paired by how long they live as a level falls through it."""

from typing import NamedTuple

import numpy as np

__all__ = ["PersistencePairs", "persistence_pairs"]

_EIGHT = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
_FOUR = [(-1, 0), (0, -1), (0, 1), (1, 0)]


class PersistencePairs(NamedTuple):
    """Pairs of critical pixels of an image, flat indices.

    Attributes
    ----------
    maxima, joins : `numpy.ndarray`
        A maximum, and the saddle where the island that it began joins an older one as the level
        falls; the highest maximum of each connected part has -1.
    minima, loops : `numpy.ndarray`
        A minimum, and the saddle where the land around it closed.
    """

    maxima: np.ndarray
    joins: np.ndarray
    minima: np.ndarray
    loops: np.ndarray


def persistence_pairs(image, mask=None):
    """Pair the maxima and the minima of an image with its saddles.

    As the level falls, islands rise from the sea at maxima and join at saddles, where the one with
    the lower maximum ends: the difference of the two values is its persistence. As it rises, lakes
    do the same. Islands are connected through sides and corners of pixels, lakes through sides, and
    all that is not part of the image is one sea, lower than any lake.

    Parameters
    ----------
    image : `numpy.ndarray`
        ``(ny, nx)``. Pixels of the same value are ordered by their index.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``, True = not part of the image.

    Returns
    -------
    PersistencePairs
        All pairs, also those that live for no time at all.

    References
    ----------
    Edelsbrunner, Letscher & Zomorodian 2002, Discrete Comput. Geom. 28, 511; Sousbie 2011, MNRAS
    414, 350.
    """
    values = np.asarray(image, dtype=float)
    closed = np.zeros(values.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    closed = closed | ~np.isfinite(values)
    order = np.flatnonzero(~closed.ravel())
    order = order[np.lexsort((order, values.ravel()[order]))]
    maxima, joins = _merge(order[::-1], values.shape, _EIGHT)
    minima, loops = _merge(order, values.shape, _FOUR, sea=True)
    return PersistencePairs(maxima, joins, minima, loops)


def _merge(order, shape, steps, sea=False):
    """Add pixels one by one, and note where components begin and where they end.

    With a sea, the pixels around and those that are never added are there from the start.
    """
    ny, nx = shape
    # One pixel of border, so that no neighbor needs to be asked whether it exists.
    width = nx + 2
    y, x = np.divmod(order, nx)
    padded = ((y + 1) * width + x + 1).tolist()
    offsets = [dy * width + dx for dy, dx in steps]
    root = list(range((ny + 2) * width))
    rank = [-1] * len(root)
    if sea:
        rank, root = [0] * len(root), [0] * len(root)
        for pixel in padded:
            rank[pixel], root[pixel] = -1, pixel
    born, ended = [], {}
    for i, pixel in enumerate(padded, start=1):
        around = {_root(root, pixel + step) for step in offsets if rank[pixel + step] >= 0}
        rank[pixel] = i
        if not around:
            born.append(pixel)
            continue
        # The component that began first goes on; its root is where it began.
        oldest = min(around, key=rank.__getitem__)
        root[pixel] = oldest
        for other in around - {oldest}:
            root[other] = oldest
            ended[other] = pixel
    begins = np.array(born, dtype=np.int64)
    ends = np.array([ended.get(pixel, -1) for pixel in born], dtype=np.int64)

    def flat(pixels):
        rows, columns = np.divmod(pixels, width)
        return np.where(pixels < 0, -1, (rows - 1) * nx + columns - 1)

    return flat(begins), flat(ends)


def _root(root, pixel):
    """Return where the component of a pixel began, and shorten the way to it."""
    while root[pixel] != pixel:
        root[pixel] = root[root[pixel]]
        pixel = root[pixel]
    return pixel
