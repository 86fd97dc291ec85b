# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Blocks of a survey map: the layers of one HEALPix pixel, and their division into cells.

A cell is one coverage pixel of a HealSparse file. All products are written cell by cell, so that
the memory that they need does not depend on the area of the survey.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from lensmap.maps import HealpixMap
from lensmap.sphere import HealpixPixels
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["CELL_ORDER", "Block", "Cell", "cells_of", "is_valid", "map_blocks"]

#: The order of a cell. HealSparse recommends coverage pixels of nside 32.
CELL_ORDER = 5

# Coverage pixels of HealSparse files with one bit for each pixel have at least 8 pixels.
_MIN_ORDER = CELL_ORDER + 2

_MAX_BLOCK_ORDER = 8

# The types of the layers in files, and the values of pixels outside of the footprint.
_DTYPES = {"f": np.float32, "i": np.int32, "u": np.int32, "b": np.bool_}
_OUTSIDE = {"f": np.nan, "i": 0, "b": True}


class Block(NamedTuple):
    """The layers of a survey map in one HEALPix pixel.

    Attributes
    ----------
    order, pixel : int
        The order, 0 to 8, and the nested index of the pixel.
    layers : mapping of str to `numpy.ndarray`
        The arrays, each ``(4**(order_of_map - order),)``, keyed by the names of the layers. They
        hold the nested pixels of the map in this block, in order. Pixels outside of the footprint
        are NaN in layers of real numbers, 0 in layers of integers, and True in layers of bool,
        which are masks.
    """

    order: int
    pixel: int
    layers: Mapping[str, np.ndarray]


class Cell(NamedTuple):
    """The layers of a survey map in one coverage pixel.

    Attributes
    ----------
    pixel : int
        The nested index of the coverage pixel.
    layers : dict of str to `numpy.ndarray`
        The arrays, float32, int32 or bool, each ``(4**(order_of_map - CELL_ORDER),)``.
    """

    pixel: int
    layers: dict[str, np.ndarray]


def is_valid(values: np.ndarray) -> np.ndarray:
    """Return which pixels of a layer hold data, bool, of the shape of ``values``.

    These are the finite real numbers, the integers above 0, and the unmasked pixels of a mask.
    """
    if values.dtype == bool:
        return ~values
    return values > 0 if values.dtype.kind == "i" else np.isfinite(values)


def cells_of(blocks: Iterable[Block], nside: int) -> Iterator[Cell]:
    """Divide blocks into cells, or join the blocks of a cell.

    Parameters
    ----------
    blocks : iterable of Block
        The blocks, in the order of the nested index. Their orders may differ.
    nside : int
        The resolution of the layers.

    Yields
    ------
    Cell
        The cells, in the order of the nested index. Pixels of which no block has data are outside
        of the footprint.

    Raises
    ------
    TypeError, ValueError
        If blocks overlap or are not in order, if a layer is missing, or if its values have the
        wrong type or number.
    """
    pixels = HealpixPixels(nside)
    if pixels.order < _MIN_ORDER:
        raise ParameterError("nside", f"at least {1 << _MIN_ORDER} for a survey map", str(nside))
    n_cell = 4 ** (pixels.order - CELL_ORDER)
    kinds: dict[str, str] = {}
    pending: Cell | None = None
    end = 0
    for block in blocks:
        first = _first_pixel(block, pixels, end)
        layers = _checked_layers(block, pixels.order, kinds)
        end = first + 4 ** (pixels.order - block.order)
        cell, start = divmod(first, n_cell)
        if pending is not None and pending.pixel != cell:
            yield pending
            pending = None
        if block.order <= CELL_ORDER:
            for i in range(4 ** (CELL_ORDER - block.order)):
                part = slice(i * n_cell, (i + 1) * n_cell)
                yield Cell(cell + i, {name: values[part] for name, values in layers.items()})
            continue
        if pending is None:
            pending = Cell(cell, {name: np.full(n_cell, _OUTSIDE[values.dtype.kind], values.dtype)
                                  for name, values in layers.items()})
        for name, values in layers.items():
            pending.layers[name][start:start + len(values)] = values
    if pending is not None:
        yield pending


