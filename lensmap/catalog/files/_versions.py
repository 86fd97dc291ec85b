# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files with one table for each sheared version of the galaxies, read as one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Column, Table

from lensmap.catalog._preset import VARIANT
from lensmap.catalog._version_names import UNSHEARED, VERSIONS, version_of
from lensmap.catalog.files._source import TableSource, make_column
from lensmap.utils import ParameterError, list_names, printable

__all__ = ["are_versions", "join_columns", "join_versions", "name_version", "stack_versions"]


def are_versions(tables: Mapping[Any, Any]) -> bool:
    """Return whether a dict holds tables, one for each sheared version, and not columns.

    Parameters
    ----------
    tables : dict
        Either tables (or dicts of columns), keyed by the names of the versions, or columns, keyed
        by the names of the columns.
    """
    return bool(tables) and all(
        version_of(name) is not None and isinstance(table, (Mapping, Table))
        for name, table in tables.items()
    )


def stack_versions(tables: Mapping[Any, Any]) -> TableSource:
    """Stack the tables of the sheared versions of the galaxies.

    Parameters
    ----------
    tables : dict
        Tables or dicts of columns, keyed by the names of the versions.

    Returns
    -------
    TableSource
        The rows of all versions, as for `join_versions`.

    Raises
    ------
    ValueError
        If there is no table of galaxies without artificial shear, or two tables of one version.
    """
    sources: dict[int, TableSource] = {}
    for name, table in tables.items():
        code = version_of(name)
        if code is None or code in sources:
            raise ParameterError(
                "table", "one table for each version", ", ".join(map(str, tables)),
                f"the versions are {', '.join(VERSIONS)}", verb="hold",
            )
        own = table if isinstance(table, Table) else Table(dict(table), copy=False)
        sources[code] = TableSource(
            "the dict of tables", own.colnames, _reader_of(own), meta=own.meta,
            place=f"the table {printable(str(name))!r}",
        )
    if UNSHEARED not in sources:
        raise ParameterError(
            "table", "a table of the galaxies without artificial shear (noshear or ns)",
            ", ".join(map(str, tables)), verb="hold",
        )
    return _stacked(sources)


def _reader_of(table: Table) -> Any:
    return lambda wanted: {name: table[name] for name in wanted}


def join_versions(tables: Sequence[TableSource]) -> list[TableSource]:
    """Join the tables of a file that hold sheared versions of the same galaxies.

    Parameters
    ----------
    tables : sequence of TableSource
        The tables of a file.

    Returns
    -------
    list of TableSource
        The tables, where one table stands for all versions of the same galaxies. It has the
        columns of the galaxies without artificial shear, and the column ``variant``, which names
        the version of each row. Columns that the table of a version lacks, such as positions in
        catalogs of metacalibration, are those of the galaxies without artificial shear, row by
        row.
    """
    groups: dict[str, dict[int, TableSource]] = {}
    for table in tables:
        parent, _, name = table.name.rpartition("/")
        code = version_of(name)
        if code is not None:
            groups.setdefault(parent, {}).setdefault(code, table)
    groups = {
        parent: versions for parent, versions in groups.items()
        if UNSHEARED in versions and len(versions) > 1
    }
    joined = {id(table) for versions in groups.values() for table in versions.values()}
    others = [table for table in tables if id(table) not in joined]
    return [_stacked(versions, parent) for parent, versions in groups.items()] + others


def name_version(table: TableSource, siblings: Iterable[str]) -> TableSource:
    """Add the column ``variant`` to a table that is one of several sheared versions.

    Parameters
    ----------
    table : TableSource
        A table of a file.
    siblings : iterable of str
        The names of the tables in the same file or group.

    Returns
    -------
    TableSource
        The table with the column, which names its version. The table itself if it has the column,
        or is not one of several versions of the same galaxies.
    """
    code = version_of(table.name.rpartition("/")[2])
    others = {version_of(name.rpartition("/")[2]) for name in siblings} - {None, code}
    if code is None or not others or VARIANT in table.colnames:
        return table
    return _stacked({code: table})


def _stacked(versions: Mapping[int, TableSource], parent: str = "") -> TableSource:
    """Return the rows of several sheared versions as one table, with the column ``variant``.

    ``versions`` has the tables, keyed by the number of the version. ``parent`` is the path of the
    group that holds them.
    """
    first = versions.get(UNSHEARED, next(iter(versions.values())))
    names = [name for name in first.colnames if name != VARIANT]

    def read(wanted: list[str]) -> dict[str, Column]:
        # With no other column, one is read that tells the number of rows.
        needed = [name for name in wanted if name != VARIANT] or names[:1]
        parts = {code: _columns_of(table, first, needed) for code, table in versions.items()}
        columns = {
            name: join_columns([part[name] for part in parts.values()], name) for name in needed
        }
        lengths = [len(part[needed[0]]) for part in parts.values()]
        columns[VARIANT] = Column(np.repeat([VERSIONS[code] for code in parts], lengths))
        return {name: columns[name] for name in wanted}

    place = f"the tables {', '.join(VERSIONS[code] for code in versions)}"
    return TableSource(
        first.path, [*names, VARIANT], read, meta=first.meta,
        place=place + (f" in '/{printable(parent.strip('/'))}'" if parent else ""),
        key=parent or first.key,
    )


def _columns_of(table: TableSource, first: TableSource, needed: list[str]) -> dict[str, Any]:
    """Return columns of the table of a sheared version, keyed by name.

    Columns that ``table`` lacks are taken from the table ``first``, row by row.
    """
    own = [name for name in needed if name in table.colnames]
    table.load(own)
    columns = {name: table[name] for name in own}
    lacking = [name for name in needed if name not in own]
    first.load(lacking)
    for name in lacking:
        columns[name] = first[name]
        if any(len(columns[other]) != len(first[name]) for other in own):
            raise ValueError(
                f"{table.place} lacks the column {list_names([name])}, and its rows are not those "
                f"of {first.place}, which has it"
            )
    return columns


def join_columns(columns: Sequence[Any], name: str) -> Column:
    """Join columns with the same name of several tables, one after the other.

    Parameters
    ----------
    columns : sequence of `~astropy.table.Column`
        The columns, one for each table.
    name : str
        Their name.

    Returns
    -------
    `~astropy.table.Column`
        The column, with the unit of the first one; the only column itself.
    """
    if len(columns) == 1:
        return columns[0]
    masks = [getattr(column, "mask", None) for column in columns]
    values = [np.asarray(getattr(column, "value", column)) for column in columns]
    mask = None if all(one is None for one in masks) else np.concatenate([
        np.zeros(value.shape, dtype=bool) if one is None else np.broadcast_to(one, value.shape)
        for value, one in zip(values, masks, strict=True)
    ])
    return make_column(np.concatenate(values), name, getattr(columns[0], "unit", None), mask)
