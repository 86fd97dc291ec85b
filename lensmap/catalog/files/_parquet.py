# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables in Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import Column
from astropy.table.meta import get_header_from_yaml

from lensmap.catalog.files._source import TableSource, make_column
from lensmap.utils import import_optional, printable

if TYPE_CHECKING:
    import pyarrow

__all__ = ["open_parquet"]


@contextmanager
def open_parquet(path: str) -> Iterator[TableSource]:
    """Open the table of a Parquet file.

    Parameters
    ----------
    path : str
        The file.

    Yields
    ------
    TableSource
        The table.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    """
    parquet = import_optional("pyarrow.parquet", purpose="Parquet", install="'lensmap[io]'")
    # Most writers store no checksums, and are then not verified.
    with parquet.ParquetFile(path, page_checksum_verification=True) as file:
        schema = file.schema_arrow
        text = (schema.metadata or {}).get(b"table_meta_yaml")
        header = get_header_from_yaml(text.decode("utf-8").split("\n")) if text else {}
        units = {item["name"]: item.get("unit") for item in header.get("datatype", ())}
        masks = {f"{name}.mask" for name in schema.names} & set(schema.names)
        if not header:  # only astropy's masks have such names
            masks = set()

        metadata = file.metadata
        ends = np.cumsum([metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)])

        def read(wanted: list[str], start: int = 0, stop: int | None = None) -> dict[str, Column]:
            extra = [f"{name}.mask" for name in wanted if f"{name}.mask" in masks]
            if stop is None:
                table = file.read(columns=[*wanted, *extra])
            else:
                first = int(np.searchsorted(ends, start, side="right"))
                last = int(np.searchsorted(ends, stop, side="left"))
                groups = list(range(first, min(last + 1, len(ends))))
                table = file.read_row_groups(groups, columns=[*wanted, *extra])
                begin = int(ends[first - 1]) if first > 0 else 0
                table = table.slice(start - begin, stop - start)
            columns = {}
            for name in wanted:
                values, mask = _values(table.column(name), name)
                if f"{name}.mask" in extra:
                    mask = _values(table.column(f"{name}.mask"), name)[0]
                columns[name] = make_column(values, name, units.get(name), mask)
            return columns

        names = [name for name in schema.names if name not in masks]
        yield TableSource(
            path, names, read, meta=header.get("meta"), n_rows=metadata.num_rows, read_rows=read
        )


def _values(column: pyarrow.ChunkedArray, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the values of a column, and a mask that is True for nulls; None without nulls."""
    import pyarrow as pa

    mask = np.asarray(column.is_null()) if column.null_count else None
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if hasattr(column.type, "value_type"):
        return _vectors(column, name, mask), mask
    # Integers with nulls become floating point with NaN.
    return np.asarray(column.to_numpy()), mask


def _vectors(column: Any, name: str, mask: np.ndarray | None) -> np.ndarray:
    """Return a column of lists of equal length as an array ``(n, length)``.

    ``name`` is the name of the column, and ``mask`` is True for nulls, or None without nulls.
    """
    import pyarrow.compute as pc

    lengths = pc.unique(pc.list_value_length(column.drop_null())).to_pylist()
    if len(lengths) > 1:
        raise ValueError(
            f"the column {printable(name)!r} holds lists of {len(lengths)} different lengths; "
            "all lists must have the same length"
        )
    length = lengths[0] if lengths else getattr(column.type, "list_size", 0)
    flat = np.asarray(pc.list_flatten(column.drop_null()).to_numpy())
    if mask is None:
        return flat.reshape(len(column), length)
    values = np.full((len(mask), length), np.nan)
    values[~mask] = flat.reshape(-1, length)
    return values
