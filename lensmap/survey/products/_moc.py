# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The footprint of a survey map as a multi-order coverage map (MOC)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from lensmap.survey.products._blocks import CELL_ORDER, Cell, is_valid
from lensmap.survey.products._survey import Survey
from lensmap.utils import ParameterError, import_optional, temporary_folder, write_hdus

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["Footprint", "MocFile"]

_MAX_ORDER = 29


def _import_mocpy() -> Any:
    return import_optional("mocpy", purpose="a coverage map", install="'lensmap[survey]'")


class Footprint:
    """The pixels with data, collected as ranges of nested indices.

    Parameters
    ----------
    order_of_map : int
        The order of the pixels of the map.
    order : int
        The order of the coverage map. Its pixels count if any pixel of the map in them has data.
    """

    def __init__(self, order_of_map: int, order: int) -> None:
        _import_mocpy()  # before hours of work, not after them
        self._order, self._shift = order, 2 * (order_of_map - order)
        self._n_cell = 4 ** (order - CELL_ORDER)
        self._ranges: list[np.ndarray] = []

    def add(self, pixel: int, valid: np.ndarray) -> bool:
        """Add a cell, with the pixels that have data, bool; return whether there are any."""
        covered = np.asarray(valid.reshape(-1, 1 << self._shift).any(axis=1))
        edges = np.flatnonzero(np.diff(covered, prepend=False, append=False))
        if len(edges):
            self._ranges.append(edges.reshape(-1, 2) + pixel * self._n_cell)
        return len(edges) > 0

    def moc(self) -> Any:
        """Return the `mocpy.MOC` of what was added."""
        ranges = np.concatenate([np.zeros((0, 2), np.int64), *self._ranges])
        scale = 2 * (_MAX_ORDER - self._order)
        return _import_mocpy().MOC.from_depth29_ranges(
            self._order, ranges.astype(np.uint64) << np.uint64(scale)
        )

    def write(self, path: PathLike) -> None:
        """Write the coverage map to a FITS file, which is replaced."""
        with temporary_folder("lensmap-moc-") as folder:
            written = Path(folder, "moc.fits")
            self.moc().save(written)
            with fits.open(written, memmap=False) as hdus:
                write_hdus([hdu.copy() for hdu in hdus], path)


@dataclass(frozen=True)
class MocFile:
    """The footprint of a survey map as a multi-order coverage map in FITS (IVOA MOC 2.0).

    Attributes
    ----------
    path : path-like
        The file.
    layer : str
        The layer whose pixels with data are the footprint.
    order : int or None
        The order of the coverage map. Its pixels belong to the footprint if any pixel of the
        survey map in them does. None takes the order of the survey map.

    Examples
    --------
    >>> from lensmap.survey import MocFile
    >>> MocFile("footprint.fits")
    MocFile(path='footprint.fits', layer='kappa', order=None)
    """

    path: PathLike
    layer: str = "kappa"
    order: int | None = None

    def _check(self, survey: Survey) -> None:
        survey.check_layers([self.layer])
        if self.order is not None and not CELL_ORDER <= self.order <= survey.order:
            raise ParameterError(
                "order", f"from {CELL_ORDER} to that of the survey map, {survey.order}",
                str(self.order),
            )

    @contextmanager
    def _writing(self, path: PathLike, survey: Survey) -> Iterator[Callable[[Cell], bool]]:
        """Open the product.

        Yields
        ------
        callable
            A function that adds a cell, and returns whether it has data.
        """
        footprint = Footprint(survey.order, survey.order if self.order is None else self.order)

        def add(cell: Cell) -> bool:
            return footprint.add(cell.pixel, is_valid(cell.layers[self.layer]))

        yield add
        footprint.write(path)
