# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pairing of the maxima and minima of an image with saddles, by persistent homology.

A maximum is paired with the saddle at which its peak joins a higher peak.
"""

from typing import Literal, NamedTuple

import numpy as np

from lensmap.filaments._border import border_loops

__all__ = ["BORDERS", "CONNECTIVITIES", "PersistencePairs", "persistence_pairs"]

#: The values of the parameters ``border`` and ``connectivity``.
BORDERS = ("closed", "open")
CONNECTIVITIES = ("pixels", "triangles")

# Offsets (dy, dx) to the neighbors of a pixel: those that share a side or a corner, and those that
# share a side.
_EIGHT_NEIGHBORS = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
_FOUR_NEIGHBORS = [(-1, 0), (0, -1), (0, 1), (1, 0)]

# The neighbors of pixels with an even and an odd x + y, above and below the level. Four pixels
# around a corner are two triangles, whose common side joins the pixels with an even x + y.
_TRIANGLES = (_EIGHT_NEIGHBORS, _FOUR_NEIGHBORS)
_NEIGHBORS = {
    "pixels": ((_EIGHT_NEIGHBORS, _EIGHT_NEIGHBORS), (_FOUR_NEIGHBORS, _FOUR_NEIGHBORS)),
    "triangles": (_TRIANGLES, _TRIANGLES),
}


class PersistencePairs(NamedTuple):
    """Pairs of a maximum or minimum and a saddle of an image, as indices of the flattened image.

    Attributes
    ----------
    maxima, joins : `numpy.ndarray`
        The maxima, and the saddle paired with each maximum, int, ``(n_maxima,)``. As the level
        falls, the component of the maximum joins the component of a higher maximum at this saddle.
        The highest maximum of each connected region of the image has no saddle, marked by -1.
    minima, loops : `numpy.ndarray`
        The minima, and the saddle paired with each minimum, int, ``(n_minima,)``. As the level
        rises, the component of the minimum joins the component of a lower minimum, or the outside
        of the image, at this saddle.
    border_minima, border_maxima : `numpy.ndarray`
        With an open border, the minima of the values along the border, and the maximum along the
        border that is paired with each of them, int, ``(n_border,)``; empty with a closed border.
        The highest maximum of each closed border is paired with the lowest minimum.
    """

    maxima: np.ndarray
    joins: np.ndarray
    minima: np.ndarray
    loops: np.ndarray
    border_minima: np.ndarray
    border_maxima: np.ndarray


def persistence_pairs(
    image: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    border: Literal["closed", "open"] = "closed",
    connectivity: Literal["pixels", "triangles"] = "pixels",
) -> PersistencePairs:
    """Pair the maxima and minima of an image with saddles.

    As a level falls through the values of the image, connected components of the pixels above the
    level appear at maxima and join at saddles. Where two components join, the one with the lower
    maximum ends: its maximum is paired with the saddle, and the difference of their values is the
    persistence of the pair. As a level rises, components of the pixels below the level appear at
    minima and join in the same way.

    Excluded pixels and the outside of the image form one component that is lower than any minimum.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image, ``(ny, nx)``. Pixels of equal value are ordered by their index.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``, True = excluded. Pixels that are not finite are excluded as well.
    border : {"closed", "open"}
        With ``"open"``, also pair the minima and maxima of the values along the border of the image
        and of the excluded pixels. A maximum along the border is where a ridge of the image crosses
        the border. ``"closed"`` and ``"open"`` correspond to the options ``-compactify torus`` and
        ``-compactify natural`` of DisPerSE for images that are not periodic.
    connectivity : {"pixels", "triangles"}
        ``"pixels"``: pixels above the level are connected if they share a side or a corner, pixels
        below the level if they share a side. ``"triangles"``: pixels above and pixels below the
        level are connected if they share a side, or a corner and x + y is even. These are the
        triangles of DisPerSE; a shift of the image by a pixel changes some pairs.

    Returns
    -------
    PersistencePairs
        All pairs, including pairs with a persistence of 0.

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
    above, below = _NEIGHBORS[connectivity]
    maxima, joins = _merge(order[::-1], values.shape, above)
    minima, loops = _merge(order, values.shape, below, outside_first=True)
    along_border = np.zeros((2, 0), dtype=np.int64)
    if border == "open":
        loops_around = border_loops(~excluded, joined="all" if connectivity == "pixels" else "even")
        pairs = [_pairs_of_loop(values.ravel(), pixels) for pixels in loops_around]
        along_border = np.concatenate([along_border, *pairs], axis=1)
    return PersistencePairs(maxima, joins, minima, loops, *along_border)