def _first_pixel(block, pixels, end):
    """Return the first pixel of a block, which must not lie before ``end``."""
    order, pixel = block.order, block.pixel
    if not 0 <= order <= min(_MAX_BLOCK_ORDER, pixels.order):
        raise ParameterError(
            "blocks", f"of an order from 0 to {min(_MAX_BLOCK_ORDER, pixels.order)}", str(order)
        )
    if not 0 <= pixel < 12 * 4**order:
        raise ParameterError(
            "blocks", f"pixels from 0 to {12 * 4**order - 1} at order {order}", str(pixel),
            verb="hold",
        )
    first = int(pixel) << 2 * (pixels.order - order)
    if first < end:
        raise ParameterError(
            "blocks", "in the order of the nested index, without overlap",
            f"pixel {pixel} of order {order} after the pixels below {end} of the map",
            "sort the blocks by pixel * 4**(29 - order)",
        )
    return first


def _checked_layers(block, order, kinds):
    """Return the layers of a block in the types of files; ``kinds`` are those of the first one."""
    if kinds and block.layers.keys() != kinds.keys():
        raise ParameterError(
            "blocks", f"the layers {', '.join(sorted(kinds))}",
            f"{', '.join(sorted(block.layers)) or 'none'} in pixel {block.pixel} of order "
            f"{block.order}", verb="all hold",
        )
    n = 4 ** (order - block.order)
    layers = {}
    for name, values in block.layers.items():
        values = np.asarray(values)
        if values.dtype.kind not in _DTYPES or values.shape != (n,):
            raise ParameterTypeError(
                "blocks", f"real numbers, integers or bool, ({n},), in layer {name!r}",
                f"{values.dtype} of shape {values.shape} in pixel {block.pixel} of order "
                f"{block.order}", verb="hold",
            )
        dtype = np.dtype(_DTYPES[values.dtype.kind])
        if kinds.setdefault(name, dtype.kind) != dtype.kind:
            raise ParameterTypeError(
                "blocks", f"one type in layer {name!r}",
                f"{values.dtype} in pixel {block.pixel} of order {block.order}", verb="hold",
            )
        if dtype.kind == "i" and (np.any(values < 0) or np.any(values > np.iinfo(dtype).max)):
            raise ParameterError(
                "blocks", f"integers from 0 to {np.iinfo(dtype).max} in layer {name!r}",
                f"{values.min()} to {values.max()}", verb="hold",
            )
        layers[name] = values.astype(dtype, copy=False)
    return layers


def map_blocks(kappa: HealpixMap, order: int = 3) -> Iterator[Block]:
    """Divide a map into blocks.

    Parameters
    ----------
    kappa : HealpixMap
        The map.
    order : int
        The order of the blocks.

    Yields
    ------
    Block
        The blocks that have pixels of the map, with the layers ``kappa`` and ``mask``, and
        ``kappa_b``, ``error`` and ``counts`` if the map has them.
    """
    if kappa.pixels.frame != "icrs":
        raise ParameterError(
            "source", "in the frame 'icrs'", f"in {kappa.pixels.frame!r}",
            "make the map on HealpixPixels with frame='icrs'",
        )
    parts = {
        "kappa": kappa.data,
        "kappa_b": kappa.kappa_b,
        "error": None if kappa.uncertainty is None else kappa.uncertainty.array,
        "counts": kappa.counts,
        "mask": kappa.mask,
    }
    order = min(order, kappa.pixels.order)
    shift = 2 * (kappa.pixels.order - order)
    parent = kappa.index >> shift
    for pixel in np.unique(parent):
        rows = slice(*np.searchsorted(parent, [pixel, pixel + 1]))
        place = kappa.index[rows] - (pixel << shift)
        layers = {}
        for name, values in parts.items():
            if values is not None:
                kind = "i" if values.dtype.kind == "u" else values.dtype.kind
                layers[name] = np.full(1 << shift, _OUTSIDE[kind], values.dtype)
                layers[name][place] = values[rows]
        yield Block(order, int(pixel), layers)
