# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Columns of galaxies as Arrow tables, with what the Parquet files record about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import Column, Table
from astropy.table.meta import get_yaml_from_table

from lensmap.catalog._names import shown
from lensmap.catalog._preset import OPTIONAL, REQUIRED
from lensmap.utils import ParameterError, ParameterTypeError, import_optional

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "COORDINATES", "HEALPIX_COLUMN", "SOURCE_FILE", "SOURCE_ROW", "arrow_schema", "arrow_table",
    "import_parquet", "stored_column",
]

#: Columns that lensmap adds to partitions: the HEALPix pixel of order 29, and the number of the
#: file and of the row from which a galaxy comes.
HEALPIX_COLUMN: str = "_healpix_29"
SOURCE_FILE: str = "src_file"
SOURCE_ROW: str = "src_row"

COORDINATES = ("ra", "dec")

_SINGLE = frozenset({*REQUIRED, *OPTIONAL} - {*COORDINATES})
_INTEGERS = {HEALPIX_COLUMN: np.int64, SOURCE_FILE: np.int32, SOURCE_ROW: np.int64}

# Squares of weights in single precision must neither overflow nor underflow.
_WEIGHT_LIMITS = (1e-12, 1e12)


def import_parquet():
    """Import the Parquet reader and writer of pyarrow."""
    return import_optional(
        "pyarrow.parquet", purpose="a survey catalog on disk", install="'lensmap[survey]'"
    )


def stored_column(name: str, values: Any) -> np.ndarray:
    """Return a column as it is stored in a partition.

    Parameters
    ----------
    name : str
        The name of the column in the partition.
    values : array_like
        The values, ``(n,)`` or ``(n, k)``, possibly masked.

    Returns
    -------
    `numpy.ndarray` or `numpy.ma.MaskedArray`
        Positions in double precision, lensmap's other columns in single precision; missing values
        of these are NaN. Further columns keep their type; bytes become text.

    Raises
    ------
    TypeError
        If the column holds neither numbers nor text.
    ValueError
        If single precision does not hold the weights.
    """
    mask = getattr(values, "mask", None)
    if mask is not None and not np.any(mask):
        mask = None
    data = np.asarray(getattr(values, "value", values))
    if data.dtype.kind == "S":
        data = np.char.decode(data, "utf-8", "replace")
    if data.dtype.kind == "O":
        data = data.astype(str)
    if data.dtype.kind not in "biufU" or data.ndim not in (1, 2):
        raise ParameterTypeError(
            "columns", "columns of numbers or text", f"{shown(name)!r} of type {data.dtype} and "
            f"shape {data.shape}", verb="name",
        )
    data = data.astype(data.dtype.newbyteorder("="), copy=False)
    kind = np.float32 if name in _SINGLE else float if name in COORDINATES else None
    if kind is not None:
        if name == "weight":
            _check_weights(data)
        with np.errstate(over="ignore"):  # placeholders such as 1e99 become infinite
            data = data.astype(kind, copy=False)
        return data if mask is None else np.where(np.asarray(mask), kind(np.nan), data)
    if name in _INTEGERS:
        return data.astype(_INTEGERS[name], copy=False)
    if data.dtype == np.float16:
        data = data.astype(np.float32)
    return data if mask is None else np.ma.masked_array(data, np.broadcast_to(mask, data.shape))


def _check_weights(weight: np.ndarray) -> None:
    """Raise an error if single precision does not hold the squares of weights."""
    low, high = _WEIGHT_LIMITS
    highest = float(np.max(weight, initial=0.0, where=np.isfinite(weight)))
    if highest > 0.0 and not low <= highest <= high:
        raise ParameterError(
            "weight", f"a maximum from {low:g} to {high:g}", f"{highest:.3g}",
            "only relative weights matter, so rescale them, for example with "
            "{columns={'weight': '1e15 * weight'}}", verb="have",
        )


def arrow_schema(
    columns: Mapping[str, np.ndarray], meta: Mapping[str, Any], units: Mapping[str, Any]
) -> pyarrow.Schema:
    """Return the schema of partitions, with the metadata that `ShearCatalog` reads.

    Parameters
    ----------
    columns : dict
        The columns as `stored_column` returns them, keyed by name.
    meta : dict
        The meta of the table, of types that YAML holds.
    units : dict
        The units of columns, keyed by name. Positions are in degrees.

    Returns
    -------
    pyarrow.Schema
        The schema. Its metadata are those by which astropy describes a table.
    """
    import pyarrow as pa

    fields = []
    for name, values in columns.items():
        kind = values.dtype
        own = pa.string() if kind.kind == "U" else pa.from_numpy_dtype(kind)
        fields.append(pa.field(name, own if values.ndim == 1 else pa.list_(own, values.shape[1])))
    described = Table(meta=dict(meta))
    lengths = {}
    for name, values in columns.items():
        described[name] = Column(values[:0], unit=units.get(name))
        if values.dtype.kind == "U":
            # Another partition may have longer texts. astropy takes this length for its own.
            lengths[f"table::len::{name}"] = str(max(values.dtype.itemsize // 4, 32))
    for name in COORDINATES:
        described[name].unit = u.deg
    metadata = {"table_meta_yaml": "\n".join(get_yaml_from_table(described)), **lengths}
    return pa.schema(fields, metadata={k.encode(): v.encode() for k, v in metadata.items()})


def arrow_table(columns: Mapping[str, np.ndarray], schema: pyarrow.Schema) -> pyarrow.Table:
    """Return columns as an Arrow table of a given schema.

    Parameters
    ----------
    columns : dict
        The columns as `stored_column` returns them, keyed by name.
    schema : pyarrow.Schema
        The schema.

    Raises
    ------
    ValueError
        If the columns are not those of the schema.
    """
    import pyarrow as pa

    if set(columns) != set(schema.names):
        raise ParameterError(
            "partitions", f"the same columns, {_listed(schema.names)}", _listed(columns),
            verb="have",
        )
    arrays = []
    for field in schema:
        values = columns[field.name]
        mask = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None
        data = np.ascontiguousarray(np.ma.getdata(values))
        if data.ndim == 2:
            rows = None if mask is None else pa.array(mask.all(axis=1))
            flat = pa.array(data.ravel(), type=field.type.value_type)
            arrays.append(pa.FixedSizeListArray.from_arrays(
                flat, field.type.list_size, mask=rows
            ))
        else:
            arrays.append(pa.array(data, type=field.type, mask=mask))
    return pa.Table.from_arrays(arrays, schema=schema)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(shown, names))
