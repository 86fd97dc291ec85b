# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Rows of several Parquet files of a HATS folder, read as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Column

from lensmap.catalog._needed import column_and_element
from lensmap.catalog.files import TableSource, join_columns, make_column, open_table
from lensmap.catalog.hats._arrow import HEALPIX_COLUMN, SOURCE_FILE, SOURCE_ROW
from lensmap.catalog.hats._keys import GALAXY_KEY, hash_galaxies
from lensmap.utils import ParameterError, check_memory, list_names

__all__ = ["FileRows", "PixelsOf", "chunks_of_rows", "stored_pixels", "table_of_rows"]

#: A function from a table to the HEALPix pixels of order 29 of its rows, int64.
PixelsOf = Callable[[TableSource], np.ndarray]

# Bytes of a value of a column; texts and vectors have more.
_VALUE_BYTES = 8


@dataclass(frozen=True)
class FileRows:
    """Rows of a Parquet file.

    Attributes
    ----------
    path : `pathlib.Path`
        The file.
    start, stop : int
        The first row, and the row after the last.
    offset : int
        The number of rows in the files of the same partition that come before.
    mask : `numpy.ndarray` or None
        True for rows between ``start`` and ``stop`` that are used, bool, ``(stop - start,)``. None
        if all are used.
    """

    path: Path
    start: int
    stop: int
    offset: int
    mask: np.ndarray | None = None

    def __len__(self) -> int:
        if self.mask is None:
            return self.stop - self.start
        return int(np.count_nonzero(self.mask))

    def selected(self, mask: np.ndarray) -> FileRows:
        """Return the rows for which ``mask`` is True, bool, ``(stop - start,)``."""
        if self.mask is not None:
            mask = mask & self.mask
        return replace(self, mask=None if mask.all() else mask)

    def pieces(self, max_rows: int) -> Iterator[FileRows]:
        """Yield the rows in pieces that span at most ``max_rows`` rows of the file each."""
        if self.stop - self.start <= max_rows:
            yield self
            return
        for start in range(self.start, self.stop, max_rows):
            stop = min(start + max_rows, self.stop)
            mask = None
            if self.mask is not None:
                mask = self.mask[start - self.start:stop - self.start]
                if not mask.any():
                    continue
            yield replace(self, start=start, stop=stop, mask=mask)


def chunks_of_rows(rows: Iterable[FileRows], max_rows: int) -> Iterator[list[FileRows]]:
    """Yield rows in lists of at most ``max_rows`` rows, in their order.

    Parameters
    ----------
    rows : iterable of FileRows
        The rows.
    max_rows : int
        The largest number of rows of a list.

    Yields
    ------
    list of FileRows
        Some of the rows.
    """
    chunk: list[FileRows] = []
    n_rows = 0
    for part in rows:
        for piece in part.pieces(max_rows):
            if chunk and n_rows + len(piece) > max_rows:
                yield chunk
                chunk, n_rows = [], 0
            chunk.append(piece)
            n_rows += len(piece)
    if chunk:
        yield chunk


def table_of_rows(
    folder: Path,
    rows: Sequence[FileRows],
    colnames: Sequence[str],
    meta: dict[str, Any],
    pixels_of: PixelsOf | None,
) -> TableSource:
    """Return rows of several files as one table, of which only the needed columns are read.

    Parameters
    ----------
    folder : `pathlib.Path`
        The HATS folder, for messages.
    rows : sequence of FileRows
        The rows, in the order of the table.
    colnames : sequence of str
        The names of the columns of the files.
    meta : dict
        The meta of the table.
    pixels_of : callable or None
        A function that returns the HEALPix pixels of order 29 of the rows of a table. If None, the
        table has no keys of galaxies.

    Returns
    -------
    TableSource
        The table. Besides the columns of the files, it has the column ``galaxy_key`` if
        ``pixels_of`` is given.

    Raises
    ------
    ValueError
        When columns are read: if a file is damaged or lacks a column.
    MemoryError
        When columns are read: if they do not fit into memory.
    """
    n_rows = sum(map(len, rows))

    def read(wanted: list[str]) -> dict[str, Column]:
        check_memory(
            2 * _VALUE_BYTES * len(wanted) * n_rows,
            f"reading {len(wanted)} columns of {n_rows} galaxies of {str(folder)!r}",
            "read it by parts, as HatsCatalog does",
        )
        parts = [_read_file(part, wanted, pixels_of) for part in rows]
        return {name: join_columns([part[name] for part in parts], name) for name in wanted}

    keys = [] if pixels_of is None else [GALAXY_KEY]
    return TableSource(str(folder), [*colnames, *keys], read, meta=meta)


def _read_file(
    rows: FileRows, wanted: list[str], pixels_of: PixelsOf | None
) -> dict[str, Column]:
    """Return columns of rows of one file, keyed by name."""
    with open_table(rows.path, format="parquet") as table:
        part = table.part(rows.start, rows.stop)
        names = [name for name in wanted if name != GALAXY_KEY or pixels_of is None]
        lacking = [name for name in names if column_and_element(name, part.colnames)[0] is None]
        if lacking:
            raise ParameterError(
                "folder", "partitions with the same columns",
                f"one with {str(rows.path)!r}, which lacks {list_names(lacking)}",
                "leave these columns out, or make the folder again", verb="have",
            )
        part.load(names)
        columns = {name: part[name] for name in names}
        if GALAXY_KEY in wanted and pixels_of is not None:
            columns[GALAXY_KEY] = Column(_keys(part, rows, pixels_of), name=GALAXY_KEY)
    if rows.mask is None:
        return columns
    return {
        name: make_column(
            np.asarray(column)[rows.mask], name, getattr(column, "unit", None),
            None if getattr(column, "mask", None) is None else np.asarray(column.mask)[rows.mask],
        )
        for name, column in columns.items()
    }


def _keys(table: TableSource, rows: FileRows, pixels_of: PixelsOf) -> np.ndarray:
    """Return the keys of the galaxies of a part of a file."""
    pixels = pixels_of(table)
    if {SOURCE_FILE, SOURCE_ROW} <= {*table.colnames}:
        table.load([SOURCE_FILE, SOURCE_ROW])
        return hash_galaxies(pixels, np.asarray(table[SOURCE_ROW]), np.asarray(table[SOURCE_FILE]))
    numbers = rows.offset + np.arange(rows.start, rows.stop)
    return hash_galaxies(pixels, numbers)


def stored_pixels(table: TableSource) -> np.ndarray | None:
    """Return the stored HEALPix pixels of order 29 of the rows of a table; None if there are none.

    Parameters
    ----------
    table : TableSource
        The table.
    """
    if HEALPIX_COLUMN not in table.colnames:
        return None
    pixels = table[HEALPIX_COLUMN]
    values = np.asarray(pixels)
    if values.dtype.kind not in "iu" or np.any(getattr(pixels, "mask", False)):
        return None
    return values.astype(np.int64, copy=False)