def _pairs_of_loop(flat, pixels):
    """Pair the minima of the values along a closed border with maxima along the border.

    Parameters
    ----------
    flat : `numpy.ndarray`
        The flattened image.
    pixels : `numpy.ndarray`
        Indices of the pixels along the border, int, ``(n,)``; the last is next to the first.

    Returns
    -------
    pairs : `numpy.ndarray`
        Indices of the minima and of their maxima, int, ``(2, n_minima)``. The lowest minimum is
        paired with the highest maximum, as in extended persistence.
    """
    highest = np.lexsort((pixels, flat[pixels]))[-1]
    # Without its highest pixel, the closed border is a row of pixels.
    row = np.roll(pixels, -highest)[1:]
    order = np.lexsort((row, flat[row]))
    minima, maxima = _merge(order, (1, len(row)), (_FOUR_NEIGHBORS, _FOUR_NEIGHBORS))
    return np.stack([row[minima], np.where(maxima < 0, pixels[highest], row[maxima])])


def _merge(order, shape, steps, outside_first=False):
    """Add the pixels of an image one by one, and find where connected components begin and end.

    A component appears at a pixel without a neighbor in any component, and ends at the pixel where
    it joins an older component.

    Parameters
    ----------
    order : `numpy.ndarray`
        Flat indices of the pixels in the order in which they are added, ``(n,)``.
    shape : tuple of int
        The shape of the image, ``(ny, nx)``.
    steps : tuple of list
        Offsets (dy, dx) from a pixel to the neighbors that it is connected with, for pixels with an
        even and with an odd x + y.
    outside_first : bool
        Whether the pixels that are not in ``order``, and the outside of the image, form the first,
        oldest component, which is not returned.

    Returns
    -------
    births, ends : `numpy.ndarray`
        Flat indices of the pixels where each component appears and where it ends, int,
        ``(n_components,)``; -1 for a component that never ends.
    """
    ny, nx = shape
    # With a border of one pixel, each pixel of the image has all its neighbors.
    width = nx + 2
    y, x = np.divmod(order, nx)
    padded = ((y + 1) * width + x + 1).tolist()
    offsets = [[dy * width + dx for dy, dx in some] for some in steps]
    is_odd = ((x + y) % 2).tolist()
    root = list(range((ny + 2) * width))
    rank = [-1] * len(root)
    if outside_first:
        rank, root = [0] * len(root), [0] * len(root)
        for pixel in padded:
            rank[pixel], root[pixel] = -1, pixel
    births, deaths = [], {}
    for i, (pixel, odd) in enumerate(zip(padded, is_odd, strict=True), start=1):
        around = {_root(root, pixel + step) for step in offsets[odd] if rank[pixel + step] >= 0}
        rank[pixel] = i
        if not around:
            births.append(pixel)
            continue
        # The oldest component survives. The root of a component is the pixel where it appeared.
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
    """Return the first pixel of the connected component that contains a pixel.

    Pixels are indices of the flattened image. ``root`` is a list with a link from each pixel to a
    pixel closer to the first. The links on the way are shortened, so that later calls are faster.
    """
    while root[pixel] != pixel:
        root[pixel] = root[root[pixel]]
        pixel = root[pixel]
    return pixel
