# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sums over the galaxies in the aperture around each pixel, galaxy by galaxy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lensmap.flatsky._aperture_filters import ApertureFilter
from lensmap.utils import thread_map

__all__ = ["ApertureSums", "direct_aperture_sums"]

# The number of pairs of pixels and galaxies that are computed at once: they fit into a cache.
_CHUNK_PAIRS = 2**17

# Filters are interpolated in a table of this many radii. The relative error is below 1e-6.
_N_TABLE = 2**17


class ApertureSums(NamedTuple):
    """Sums over the galaxies in the aperture around each pixel.

    Attributes
    ----------
    shear : `numpy.ndarray`
        The sums of weight times filter times tangential shear (real part) and cross shear
        (imaginary part), complex, ``(ny, nx)``.
    norm : `numpy.ndarray`
        The sums of the weight in the normalization, ``(ny, nx)``.
    square : `numpy.ndarray`
        The sums of the squared filter times the variance of the weighted shear, ``(ny, nx)``.
    """

    shear: np.ndarray
    norm: np.ndarray
    square: np.ndarray


def direct_aperture_sums(
    filter: ApertureFilter,
    radius: float,
    shape: tuple[int, int],
    positions: tuple[np.ndarray, np.ndarray],
    weighted_shear: np.ndarray,
    weight: np.ndarray,
    variance: np.ndarray,
) -> ApertureSums:
    """Sum over the galaxies in the aperture around each pixel, with their exact positions.

    The time is proportional to the number of pixels times the number of galaxies in an aperture,
    at some 30 ns each.

    Parameters
    ----------
    filter : ApertureFilter
        The filter of the tangential shear.
    radius : float
        The radius of the aperture in pixels.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.
    positions : tuple of `numpy.ndarray`
        The positions ``(x, y)`` of the galaxies in pixels, from the center of the first pixel,
        ``(n,)`` each.
    weighted_shear : `numpy.ndarray`
        The weight times the shear of each galaxy, in the basis of the pixel axes, complex,
        ``(n,)``.
    weight : `numpy.ndarray`
        The weight of each galaxy, ``(n,)``.
    variance : `numpy.ndarray`
        The variance of the weighted shear per component, ``(n,)``.

    Returns
    -------
    ApertureSums
        The sums of each pixel.
    """
    cells = _Cells(*positions, radius)
    order = cells.order
    values = (weighted_shear[order], weight[order].astype(float), variance[order].astype(float))
    tables = _Tables(filter)
    sums = ApertureSums(np.zeros(shape, complex), np.zeros(shape), np.zeros(shape))
    n_side = _block_side(radius, shape, len(weight))

    def add(corner: tuple[int, int]) -> None:
        block = tuple(
            slice(start, min(start + n_side, n)) for start, n in zip(corner, shape, strict=True)
        )
        centers_y, centers_x = (axis.ravel() for axis in np.mgrid[block])
        near = cells.near(centers_x, centers_y)
        if not len(near):
            return
        part = _pair_sums(
            tables, radius, (centers_x, centers_y), (cells.x[near], cells.y[near]),
            tuple(one[near] for one in values),
        )
        for total, one in zip(sums, part, strict=True):
            view = total[block]
            view += one.reshape(view.shape)

    corners = [
        (j, i) for j in range(0, shape[0], n_side) for i in range(0, shape[1], n_side)
    ]
    thread_map(add, corners)
    return sums


def _block_side(radius: float, shape: tuple[int, int], n_galaxies: int) -> int:
    """Return the side in pixels of the blocks of pixels that are computed together."""
    density = n_galaxies / (shape[0] * shape[1])
    for side in range(32, 1, -1):
        if side**2 * density * (2 * radius + side) ** 2 <= _CHUNK_PAIRS:
            return side
    return 1


