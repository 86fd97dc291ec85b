# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`PartitionRun`: the three steps that partition files, each of which can be interrupted.

Galaxies are counted in small pixels, from which the partitions follow; parts of files are sorted by
partition; and the rows of each partition are joined and written. Each step leaves files, and only
what is missing is done again.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lensmap.catalog.files import TableSource
from lensmap.catalog.hats._arrow import HEALPIX_COLUMN
from lensmap.catalog.hats._input import (
    InputFile,
    InputSettings,
    columns_of_part,
    pixels_of_part,
)
from lensmap.catalog.hats._layout import DATASET, HEALPIX_ORDER, partition_path
from lensmap.catalog.hats._plan import COUNT_ORDER, PixelCounts, partition_of
from lensmap.catalog.hats._sorted_rows import (
    ColumnType,
    SortedRows,
    common_types,
    is_mask,
    write_sorted_rows,
)
from lensmap.catalog.hats._write import write_partition
from lensmap.utils import ParameterError, atomic_write, check_memory, n_workers, run_tasks

if TYPE_CHECKING:
    from lensmap.typing import ProgressLike

__all__ = ["PART_ROWS", "Part", "PartitionRun"]

#: The file with the number of rows of the parts of files.
PART_ROWS = "part_rows.json"

# Smaller files are done before new processes have started.
_SMALL_BYTES = 2e9

# What a process holds at most, in units of the rows that it works on, and besides them.
_COPIES, _PROCESS_BYTES = 5, 2e8

_CHUNK_ROWS = 10_000, 2_000_000


class Part(NamedTuple):
    """A part of a file.

    Attributes
    ----------
    file : int
        The number of the file.
    start : int
        The first row.
    stop : int or None
        The row after the last. None for a file that is read as a whole.
    """

    file: int
    start: int
    stop: int | None

    def path(self, folder: Path, suffix: str) -> Path:
        """Return the path of the file with the results for this part."""
        return folder / f"{self.file:06d}_{self.start:012d}{suffix}"


@dataclass(frozen=True)
class _Shared:
    """Settings shared by the tasks of all parts."""

    counts: Path
    rows: Path
    files: Mapping[int, InputFile]
    settings: InputSettings
    orders: np.ndarray | None = None
    pixels: np.ndarray | None = None

    def read(self, part: Part, function: Callable[[InputFile, TableSource], Any]) -> Any:
        """Open a part, and return the result of ``function(file, table)``."""
        file = self.files[part.file]
        with self.settings.open(file.path) as table:
            return function(file, table if part.stop is None else table.part(part.start, part.stop))


def _count(shared: _Shared, part: Part) -> None:
    """Write the numbers of galaxies of a part in small pixels."""
    pixels, n_rows = shared.read(
        part, lambda file, table: pixels_of_part(file, table, shared.settings)
    )
    values, counts = np.unique(pixels >> 2 * (HEALPIX_ORDER - COUNT_ORDER), return_counts=True)
    path = part.path(shared.counts, ".npy")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, overwrite=True) as temporary, open(temporary, "wb") as file:
        first = [[n_rows], [len(pixels)]]
        np.save(file, np.concatenate([first, [values, counts]], axis=1).astype(np.int64))


def _sort(shared: _Shared, part: Part) -> None:
    """Write the rows of a part, sorted by partition."""
    assert shared.orders is not None and shared.pixels is not None
    columns, flagged, n_rows = shared.read(
        part, lambda file, table: columns_of_part(file, table, part.start, shared.settings)
    )
    partitions = partition_of(columns[HEALPIX_COLUMN], shared.orders, shared.pixels)
    path = part.path(shared.rows, ".rows")
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"flagged": flagged, "n_rows": n_rows}
    write_sorted_rows(path, columns, partitions, len(shared.orders), facts)


@dataclass(frozen=True)
class _Joining:
    """Settings shared by the tasks of all partitions."""

    dataset: Path
    orders: np.ndarray
    pixels: np.ndarray
    parts: Sequence[SortedRows]
    types: Mapping[str, ColumnType]
    units: Mapping[str, str]
    meta: Mapping[str, Any]


def _join(shared: _Joining, number: int) -> None:
    """Write a partition: its rows in the order of files and rows."""
    parts = [part for part in shared.parts if part.n_rows_of(number)]
    n_rows = sum(part.n_rows_of(number) for part in parts)
    if n_rows == 0:  # all of its galaxies are in damaged files
        return
    arrays = {}
    for name, (kind, width) in shared.types.items():
        shape = (n_rows,) if width is None else (n_rows, width)
        make = np.zeros if is_mask(name, shared.types) else np.empty
        arrays[name] = make(shape, dtype=kind)
    place = 0
    for part in parts:
        part.read(number, arrays, place)
        place += part.n_rows_of(number)
    columns: dict[str, Any] = {}
    for name, values in arrays.items():
        if not is_mask(name, shared.types):
            mask = arrays.get(f"{name}.mask")
            columns[name] = values if mask is None else np.ma.masked_array(values, mask)
    write_partition(
        shared.dataset, int(shared.orders[number]), int(shared.pixels[number]), columns,
        frame=shared.meta["FRAME"], schema=None, meta=shared.meta, units=shared.units,
    )


