# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The pixels along the border of the unmasked part of an image, around the outside and holes."""

from typing import Literal

import numpy as np

__all__ = ["border_loops"]

# Directions (dy, dx) of the four sides of a pixel, and the corners at the start and end of each
# side, as offsets (dy, dx) from the pixel to the pixels' grid of corners. A walk from start to end
# has the pixel on one and the same hand for all four sides.
_SIDES = [
    ((-1, 0), (0, 0), (0, 1)),
    ((0, 1), (0, 1), (1, 1)),
    ((1, 0), (1, 1), (1, 0)),
    ((0, -1), (1, 0), (0, 0)),
]


def border_loops(
    unmasked: np.ndarray, joined: Literal["all", "even"] = "all"
) -> list[np.ndarray]:
    """Follow the closed borders of the unmasked part of an image.

    Parameters
    ----------
    unmasked : `numpy.ndarray`
        Bool, ``(ny, nx)``, True = unmasked. The outside of the image counts as masked.
    joined : {"all", "even"}
        Whether two unmasked pixels that share a corner, beside two masked pixels, are connected:
        all of them, or those with an even x + y.

    Returns
    -------
    loops : list of `numpy.ndarray`
        For each closed border, the flat indices of the unmasked pixels along it, int, ``(n,)``. A
        pixel occurs once for each of its sides on the border.
    """
    ny, nx = unmasked.shape
    padded = np.pad(unmasked, 1)
    sides: list[tuple[int, int, tuple[int, int]]] = []
    starts: dict[tuple[int, int], list[int]] = {}
    for (dy, dx), start, end in _SIDES:
        beside = padded[1 + dy : 1 + dy + ny, 1 + dx : 1 + dx + nx]
        for y, x in np.argwhere(unmasked & ~beside).tolist():
            starts.setdefault((y + start[0], x + start[1]), []).append(len(sides))
            sides.append((y, x, (y + end[0], x + end[1])))
    loops, free = [], [True] * len(sides)
    for first in range(len(sides)):
        pixels, side = [], first
        while free[side]:
            free[side] = False
            y, x, corner = sides[side]
            pixels.append(y * nx + x)
            side = _next_side(sides, starts[corner], (y, x), joined)
        if pixels:
            loops.append(np.array(pixels))
    return loops


def _next_side(sides, candidates, pixel, joined):
    """Return the index of the side that continues the border at the end of a side of ``pixel``.

    ``candidates`` are the indices of the sides that start at this corner. They are two if two
    masked and two unmasked pixels alternate around the corner.
    """
    if len(candidates) == 1:
        return candidates[0]
    own = sides[candidates[0]][:2] == pixel
    # The border of connected pixels passes from one to the other, otherwise around the same pixel.
    is_connected = joined == "all" or sum(pixel) % 2 == 0
    return candidates[0 if own != is_connected else 1]