def _pair_sums(tables, radius, centers, positions, values):
    """Return the three sums of `ApertureSums` for some centers, over some galaxies.

    ``centers`` and ``positions`` are tuples ``(x, y)`` of arrays ``(n_centers,)`` and
    ``(n_galaxies,)``. ``values`` are the weighted shear, the weight and the variance.
    """
    weighted_shear, weight, variance = values
    n_step = max(1, _CHUNK_PAIRS // len(weight))
    parts = []
    for start in range(0, len(centers[0]), n_step):
        x, y = (
            at - center[start : start + n_step, np.newaxis]
            for at, center in zip(positions, centers, strict=True)
        )
        square = x * x
        square += y * y
        q, norm = tables(np.sqrt(square) / radius)
        np.maximum(square, 1e-24, out=square)
        # minus the conjugate of exp(2 i phi), times the filter
        kernel = np.empty(x.shape, complex)
        kernel.real = y * y - x * x
        kernel.imag = 2 * x * y
        kernel *= q / square
        parts.append((kernel @ weighted_shear, norm @ weight, (q * q) @ variance))
    return [np.concatenate(one) for one in zip(*parts, strict=True)]


class _Tables:
    """Tables of a filter and of its normalization, for quick interpolation at many radii."""

    def __init__(self, filter: ApertureFilter) -> None:
        x = np.linspace(0.0, 1.0, _N_TABLE + 1)
        self._has_template = filter.template is not None
        self._weight = np.append(filter.weight(x), 0.0)
        self._norm = np.append(filter.template_weight(x), 0.0)

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the weight of the shear and that of the normalization, 0 outside the aperture."""
        inside = x <= 1
        scaled = np.minimum(x, 1.0)
        scaled *= _N_TABLE
        index = scaled.astype(np.intp)
        scaled -= index
        weight = self._interpolated(self._weight, index, scaled) * inside
        if not self._has_template:
            return weight, inside.astype(float)
        return weight, self._interpolated(self._norm, index, scaled) * inside

    @staticmethod
    def _interpolated(table, index, fraction):
        low = table[index]
        low += fraction * (table[index + 1] - low)
        return low


class _Cells:
    """Galaxies sorted by cells of the plane, so that those near a block of pixels are found.

    Parameters
    ----------
    x, y : `numpy.ndarray`
        The positions of the galaxies in pixels, ``(n,)``.
    radius : float
        The radius of the apertures in pixels.

    Attributes
    ----------
    order : `numpy.ndarray`
        The galaxies in the order of their cells, integer, ``(n,)``.
    x, y : `numpy.ndarray`
        Their positions in this order.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, radius: float) -> None:
        self._radius = radius
        self._side = max(1.0, radius / 4)
        self._first_x, self._first_y = np.min(x), np.min(y)
        column, row = self._cell(x, self._first_x), self._cell(y, self._first_y)
        self._n_columns, self._n_rows = int(column.max()) + 1, int(row.max()) + 1
        key = row * self._n_columns + column
        self.order = np.argsort(key, kind="stable")
        self.x, self.y = x[self.order], y[self.order]
        self._start = np.searchsorted(
            key[self.order], np.arange(self._n_rows * self._n_columns + 1)
        )

    def _cell(self, position: np.ndarray, first: float) -> np.ndarray:
        return np.floor((position - first) / self._side).astype(np.intp)

    def near(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the galaxies in the cells that the apertures about some centers touch."""
        low_x, high_x = self._cells(x, self._first_x, self._n_columns)
        low_y, high_y = self._cells(y, self._first_y, self._n_rows)
        rows = np.arange(low_y, high_y) * self._n_columns
        if low_x >= high_x:
            rows = rows[:0]
        ranges = [
            np.arange(self._start[row + low_x], self._start[row + high_x]) for row in rows
        ]
        return np.concatenate(ranges) if ranges else np.empty(0, np.intp)

    def _cells(self, position: np.ndarray, first: float, n: int) -> tuple[int, int]:
        """Return the first cell along an axis that apertures touch, and the one after the last."""
        low = self._cell(position.min() - self._radius, first)
        high = self._cell(position.max() + self._radius, first) + 1
        return int(np.clip(low, 0, n)), int(np.clip(high, 0, n))
