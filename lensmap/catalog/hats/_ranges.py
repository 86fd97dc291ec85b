# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sets of HEALPix pixels as ranges of pixels of order 29."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lensmap.catalog.hats._layout import HEALPIX_ORDER, pixel_ranges
from lensmap.catalog.hats._positions import import_hpgeom
from lensmap.utils import ParameterError, ParameterTypeError, check_count

__all__ = ["Ranges", "checked_order", "ranges_of_circle", "ranges_of_pixels"]

# The pixels that cover a circle are at most this fraction of its radius, down to this order.
_MIN_PIXELS_PER_RADIUS, _MAX_CIRCLE_ORDER = 16.0, 18
_PIXEL_DEG = 58.632  # the square root of the area of a pixel of order 0


class Ranges(NamedTuple):
    """Sorted ranges of nested pixels of order 29 that do not touch.

    Attributes
    ----------
    first, end : `numpy.ndarray`
        The first pixel of each range, and the first one beyond it, int64, ``(n,)``.
    """

    first: np.ndarray
    end: np.ndarray

    def contains(self, pixels: np.ndarray) -> np.ndarray:
        """Return True for pixels of order 29 in the ranges, bool, ``(n,)``."""
        number = np.searchsorted(self.end, pixels, side="right")
        inside = number < len(self.end)
        inside[inside] = self.first[number[inside]] <= pixels[inside]
        return inside

    def overlap(self, first: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compare other ranges with these ones.

        Parameters
        ----------
        first, end : `numpy.ndarray`
            The other ranges, int64, ``(n,)``.

        Returns
        -------
        overlap, inside : `numpy.ndarray`
            Whether a range overlaps with these ranges, and whether it lies inside, bool, ``(n,)``.
        """
        if len(self.end) == 0:
            return np.zeros(len(first), dtype=bool), np.zeros(len(first), dtype=bool)
        number = np.minimum(np.searchsorted(self.end, first, side="right"), len(self.end) - 1)
        own_first, own_end = self.first[number], self.end[number]
        overlap = (own_first < end) & (own_end > first)
        return overlap, overlap & (own_first <= first) & (own_end >= end)


def checked_order(order: int) -> int:
    """Return a HEALPix order, and raise an error unless it is one."""
    if check_count(order, "order") > HEALPIX_ORDER:
        raise ParameterError("order", f"at most {HEALPIX_ORDER}", str(order))
    return int(order)


def ranges_of_pixels(order: int, pixels: ArrayLike) -> Ranges:
    """Return the ranges of nested HEALPix pixels.

    Parameters
    ----------
    order : int
        The order of the pixels.
    pixels : array_like
        The pixels in the nested scheme, ``(n,)``, in any order.

    Raises
    ------
    ValueError
        If a pixel is not one of this order.
    """
    order, numbers = checked_order(order), np.unique(np.asarray(pixels))
    if len(numbers) and numbers.dtype.kind not in "iu":
        raise ParameterTypeError("pixels", "whole numbers", f"of type {numbers.dtype}")
    numbers = numbers.astype(np.int64)
    if len(numbers) and not 0 <= numbers[0] <= numbers[-1] < 12 * 4**order:
        wrong = numbers[0] if numbers[0] < 0 else numbers[-1]
        raise ParameterError(
            "pixels", f"from 0 to {12 * 4**order - 1}, the HEALPix pixels of order {order}",
            str(wrong),
        )
    return _joined(*pixel_ranges(np.full(len(numbers), order), numbers))


def ranges_of_circle(ra: float, dec: float, radius: float) -> Ranges:
    """Return the ranges of pixels that cover a circle.

    Parameters
    ----------
    ra, dec : float
        The center in degrees (ICRS).
    radius : float
        The radius in degrees.
    """
    if radius >= 180.0:
        return ranges_of_pixels(0, range(12))
    size = max(radius, 1e-9) / _MIN_PIXELS_PER_RADIUS
    order = int(np.clip(np.ceil(np.log2(_PIXEL_DEG / size)), 0, _MAX_CIRCLE_ORDER))
    pixels = import_hpgeom().query_circle(2**order, ra, dec, radius, inclusive=True)
    return ranges_of_pixels(order, pixels)


def _joined(first: np.ndarray, end: np.ndarray) -> Ranges:
    """Return sorted ranges, of which those that touch are joined."""
    if len(first) == 0:
        return Ranges(first, end)
    begins = np.concatenate([[True], first[1:] != end[:-1]])
    ends = np.concatenate([first[1:] != end[:-1], [True]])
    return Ranges(first[begins], end[ends])
