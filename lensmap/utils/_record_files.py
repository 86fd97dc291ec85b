# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Record files: npz files of named arrays, text and tables, and of the settings of their run."""

import json
from contextlib import contextmanager

import numpy as np
from astropy.table import QTable, Table

from lensmap.utils._files import atomic_write
from lensmap.utils._reading import reading

__all__ = ["read_record", "read_stamp", "write_record"]

_STAMP = "__record__"

_REMEDY = "delete the file and repeat the run, which computes its content again"


def write_record(path, record, stamp):
    """Write the results of one task (a record) to a compressed npz file, atomically.

    Parameters
    ----------
    path : path-like
        The file, which is replaced if it exists.
    record : dict
        Arrays, text, tables, or dicts of these, keyed by names without "/".
    stamp : dict
        The values that identify the run that made the record, of types that JSON can hold, keyed by
        name.

    Raises
    ------
    TypeError, ValueError
        If the record cannot be stored without loss.
    """
    arrays, tables = {}, {}
    _flatten(record, "", arrays, tables)
    text = json.dumps({**stamp, "tables": tables})
    with atomic_write(path, overwrite=True) as temporary:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, **{_STAMP: np.array(text)}, **arrays)


def read_stamp(path):
    """Return the values that identify the run that made a record file (the stamp).

    Parameters
    ----------
    path : path-like
        A file that `write_record` wrote.

    Returns
    -------
    dict or None
        The values, keyed by name; None if the npz file has no stamp.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is incomplete, damaged or not an npz file.
    """
    with _open(path) as file:
        return _stamp_of(file)


def read_record(path, convert=None):
    """Read the arrays, text and tables of a record file.

    Parameters
    ----------
    path : path-like
        A file that `write_record` wrote.
    convert : callable or None
        A function of the record, whose errors show that the file is damaged. None for the record
        itself.

    Returns
    -------
    object
        The record, a dict with text as string arrays and tables as `~astropy.table.QTable`, or
        what ``convert`` returns.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is incomplete, damaged or not an npz file.
    """
    with _open(path) as file:
        tables = (_stamp_of(file) or {}).get("tables", {})
        record = {}
        for key in file.files:
            if key != _STAMP:
                _parent(record, key)[key.rpartition("/")[2]] = file[key]
        for key, units in tables.items():
            parent, name = _parent(record, key), key.rpartition("/")[2]
            columns = parent.get(name, {})
            parent[name] = QTable({
                column: columns[column] if unit is None else columns[column] * _unit(unit)
                for column, unit in units.items()
            })
        return record if convert is None else convert(record)


@contextmanager
def _open(path):
    # If the file is incomplete, numpy does not close a stream that it has opened itself.
    with reading(path, "record", _REMEDY), open(path, "rb") as stream:
        file = np.load(stream, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError(
                f"the file {str(path)!r} holds a single array, not the named arrays of a record "
                f"that lensmap wrote: {_REMEDY}"
            )
        with file:
            yield file


def _stamp_of(file):
    return json.loads(str(file[_STAMP])) if _STAMP in file.files else None


def _flatten(record, prefix, arrays, tables):
    """Fill two dicts from the nested dicts of a record, with names joined by "/" as keys.

    ``arrays`` gets an array for each value, and for each column of a table. ``tables`` gets, for
    each table, a dict from column names to the names of units (None for no unit). ``prefix`` is the
    key of the enclosing dict, followed by "/"; empty at the top level.
    """
    for name, value in record.items():
        if not isinstance(name, str) or "/" in name or not name:
            raise ValueError(
                f"the name of each value to store must be a non-empty str without '/', not {name!r}"
            )
        key = prefix + name
        if isinstance(value, Table):
            tables[key] = {column: _unit_name(value[column]) for column in value.colnames}
            value = {column: _values(value[column]) for column in value.colnames}
        if isinstance(value, dict):
            _flatten(value, f"{key}/", arrays, tables)
            continue
        arrays[key] = np.asarray(value)
        if arrays[key].dtype.kind == "O":
            raise TypeError(
                f"the value to store as {name!r} must be text, numbers, a table or a dict, not "
                f"{value!r}"
            )


def _values(column):
    if getattr(column, "mask", None) is not None:
        raise TypeError(
            f"the table to store must have no masked columns, but {column.info.name!r} is one: "
            "replace its masked values by NaN or a number"
        )
    return getattr(column, "value", column)


def _unit_name(column):
    unit = getattr(column, "unit", None)
    return None if unit is None else unit.to_string()


def _unit(name):
    from astropy import units as u

    return u.Unit(name)


def _parent(record, key):
    """Return the inner dict that a key leads to, such as ``record["a"]["b"]`` for "a/b/c".

    Missing dicts on the way are created.
    """
    for name in key.split("/")[:-1]:
        record = record.setdefault(name, {})
    return record
