# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Processing of maps of any size: small maps as a whole, larger maps in blended tiles."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Tiling", "tile_positions"]


# More than this number of computed pixels per pixel of the map is too many. Tiles then grow.
_MAX_COMPUTED = 1.3

# The area of the largest tiles that grow, in units of the usual area.
_MAX_GROWTH = 2.3

# With more tiles than this along an axis, tiles are square.
_MAX_CHOICES = 32


@dataclass(frozen=True)
class Tiling:
    """The division of a map into overlapping tiles.

    Attributes
    ----------
    size : int
        The square root of the largest number of pixels of a tile. Where more than 1.3 times the
        pixels of the map would be computed, because they lie in several tiles, tiles have up to
        2.3 times this number of pixels.
    overlap : int
        The number of pixels that neighboring tiles share, a multiple of ``stride``.
    dead : int
        The width, in pixels, of the border of a tile that is discarded where the tile overlaps
        another, at most half of ``overlap``.
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
        n_rows, n_columns = self.tile_counts(ny, nx)
        if n_rows == n_columns == 1:
            return function(planes)
        result = np.zeros((ny, nx, n_out), dtype=np.float32)
        rows, columns = self._windows(ny, n_rows), self._windows(nx, n_columns)
        for y, wy in rows:
            for x, wx in columns:
                here = np.s_[y : y + len(wy), x : x + len(wx)]
                result[here] += function(planes[here]) * np.multiply.outer(wy, wx)[..., np.newaxis]
        return result

    def tile_counts(self, ny: int, nx: int) -> tuple[int, int]:
        """Choose the numbers of tiles along y and x for which the fewest pixels are computed.

        Parameters
        ----------
        ny, nx : int
            The size of the map in pixels.

        Returns
        -------
        n_rows, n_columns : int
            The numbers of rows and columns of tiles.
        """
        usual, growing = [], []
        for n_rows, height in self._divisions(ny):
            for n_columns, width in self._divisions(nx):
                area = height * width
                choice = n_rows * n_columns * area / (ny * nx), area, (n_rows, n_columns)
                if area <= self.size**2:
                    usual.append(choice)
                elif area <= _MAX_GROWTH * self.size**2:
                    growing.append(choice)
        if min(usual)[0] <= _MAX_COMPUTED:
            return min(usual)[2]
        smallest = [choice[1:] for choice in growing if choice[0] <= _MAX_COMPUTED]
        return min(smallest)[1] if smallest else min(usual + growing)[2]

    def _divisions(self, n):
        """Return numbers of tiles along an axis of n pixels, with the side of the tiles.

        One of them is the smallest number for which the side is at most ``size``.
        """
        n_tiles = 1 if n <= self.size else -(-(n - self.overlap) // (self.size - self.overlap))
        numbers = range(1, 2 * n_tiles + 1) if n_tiles <= _MAX_CHOICES else [n_tiles]
        divisions = [(1, n)]
        for number in numbers:
            side = _tile_side(n, number, self.overlap, self.stride)
            if number > 1 and side > self.overlap:
                divisions.append((number, side))
        return divisions

    def _windows(self, n, n_tiles):
        """Return the first pixel and the blending weights of each tile along an axis of n pixels.

        The result is a list of pairs, one for each tile. At each pixel, the weights of all tiles
        add up to 1.
        """
        starts, size = tile_positions(n, n_tiles, self.overlap, self.stride)
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
        dead = min(self.dead, shared // 2)
        # If no pixels are left between the two borders, the weights are a step.
        t = (np.arange(shared) + 0.5 - dead) / max(shared - 2 * dead, 1e-3)
        return (np.sin(0.5 * np.pi * np.clip(t, 0, 1)) ** 2).astype(np.float32)


def tile_positions(n: int, n_tiles: int, overlap: int, stride: int) -> tuple[list[int], int]:
    """Distribute tiles evenly along an axis.

    Parameters
    ----------
    n : int
        The length of the axis in pixels, a multiple of ``stride``.
    n_tiles : int
        The number of tiles.
    overlap : int
        The smallest number of pixels that neighboring tiles share, a multiple of ``stride``.
    stride : int
        The first pixel and the side of each tile are multiples of this number of pixels.

    Returns
    -------
    starts : list of int
        The first pixel of each tile, a multiple of ``stride``.
    size : int
        The side of the tiles, a multiple of ``stride``. A single tile is as large as the axis.
    """
    if n_tiles == 1:
        return [0], n
    size = _tile_side(n, n_tiles, overlap, stride)
    return [i * (n - size) // (n_tiles - 1) // stride * stride for i in range(n_tiles)], size


def _tile_side(n, n_tiles, overlap, stride):
    # The smallest side with this number of tiles: a larger one would only widen the overlaps, whose
    # pixels are computed twice.
    return -(-(n + (n_tiles - 1) * overlap) // (n_tiles * stride)) * stride
