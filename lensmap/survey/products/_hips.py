# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HiPS folders, from which Aladin and other viewers show a survey map at any zoom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lensmap.survey.products._blocks import CELL_ORDER, Cell, is_valid
from lensmap.survey.products._folders import HIPS_PROPERTIES
from lensmap.survey.products._hips_properties import check_properties, hips_properties
from lensmap.survey.products._hips_tiles import TILE_ORDER, TILE_SIZE, write_tile
from lensmap.survey.products._moc import Footprint
from lensmap.survey.products._survey import Survey
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["HipsFolder"]

# The order of the coverage map of a HiPS, at most: viewers load it before the first tile.
_MAX_MOC_ORDER = 11

# The pixels of a cell that go into the percentiles of the display range.
_SAMPLES_PER_CELL = 250


@dataclass(frozen=True)
class HipsFolder:
    """A folder of FITS tiles of one layer, a hierarchical progressive survey (HiPS, equatorial).

    The tiles of the largest order are 512 x 512 pixels of the map, which are not interpolated. A
    pixel of a smaller order, down to 0, is the mean of the pixels with data in it. ``Moc.fits`` is
    the footprint. The map needs an nside of 512 or more.

    Attributes
    ----------
    folder : path-like
        The folder. Only an earlier HiPS is replaced.
    layer : str
        The layer of numbers.
    title : str
        The title of the map, which viewers show.
    properties : dict of str to str
        Further entries of the file ``properties``, such as ``creator_did``, ``obs_copyright`` or
        ``hips_status``. Entries that follow from the map cannot be replaced.

    References
    ----------
    Fernique et al. 2017, HiPS - Hierarchical Progressive Survey, version 1.0, IVOA recommendation.

    Examples
    --------
    >>> from lensmap.survey import HipsFolder
    >>> folder = HipsFolder("kappa-hips", properties={"hips_creator": "A. N. Astronomer"})
    >>> folder.layer
    'kappa'
    """

    folder: PathLike
    layer: str = "kappa"
    title: str = "Convergence map"
    properties: dict[str, str] = field(default_factory=dict)

    def _check(self, survey: Survey) -> None:
        survey.check_layers([self.layer])
        if survey.dtypes[self.layer] == bool:
            raise ParameterError(
                "layer", "a layer of numbers", repr(self.layer),
                "write the footprint with MocFile",
            )
        if survey.order < TILE_ORDER:
            raise ParameterError(
                "nside", f"at least {TILE_SIZE} for a HiPS", str(survey.nside),
                "leave the HiPS out, or make a map with smaller pixels",
            )
        check_properties(self.title, self.properties)

    @contextmanager
    def _writing(self, path: Path, survey: Survey) -> Iterator[Callable[[Cell], bool]]:
        """Open the product.

        Yields
        ------
        callable
            A function that adds a cell, and returns whether it has data.
        """
        footprint = Footprint(survey.order, min(survey.order, _MAX_MOC_ORDER))
        pyramid = _Pyramid(path, survey.order - TILE_ORDER)

        def add(cell: Cell) -> bool:
            values = cell.layers[self.layer]
            valid = is_valid(values)
            if not footprint.add(cell.pixel, valid):
                return False
            pyramid.add(cell.pixel, np.where(valid, values, 0), valid)
            return True

        yield add
        if not pyramid.samples:
            return  # there are no data, which is an error of the caller
        pyramid.finish()
        footprint.write(path / "Moc.fits")
        text = hips_properties(
            path, pyramid.order, footprint.moc(), np.concatenate(pyramid.samples), pyramid.range,
            self.layer, self.title, self.properties,
        )
        Path(path, HIPS_PROPERTIES).write_text(text, encoding="utf-8", newline="\n")


class _Pyramid:
    """The tiles of all orders that are not complete yet: one for each order.

    All arrays are in the nested order of the pixels, in which the four pixels of a larger one are
    neighbors.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder of the HiPS.
    order : int
        The largest order of tiles.
    """

    def __init__(self, folder: Path, order: int) -> None:
        self._folder, self.order = folder, order
        self._tiles: list[tuple[int, np.ndarray, np.ndarray] | None] = [None] * (order + 1)
        self.samples: list[np.ndarray] = []
        self.range = (np.inf, -np.inf)

    def add(self, pixel: int, values: np.ndarray, valid: np.ndarray) -> None:
        """Add the values of a cell, 0 where they are not valid."""
        count = valid.astype(np.int64)
        data = values[valid].astype(np.float64)
        self.range = (min(self.range[0], data.min()), max(self.range[1], data.max()))
        # A copy, because a view would keep all values of the cell in the memory.
        self.samples.append(data[::max(1, len(data) // _SAMPLES_PER_CELL)].copy())
        # A cell has several tiles if the order of tiles is larger than that of cells.
        n_tiles = 4 ** max(0, self.order - CELL_ORDER)
        sums = values.astype(np.float64)
        for i, (part, number) in enumerate(
            zip(np.split(sums, n_tiles), np.split(count, n_tiles), strict=True)
        ):
            if number.any():
                order_of_part = max(self.order, CELL_ORDER)
                self._put(self.order, pixel * n_tiles + i, order_of_part, part, number)

    def finish(self) -> None:
        """Write the tiles that are not complete."""
        for order in range(self.order, -1, -1):
            self._flush(order)

    def _put(self, order, pixel, order_of_pixel, sums, count):
        """Put the sums and numbers of a pixel of some order into the tile that it belongs to."""
        shift = 2 * (order_of_pixel - order)
        tile = pixel >> shift
        pending = self._tiles[order]
        if pending is not None and pending[0] != tile:
            self._flush(order)
            pending = None
        if pending is None:
            pending = (tile, np.zeros(TILE_SIZE**2), np.zeros(TILE_SIZE**2, np.int64))
            self._tiles[order] = pending
        start = (pixel - (tile << shift)) * len(sums)
        pending[1][start:start + len(sums)] = sums
        pending[2][start:start + len(sums)] = count

    def _flush(self, order):
        """Write the pending tile of an order, and put its means into the next smaller order."""
        pending = self._tiles[order]
        if pending is None:
            return
        self._tiles[order] = None
        tile, sums, count = pending
        means = np.divide(sums, count, out=np.full(len(sums), np.nan), where=count > 0)
        write_tile(self._folder, order, tile, means.astype(np.float32))
        if order > 0:
            self._put(order - 1, tile, order,
                      sums.reshape(-1, 4).sum(axis=1), count.reshape(-1, 4).sum(axis=1))
