# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Processing of maps of any size: small maps as a whole, larger maps in blended tiles."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Tiling", "tile_positions"]


@dataclass(frozen=True)
class Tiling:
    """The division of a map into overlapping tiles.

    Attributes
    ----------
    size : int
        The side of a tile in pixels, a multiple of ``stride``.
    overlap : int
        The number of pixels that neighboring tiles share, a multiple of ``stride`` below ``size``.
    dead : int
        The width, in pixels, of the border of a tile that is discarded where the tile overlaps
        another.
    stride : int
        The first pixel of each tile is a multiple of this number. Networks that reduce the
        resolution then treat all tiles alike.
    """

    size: int
    overlap: int
    dead: int
    stride: int

    def apply(
        self, function: Callable[[np.ndarray], np.ndarray], planes: np.ndarray, n_out: int
    ) -> np.ndarray:
        """Apply a function to a stack of planes tile by tile, and blend the results.

        Parameters
        ----------
        function : callable
            A function that converts an array ``(ny, nx, n)``, with ny and nx multiples of
            ``stride``, to ``(ny, nx, n_out)``.
        planes : `numpy.ndarray`
            The input planes, ``(ny, nx, n)``, with ny and nx multiples of ``stride``.
        n_out : int
            The number of output planes.

        Returns
        -------
        `numpy.ndarray`
            The output planes, float32, ``(ny, nx, n_out)``.
        """
        ny, nx, _ = planes.shape
        if ny <= self.size and nx <= self.size:
            return function(planes)
        result = np.zeros((ny, nx, n_out), dtype=np.float32)
        rows, columns = self._windows(ny), self._windows(nx)
        for y, wy in rows:
            for x, wx in columns:
                here = np.s_[y : y + len(wy), x : x + len(wx)]
                result[here] += function(planes[here]) * np.multiply.outer(wy, wx)[..., np.newaxis]
        return result

    def _windows(self, n):
        """Return the first pixel and the blending weights of each tile along an axis of n pixels.

        The result is a list of pairs, one for each tile. At each pixel, the weights of all tiles
        add up to 1.
        """
        starts, size = tile_positions(n, self.size, self.overlap, self.stride)
        shared = [start + size - following for start, following in zip(starts, starts[1:])]
        weights = np.ones((len(starts), size), dtype=np.float32)
        total = np.zeros(n, dtype=np.float32)
        for i, start in enumerate(starts):
            if i > 0:
                weights[i, : shared[i - 1]] *= self._rise(shared[i - 1])
            if i < len(shared):
                weights[i, size - shared[i] :] *= self._rise(shared[i])[::-1]
            total[start : start + size] += weights[i]
        return [
            (start, weight / total[start : start + size])
            for start, weight in zip(starts, weights, strict=True)
        ]

    def _rise(self, shared):
        """Return weights that rise smoothly from 0 to 1 over an overlap of ``shared`` pixels."""
        dead = min(self.dead, (shared - 1) // 2)
        t = (np.arange(shared) + 0.5 - dead) / (shared - 2 * dead)
        return (np.sin(0.5 * np.pi * np.clip(t, 0, 1)) ** 2).astype(np.float32)


def tile_positions(n: int, size: int, overlap: int, stride: int) -> tuple[list[int], int]:
    """Distribute tiles evenly along an axis.

    Parameters
    ----------
    n : int
        The length of the axis in pixels, a multiple of ``stride``.
    size : int
        The largest side of a tile in pixels, a multiple of ``stride``.
    overlap : int
        The number of pixels that neighboring tiles share. The actual overlap may be smaller, by
        less than ``stride``.
    stride : int
        The first pixel and the side of each tile are multiples of this number of pixels.

    Returns
    -------
    starts : list of int
        The first pixel of each tile, a multiple of ``stride``.
    size : int
        The actual size of the tiles, a multiple of ``stride`` and at most the parameter ``size``. A
        single tile is as large as the axis.
    """
    if n <= size:
        return [0], n
    n_tiles = -(-(n - overlap) // (size - overlap))
    # The smallest size with this number of tiles: a larger one would only widen the overlaps, whose
    # pixels are computed twice.
    size = -(-(n + (n_tiles - 1) * overlap) // (n_tiles * stride)) * stride
    return [i * (n - size) // (n_tiles - 1) // stride * stride for i in range(n_tiles)], size
