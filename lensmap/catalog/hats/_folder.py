# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The files of a HATS folder: its partitions, and the rows of them that lie in pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lensmap.catalog._decision import SCHEMA_KEY
from lensmap.catalog.files import open_table
from lensmap.catalog.hats._footers import Footer, footer_digest, read_footer
from lensmap.catalog.hats._layout import (
    SCHEMA,
    find_partitions,
    main_table,
    pixel_ranges,
)
from lensmap.catalog.hats._ranges import Ranges, checked_order
from lensmap.catalog.hats._rows import FileRows, PixelsOf, table_of_rows
from lensmap.utils import CatalogWarning, list_names, missing_file, thread_map, warn_user

if TYPE_CHECKING:
    from lensmap.catalog.files import TableSource
    from lensmap.typing import PathLike

__all__ = ["HatsFolder", "Partition"]


class Partition(NamedTuple):
    """A partition of a survey catalog.

    Attributes
    ----------
    order, pixel : int
        The HEALPix order, and the number of the pixel in the nested scheme.
    n_rows : int
        The number of rows in its files; damaged files count none.
    paths : tuple of `pathlib.Path`
        The Parquet files.
    """

    order: int
    pixel: int
    n_rows: int
    paths: tuple[Path, ...]


class HatsFolder:
    """The Parquet files of a HATS folder.

    Parameters
    ----------
    folder : path-like
        The folder, or a collection with a main table.

    Attributes
    ----------
    folder : `pathlib.Path`
        The folder of the table.
    partitions : tuple of Partition
        The partitions, in the order of their pixels along the nested curve.
    colnames : list of str
        The names of the columns, from the first file that can be read.
    meta : dict
        The meta of this file.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If the folder holds no partitions, if they overlap, or if no file can be read.

    Warns
    -----
    CatalogWarning
        If files are damaged.
    """

    def __init__(self, folder: PathLike) -> None:
        # Workers that read the partitions may have another working directory.
        if not Path(folder).exists():
            raise missing_file(folder, "folder", "there is no folder {!r}")
        self.folder = main_table(Path(folder).absolute())
        found = find_partitions(self.folder)
        footers = thread_map(read_footer, [path for part in found for path in part.paths])
        self._footers: dict[Path, Footer] = {footer.path: footer for footer in footers}
        self.partitions = tuple(
            Partition(
                part.order, part.pixel, sum(self._footers[path].n_rows for path in part.paths),
                part.paths,
            )
            for part in found
        )
        damaged = [footer for footer in footers if footer.error is not None]
        if len(damaged) == len(footers):
            raise ValueError(
                f"cannot read {str(damaged[0].path)!r} as a table: {damaged[0].error}"
            )
        if damaged:
            names = list_names([str(footer.path.relative_to(self.folder)) for footer in damaged])
            warn_user(
                f"{len(damaged)} of {len(footers)} files in {str(self.folder)!r} are damaged: "
                f"{names} (first error: {damaged[0].error})",
                CatalogWarning,
                "damaged_partitions",
            )
        first = next(footer for footer in footers if footer.error is None)
        with open_table(first.path, format="parquet") as table:
            self.colnames, self.meta = table.colnames, table.meta
        schema = self.meta.get(SCHEMA_KEY, SCHEMA)
        if schema != SCHEMA:
            raise ValueError(
                f"the folder {str(self.folder)!r} has partitions of version {schema} of their "
                f"form, but this lensmap reads version {SCHEMA}: use another version of lensmap, "
                "or partition the catalog again"
            )

    def table(
        self, rows: Sequence[FileRows] | None = None, pixels_of: PixelsOf | None = None
    ) -> TableSource:
        """Return rows of the folder as a table, of which only the needed columns are read.

        Parameters
        ----------
        rows : sequence of FileRows or None
            The rows. If None, all rows.
        pixels_of : callable or None
            As for `rows_in`. If None, the table has no keys of galaxies.
        """
        if rows is None:
            rows = [part for partition in self.partitions for part in self.rows_of(partition)]
        return table_of_rows(self.folder, rows, self.colnames, self.meta, pixels_of)

    def __len__(self) -> int:
        return sum(part.n_rows for part in self.partitions)

    @cached_property
    def _spans(self) -> tuple[np.ndarray, np.ndarray]:
        """The first pixel of order 29 of each partition, and the first one beyond it."""
        orders, pixels = zip(*((part.order, part.pixel) for part in self.partitions), strict=True)
        return pixel_ranges(orders, pixels)

    def pixels(self, order: int) -> np.ndarray:
        """Return the nested pixels of an order that overlap with partitions, sorted, int64."""
        order = checked_order(order)
        parts = []
        for part in self.partitions:
            if part.n_rows == 0 and all(self._footers[path].error is None for path in part.paths):
                continue
            shift = 2 * (order - part.order)
            if shift < 0:
                parts.append(np.array([part.pixel >> -shift]))
            else:
                parts.append((part.pixel << shift) + np.arange(1 << shift))
        return np.unique(np.concatenate(parts)).astype(np.int64)

    def rows_of(self, partition: Partition) -> list[FileRows]:
        """Return all rows of a partition."""
        rows, offset = [], 0
        for path in partition.paths:
            n_rows = self._footers[path].n_rows
            # A damaged file is read as well, which raises an error that names it.
            if n_rows > 0 or self._footers[path].error is not None:
                rows.append(FileRows(path, 0, n_rows, offset))
            offset += n_rows
        return rows

    def rows_in(self, ranges: Ranges, pixels_of: PixelsOf) -> list[FileRows]:
        """Return the rows whose positions lie in pixels.

        Parameters
        ----------
        ranges : Ranges
            The pixels.
        pixels_of : callable
            A function that returns the HEALPix pixels of order 29 of the rows of a table.

        Returns
        -------
        list of FileRows
            The rows, in the order of the partitions and of their rows.
        """
        result = []
        overlap, inside = ranges.overlap(*self._spans)
        for number in np.flatnonzero(overlap):
            rows = self.rows_of(self.partitions[number])
            if inside[number]:
                result += rows
                continue
            selected = (self._selected(part, ranges, pixels_of) for part in rows)
            result += [part for part in selected if part is not None]
        return result

    def _selected(
        self, rows: FileRows, ranges: Ranges, pixels_of: PixelsOf
    ) -> FileRows | None:
        """Return the rows of a file that lie in pixels; None if there are none."""
        footer = self._footers[rows.path]
        start, stop = 0, footer.n_rows
        if footer.lowest is not None and footer.highest is not None:
            overlap, _ = ranges.overlap(footer.lowest, footer.highest + 1)
            if not overlap.any():
                return None
            first, last = np.flatnonzero(overlap)[[0, -1]]
            start, stop = int(footer.ends[first - 1]) if first else 0, int(footer.ends[last])
        with open_table(rows.path, format="parquet") as table:
            mask = ranges.contains(pixels_of(table.part(start, stop)))
        if not mask.any():
            return None
        return FileRows(rows.path, start, stop, rows.offset).selected(mask)

    def without(self, numbers: Collection[int]) -> HatsFolder:
        """Return the folder without some of its partitions, by their numbers."""
        new = copy(self)
        new.__dict__.pop("_spans", None)
        new.partitions = tuple(
            part for number, part in enumerate(self.partitions) if number not in set(numbers)
        )
        return new

    def digests(self) -> dict[str, str]:
        """Return a digest of each partition, keyed by its order and pixel, such as ``"5/1023"``.

        The digest covers the names, the sizes and the footers of the files of the partition.
        """
        paths = list(self._footers)
        facts = dict(zip(paths, thread_map(footer_digest, paths), strict=True))
        return {
            f"{part.order}/{part.pixel}": _sha256([
                [path.relative_to(self.folder).as_posix(), *facts[path]] for path in part.paths
            ])
            for part in self.partitions
        }

    def digest(self) -> dict[str, Any]:
        """Return the number and the size of the files, and one digest over all partitions."""
        sizes = [path.stat().st_size for path in self._footers]
        return {
            "files": len(sizes), "bytes": sum(sizes), "sha256_of_footers": _sha256(self.digests()),
        }

    def changed(self, old: Mapping[str, str]) -> list[tuple[int, int]]:
        """Return the order and pixel of partitions that differ from an earlier record.

        Parameters
        ----------
        old : dict
            The earlier result of `digests`.
        """
        new = self.digests()
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        pairs = [tuple(map(int, name.split("/"))) for name in names]
        return sorted(((order, pixel) for order, pixel in pairs),
                      key=lambda pair: (pair[1] << 2 * (29 - pair[0]), pair[0]))


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
