# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The choice of the HEALPix pixels of partitions, from the number of galaxies in small pixels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lensmap.catalog.hats._layout import HEALPIX_ORDER, pixel_ranges

__all__ = ["COUNT_ORDER", "PixelCounts", "choose_partitions", "partition_of"]

#: The HEALPix order of the pixels in which galaxies are counted, of 3.4 arcmin. It is the highest
#: order of a partition.
COUNT_ORDER = 10

# Wider partitions would tell less about the footprint than the tiles of a survey need, and narrower
# ones are made only where galaxies are dense.
_MIN_ORDER, _MAX_TIGHT_ORDER = 3, 6


class PixelCounts:
    """Numbers of galaxies in small HEALPix pixels, added up over the parts of a catalog."""

    def __init__(self) -> None:
        self._counts = np.zeros(12 * 4**COUNT_ORDER, dtype=np.int64)

    def add(self, pixels: np.ndarray, counts: np.ndarray) -> None:
        """Add the numbers of a part.

        Parameters
        ----------
        pixels, counts : `numpy.ndarray`
            The pixels of order ``COUNT_ORDER``, each once, and their galaxies, ``(n,)``.
        """
        self._counts[pixels] += counts

    def partitions(self, max_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the orders and pixels of partitions; see `choose_partitions`."""
        pixels = np.flatnonzero(self._counts)
        return choose_partitions(pixels, self._counts[pixels], max_rows)


def choose_partitions(
    pixels: np.ndarray, counts: np.ndarray, max_rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Choose partitions with at most a given number of galaxies.

    A partition is the largest pixel with at most ``max_rows`` galaxies, from order 3 to 10. Where
    its galaxies lie in one of its smaller pixels, it is this pixel, down to order 6. Pixels of
    order 10 are not divided, however many galaxies they hold.

    Parameters
    ----------
    pixels, counts : `numpy.ndarray`
        The nested pixels of order ``COUNT_ORDER`` with galaxies, sorted, and their numbers of
        galaxies, ``(n,)``.
    max_rows : int
        The number of galaxies.

    Returns
    -------
    orders, pixels : `numpy.ndarray`
        The orders and the pixels of the partitions, int64, in the order of the nested curve.
    """
    orders = np.zeros(len(pixels), dtype=np.int64)
    free = np.ones(len(pixels), dtype=bool)
    for order in range(_MIN_ORDER, COUNT_ORDER + 1):
        shift = 2 * (COUNT_ORDER - order)
        parents, number = np.unique(pixels >> shift, return_inverse=True)
        totals = np.bincount(number, counts, minlength=len(parents))
        chosen = free & ((totals[number] <= max_rows) | (order == COUNT_ORDER))
        orders[chosen] = order
        free &= ~chosen
    # A partition consists of neighbors on the curve, the first and the last of which tell its size.
    parents = pixels >> 2 * (COUNT_ORDER - orders)
    begins = np.flatnonzero(np.concatenate([
        [True], (np.diff(orders) != 0) | (np.diff(parents) != 0)
    ]))
    ends = np.concatenate([begins[1:], [len(pixels)]]) - 1
    result = orders[begins].copy()
    for order in range(_MIN_ORDER + 1, _MAX_TIGHT_ORDER + 1):
        shift = 2 * (COUNT_ORDER - order)
        tighter = (pixels[begins] >> shift == pixels[ends] >> shift) & (result == order - 1)
        result[tighter] = order
    return result, pixels[begins] >> 2 * (COUNT_ORDER - result)


def partition_of(
    pixels: np.ndarray, orders: np.ndarray, partitions: Iterable[int] | np.ndarray
) -> np.ndarray:
    """Return the number of the partition that holds each galaxy.

    Parameters
    ----------
    pixels : `numpy.ndarray`
        The nested pixels of order 29 of the galaxies, ``(n,)``.
    orders, partitions : `numpy.ndarray`
        The orders and the pixels of the partitions, in the order of the nested curve.

    Returns
    -------
    `numpy.ndarray`
        The numbers, from 0, of a small type of integers, ``(n,)``.
    """
    assert HEALPIX_ORDER > COUNT_ORDER
    first, _ = pixel_ranges(orders, partitions)
    # numpy sorts integers of 16 bits in linear time.
    kind = np.int16 if len(first) < 2**15 else np.int32
    return (np.searchsorted(first, pixels, side="right") - 1).astype(kind)
