# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Temporary files with the rows of a part of a catalog, sorted by partition.

Such a file holds the first row of each partition and then the columns, one after the other, so
that the rows of one partition are one slice of each column.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lensmap.catalog._names import shown
from lensmap.utils import ParameterError, atomic_write

__all__ = ["ColumnType", "SortedRows", "common_types", "is_mask", "write_sorted_rows"]

_HEADER_BYTES = 8

#: The type of a column: numpy's name of the type, and the length of vectors or None.
ColumnType = tuple[str, int | None]

_MASK = ".mask"


def write_sorted_rows(
    path: Path, columns: Mapping[str, np.ndarray], partitions: np.ndarray, n_partitions: int,
    facts: Mapping[str, Any],
) -> None:
    """Write rows, sorted by partition; the order of the rows of a partition stays.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.
    columns : dict
        The columns, ``(n,)`` or ``(n, k)``, possibly masked, keyed by name.
    partitions : `numpy.ndarray`
        The number of the partition of each row, ``(n,)``.
    n_partitions : int
        The number of all partitions.
    facts : dict
        Further facts about the rows, of types that JSON holds.
    """
    rows = np.argsort(partitions, kind="stable")
    starts = np.zeros(n_partitions + 1, dtype=np.int64)
    np.cumsum(np.bincount(partitions, minlength=n_partitions), out=starts[1:])
    plain: dict[str, np.ndarray] = {}
    for name, values in columns.items():
        plain[name] = np.ma.getdata(values)
        if np.ma.isMaskedArray(values):
            plain[name + _MASK] = np.ma.getmaskarray(values)
    types = {
        name: (values.dtype.str, None if values.ndim == 1 else values.shape[1])
        for name, values in plain.items()
    }
    header = json.dumps({"types": types, "n_rows": len(rows), "facts": dict(facts)}).encode()
    with atomic_write(path, overwrite=True) as temporary, open(temporary, "wb") as file:
        file.write(len(header).to_bytes(_HEADER_BYTES, "little"))
        file.write(header)
        starts.tofile(file)
        for values in plain.values():
            np.take(values, rows, axis=0).tofile(file)


class SortedRows:
    """A file that `write_sorted_rows` wrote.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.

    Attributes
    ----------
    types : dict
        The type of each column: the name of numpy, and the length of vectors or None.
    n_rows : int
        The number of rows.
    facts : dict
        The further facts.
    starts : `numpy.ndarray`
        The first row of each partition, and the number of rows, int64, ``(n_partitions + 1,)``.
    """

    def __init__(self, path: Path, n_partitions: int) -> None:
        self.path = path
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(_HEADER_BYTES), "little")
            header = json.loads(file.read(length))
            self.starts = np.fromfile(file, dtype=np.int64, count=n_partitions + 1)
            self._begin = file.tell()
        self.types: dict[str, ColumnType] = {
            name: (kind, width) for name, (kind, width) in header["types"].items()
        }
        self.n_rows, self.facts = header["n_rows"], header["facts"]

    def n_rows_of(self, partition: int) -> int:
        """Return the number of rows of a partition."""
        return int(self.starts[partition + 1] - self.starts[partition])

    def read(self, partition: int, into: Mapping[str, np.ndarray], place: int) -> None:
        """Read the rows of a partition into arrays.

        Parameters
        ----------
        partition : int
            The number of the partition.
        into : dict
            The arrays of all columns; that of a mask is keyed by the name of the column and
            ``".mask"``, and is not changed for columns without a mask.
        place : int
            The first row of the arrays to fill.
        """
        first, n = int(self.starts[partition]), self.n_rows_of(partition)
        position = self._begin
        with open(self.path, "rb", buffering=0) as file:
            for name, (kind, width) in self.types.items():
                dtype, k = np.dtype(kind), 1 if width is None else width
                file.seek(position + first * k * dtype.itemsize)
                values = np.fromfile(file, dtype=dtype, count=n * k)
                into[name][place : place + n] = values if width is None else values.reshape(n, k)
                position += self.n_rows * k * dtype.itemsize


def common_types(parts: Sequence[Mapping[str, ColumnType]]) -> dict[str, ColumnType]:
    """Return types that hold the columns of all parts.

    Parameters
    ----------
    parts : sequence of dict
        The types of the columns of each part.

    Raises
    ------
    ValueError
        If a column holds numbers in one part and text in another, or vectors of several lengths.
    """
    result: dict[str, ColumnType] = {}
    for types in parts:
        for name, (kind, width) in types.items():
            before, before_width = result.get(name, (kind, width))
            is_text = {np.dtype(one).kind == "U" for one in (kind, before)}
            if width != before_width or len(is_text) > 1:
                one, other = _described(before, before_width), _described(kind, width)
                raise ParameterError(
                    "files", f"one type of the column {shown(name)!r}", f"{one} and {other}",
                    "leave this column out, or convert the files", verb="have",
                )
            result[name] = np.result_type(kind, before).str, width
    return result


def is_mask(name: str, types: Mapping[str, ColumnType]) -> bool:
    """Return whether a column is the mask of another one.

    Parameters
    ----------
    name : str
        The name of the column.
    types : dict
        The types of all columns.
    """
    return name.endswith(_MASK) and name.removesuffix(_MASK) in types


def _described(kind: str, width: int | None) -> str:
    text = "text" if np.dtype(kind).kind == "U" else np.dtype(kind).name
    return text if width is None else f"{width} x {text}"