class PartitionRun:
    """The steps of partitioning files, and their temporary files.

    Parameters
    ----------
    work : `pathlib.Path`
        The folder of the temporary files.
    files : sequence of InputFile
        The files.
    settings : InputSettings
        How files are read.
    rows_per_partition : int
        The largest number of rows of a partition.
    meta : dict
        The meta of partitions.
    memory : float
        The memory that all processes may use, in bytes.
    workers, executor, progress
        As for `run_tasks`.

    Attributes
    ----------
    n_rows, n_without_position : int
        The number of rows, and of rows without a position, after `count`.
    flagged : `collections.Counter`
        For each condition that the survey documents, the number of rows that do not fulfill it,
        after `write`.
    """

    def __init__(
        self,
        work: Path,
        files: Sequence[InputFile],
        settings: InputSettings,
        rows_per_partition: int,
        meta: Mapping[str, Any],
        memory: float,
        *,
        workers: int | None,
        executor: Executor | None,
        progress: ProgressLike,
    ) -> None:
        self._work, self._settings, self._meta = work, settings, meta
        self._files = {file.number: file for file in files}
        self._max_rows, self._memory = rows_per_partition, memory
        self._units: dict[str, str] = {}  # of further columns
        size = sum(Path(file.path).stat().st_size for file in files)
        self._workers = workers
        if workers is None:
            self._workers = n_workers() if size > _SMALL_BYTES else 1
        self._executor, self._progress = executor, progress
        self._row_bytes = self._measure_row(files)
        self._parts = self._make_parts(files)
        self._orders = self._pixels = np.zeros(0, dtype=np.int64)
        self.n_rows = self.n_without_position = 0
        self.flagged: Counter[str] = Counter()

    def _measure_row(self, files: Sequence[InputFile]) -> int:
        """Return the bytes of a row as it is stored; a guess if no file can be read in parts.

        The units of further columns are noted, too.
        """
        for file in files:
            if file.n_rows:
                try:
                    with self._settings.open(file.path) as table:
                        part = table.part(0, 1000)
                        columns, _, _ = columns_of_part(file, part, 0, self._settings)
                        self._units = {
                            name: str(part[theirs].unit) for name, theirs in file.kept.items()
                            if theirs in part.colnames and part[theirs].unit is not None
                        }
                except ValueError:
                    continue  # the error is reported when the file is counted
                n = len(columns[HEALPIX_COLUMN])
                if n:  # otherwise, none of these rows has a position
                    return sum(values.nbytes for values in columns.values()) // n
        return 8 * (len(files[0].choice.mapping) + len(files[0].kept) + 3)

    def _make_parts(self, files: Sequence[InputFile]) -> list[Part]:
        """Divide the files into parts that fit into memory, in the order of their rows."""
        record = self._work / PART_ROWS
        if record.is_file():  # the parts of an interrupted run
            n_rows = json.loads(record.read_text(encoding="utf-8"))
        else:
            each = self._memory / (self._workers or 1) - _PROCESS_BYTES
            n_rows = int(np.clip(each / (_COPIES * self._row_bytes), *_CHUNK_ROWS))
            needed = (self._workers or 1) * (_COPIES * self._row_bytes * n_rows + _PROCESS_BYTES)
            if needed > 1.2 * self._memory:
                raise ParameterError(
                    "max_memory", f"at least {needed / 2**20:.0f} MiB for {self._workers} "
                    "processes", f"{self._memory / 2**20:.0f} MiB", "or use fewer {workers}",
                )
            self._work.mkdir(parents=True, exist_ok=True)
            with atomic_write(record) as temporary:
                temporary.write_text(json.dumps(n_rows), encoding="utf-8")
        parts = []
        for file in files:
            if file.n_rows is None:
                parts.append(Part(file.number, 0, None))
                continue
            for start in range(0, file.n_rows, n_rows):
                parts.append(Part(file.number, start, min(start + n_rows, file.n_rows)))
        return parts

    def _run(
        self, function: Callable[[Any, Any], None], shared: Any, items: Sequence[Any],
        description: str,
    ) -> dict[Any, Exception]:
        """Run the tasks for items, and return the errors of those that failed."""
        self._work.mkdir(parents=True, exist_ok=True)
        outcomes = run_tasks(
            function, shared, items, workers=self._workers, executor=self._executor,
            folder=self._work, progress=self._progress, description=description,
        )
        return {outcome.item: outcome.error for outcome in outcomes if outcome.error is not None}

    def _do_parts(
        self, function: Callable[[Any, Any], None], shared: _Shared, folder: Path, suffix: str,
        failed: dict[int, Exception], description: str,
    ) -> None:
        """Do what is missing for the parts of readable files; add damaged files to ``failed``."""
        missing = [part for part in self._parts
                   if part.file not in failed and not part.path(folder, suffix).exists()]
        for part, error in self._run(function, shared, missing, description).items():
            failed.setdefault(part.file, error)

    def _shared(self) -> _Shared:
        return _Shared(
            self._work / "counts", self._work / "rows", self._files, self._settings,
            self._orders, self._pixels,
        )

    def count(self, failed: dict[int, Exception]) -> None:
        """Count the galaxies in small pixels, and choose the partitions.

        Parameters
        ----------
        failed : dict
            The errors of damaged files, keyed by their numbers, to which more are added.

        Raises
        ------
        ValueError
            If no galaxy has a position.
        """
        shared = self._shared()
        self._do_parts(_count, shared, shared.counts, ".npy", failed, "counting galaxies")
        counts, n_good = PixelCounts(), 0
        readable = [part for part in self._parts if part.file not in failed]
        if not readable and failed:
            return
        for part in readable:
            array = np.load(part.path(shared.counts, ".npy"))
            (n_rows, values), (n_here, numbers) = ((row[0], row[1:]) for row in array)
            counts.add(values, numbers)
            self.n_rows, n_good = self.n_rows + int(n_rows), n_good + int(n_here)
        if n_good == 0:
            raise ParameterError(
                "files", "galaxies with a position",
                f"{self.n_rows} rows without one" if self.n_rows else "no row", verb="have",
            )
        self.n_without_position = self.n_rows - n_good
        self._orders, self._pixels = counts.partitions(self._max_rows)
        self._check_plan()
        self._check_disk(n_good)

    def _check_plan(self) -> None:
        """Remove the later files of an interrupted run that had other partitions."""
        record = self._work / "partitions.npy"
        plan = np.stack([self._orders, self._pixels])
        if record.is_file() and np.array_equal(np.load(record), plan):
            return
        for name in ("rows", DATASET):
            shutil.rmtree(self._work / name, ignore_errors=True)
        with atomic_write(record, overwrite=True) as temporary, open(temporary, "wb") as file:
            np.save(file, plan)

    def _check_disk(self, n_rows: int) -> None:
        """Raise an error if the sorted rows and the partitions do not fit on the disk."""
        present = sum(path.stat().st_size for path in self._work.rglob("*") if path.is_file())
        needed = 2.1 * n_rows * self._row_bytes - present
        free = shutil.disk_usage(self._work).free
        if needed > free:
            raise ParameterError(
                "folder", f"on a disk with {needed / 1e9:.3g} GB of free space",
                f"one with {free / 1e9:.3g} GB",
                "free some space, or use a folder on another disk; half of the space is for "
                "temporary files", verb="lie",
            )

    def sort(self, failed: dict[int, Exception]) -> None:
        """Sort the parts of files by partition.

        Parameters
        ----------
        failed : dict
            The errors of damaged files, keyed by their numbers, to which more are added.
        """
        if len(self._orders) == 0:
            return
        shared = self._shared()
        self._do_parts(_sort, shared, shared.rows, ".rows", failed, "sorting galaxies")
        self._parts = [part for part in self._parts if part.file not in failed]

    def write(self) -> None:
        """Write the partitions.

        Raises
        ------
        ValueError
            If a column has different types in different files.
        """
        folder = self._work / "rows"
        parts = [SortedRows(part.path(folder, ".rows"), len(self._orders)) for part in self._parts]
        for part in parts:
            self.flagged.update(part.facts["flagged"])
        totals = np.sum([np.diff(part.starts) for part in parts], axis=0)
        largest = int(np.max(totals, initial=0))
        check_memory(
            (self._workers or 1) * _COPIES * largest * self._row_bytes,
            f"partitions of up to {largest} galaxies for {self._workers} processes",
            "use fewer workers, or fewer rows per partition",
        )
        shared = _Joining(
            self._work / DATASET, self._orders, self._pixels, parts,
            common_types([part.types for part in parts]), self._units, self._meta,
        )
        missing = [
            number for number, pair in enumerate(zip(self._orders, self._pixels, strict=True))
            if not partition_path(shared.dataset, *map(int, pair)).exists()
        ]
        for error in self._run(_join, shared, missing, "writing partitions").values():
            raise error
