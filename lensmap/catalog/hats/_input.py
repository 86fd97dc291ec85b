# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The files that are partitioned: their columns, their declarations and their parts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from astropy import units as u

from lensmap.catalog._columns import choose_columns
from lensmap.catalog._decision import Decision, decide
from lensmap.catalog._metadetection import refuse_other_columns
from lensmap.catalog._names import ColumnNames, shown
from lensmap.catalog._needed import column_and_element, needed_columns
from lensmap.catalog._preset import DENSITY, OPTIONAL, REQUIRED, VARIANT
from lensmap.catalog._selection import RowSelection, columns_in, computed_column
from lensmap.catalog._selection_response import check_responses, sheared_columns, sheared_weights
from lensmap.catalog._unused_columns import ColumnChoice
from lensmap.catalog._values import check_units, column_values
from lensmap.catalog.files import TableSource, open_table
from lensmap.catalog.hats._arrow import (
    COORDINATES,
    HEALPIX_COLUMN,
    SOURCE_FILE,
    SOURCE_ROW,
    stored_column,
)
from lensmap.catalog.hats._positions import finest_pixels, has_position
from lensmap.utils import ParameterError, as_angle_unit

__all__ = [
    "InputFile", "InputSettings", "columns_of_part", "file_facts", "inspect_file",
    "pixels_of_part",
]

# Rows that are searched for the names of sheared versions.
_MAX_LOOKED_AT = 10_000

_ROLES = {*REQUIRED, *OPTIONAL, DENSITY, VARIANT}
_RESERVED = {HEALPIX_COLUMN, SOURCE_FILE, SOURCE_ROW}


@dataclass(frozen=True)
class InputSettings:
    """Reading options of the input files.

    Attributes
    ----------
    columns : None, str, path-like or dict
        As for `ShearCatalog`.
    given : dict
        The declarations of the user, as ``check_arguments`` returns them.
    where : str or None
        The condition on rows, whose columns are kept.
    units : dict or None
        As for `ShearCatalog`.
    keep : tuple of str
        The names of further columns to keep.
    options : dict
        ``format``, ``hdu`` and ``path``, as for `ShearCatalog.read`.
    """

    columns: Any = None
    given: Mapping[str, Any] = field(default_factory=dict)
    where: str | None = None
    units: Mapping[str, str] | None = None
    keep: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @contextmanager
    def open(self, path: str) -> Iterator[TableSource]:
        """Open the table of a file."""
        with open_table(path, suits=partial(_suits, self.columns), **self.options) as table:
            yield table


def _suits(columns: Any, names: list[str]) -> bool:
    try:
        choose_columns(names, columns)
    except ParameterError:
        return False
    return True


@dataclass(frozen=True)
class InputFile:
    """Facts of an input file before its rows are read.

    Attributes
    ----------
    path : str
        The file.
    number : int
        Its number among all files, from 0.
    n_rows : int or None
        The number of rows. None if only the whole table can be read.
    choice : ColumnChoice
        The columns with a role.
    kept : dict
        Further columns, or expressions, keyed by their names in partitions.
    frame : str
        The frame of the positions.
    conditions : tuple of str
        The conditions on rows that the survey documents.
    """

    path: str
    number: int
    n_rows: int | None
    choice: ColumnChoice
    kept: Mapping[str, str]
    frame: str
    conditions: tuple[str, ...] = ()


def inspect_file(
    path: str, number: int, settings: InputSettings
) -> tuple[InputFile, Decision, dict[str, Any]]:
    """Choose the columns of a file.

    Parameters
    ----------
    path : str
        The file.
    number : int
        Its number.
    settings : InputSettings
        How files are read.

    Returns
    -------
    file : InputFile
        What is known of the file.
    decision : Decision
        The declarations about its columns.
    meta : dict
        The meta of its table.

    Raises
    ------
    ValueError
        If the file is damaged, or as for `ShearCatalog` if its columns cannot be used.
    """
    with settings.open(path) as table:
        decision = decide(table, settings.columns, settings.given)
        choice, names = decision.choice, table.colnames
        known = ColumnNames(names)
        check_units(settings.units, choice.mapping)
        if decision.declared.response is None:
            check_responses(known, choice)
            if VARIANT not in choice.mapping and VARIANT not in choice.left_out:
                n_rows = table.n_rows
                refuse_other_columns(table if n_rows is None else table.part(0, _MAX_LOOKED_AT))
        conditions = _usable_conditions(choice, names)
        kept = _kept(table, choice, settings, conditions)
        # A row of vectors, as IDL writes it, is not a row of a part.
        in_parts = table.n_rows is not None and table.n_rows != 1
        file = InputFile(
            path, number, table.n_rows if in_parts else None, choice, kept,
            decision.declared.frame, conditions,
        )
        return file, decision, table.meta


def _usable_conditions(choice: ColumnChoice, names: list[str]) -> tuple[str, ...]:
    """Return the conditions that the survey documents, and whose columns the table has."""
    usable = []
    for text in choice.entry.selection if choice.entry is not None else ():
        try:
            RowSelection(text).columns(names)
        except ValueError:
            continue
        usable.append(text)
    return tuple(usable)


def _kept(
    table: TableSource, choice: ColumnChoice, settings: InputSettings, conditions: tuple[str, ...]
) -> dict[str, str]:
    """Return the columns to keep besides those with a role, keyed by their names in partitions."""
    names, where, mapping = table.colnames, settings.where, choice.mapping
    known = ColumnNames(names)
    kept: dict[str, str] = {}
    for name in settings.keep:
        if column_and_element(name, names)[0] is None:
            raise ParameterError(
                "keep", "columns of the catalog", repr(shown(name)),
                f"the catalog has {known.listed([name])}", verb="name",
            )
        _keep(kept, name, mapping, "keep", settings.units)
    if where is not None:
        RowSelection(where).columns(names, mapping)  # raises an error for an unknown column
        found = RowSelection(where).own_columns(names)
        sheared = sheared_columns(names, choice, where) if "r11" in mapping else []
        for name in [*found, *sheared]:
            _keep(kept, name, mapping, "where", settings.units)
    for text in conditions:
        for name in RowSelection(text).columns(names):
            if name.lower() not in _ROLES:
                kept.setdefault(name, name)
    if "r11" in mapping or "r22" in mapping:
        kept |= sheared_weights(known, choice)
    return kept


def _keep(
    kept: dict[str, str], name: str, mapping: Mapping[str, str], parameter: str, units: Any
) -> None:
    """Add a column to those that are kept under their own names."""
    if name in _ROLES and mapping.get(name) == name and not (units and name in units):
        return  # stored under this name in any case
    if name.lower() in _ROLES or name in _RESERVED:
        raise ParameterError(
            parameter, "columns whose names lensmap does not use for others", repr(shown(name)),
            "rename this column in the files, or name the column of lensmap", verb="name",
        )
    kept[name] = name


def columns_of_part(
    file: InputFile, table: TableSource, start: int, settings: InputSettings
) -> tuple[dict[str, np.ndarray], dict[str, int], int]:
    """Return the columns of a part of a file, as they are stored.

    Parameters
    ----------
    file : InputFile
        The file.
    table : TableSource
        The part.
    start : int
        The number of its first row in the file.
    settings : InputSettings
        How files are read.

    Returns
    -------
    columns : dict
        The columns of the rows with a position, keyed by their names in partitions.
    flagged : dict
        For each condition that the survey documents, the number of rows that do not fulfill it.
    n_rows : int
        The number of rows of the part, rows without a position included.
    """
    names, mapping = ColumnNames(table.colnames), file.choice.mapping
    texts = [*mapping.values(), *file.kept.values()]
    wanted = [name for text in texts for name in columns_in(text, names)]
    for condition in file.conditions:
        wanted += RowSelection(condition).columns(table.colnames)
    found = needed_columns(table, dict.fromkeys(wanted))
    n_rows = len(next(iter(found.values())))
    flagged = {}
    for condition in file.conditions:
        inside, _ = RowSelection(condition).rows(found, {})
        flagged[condition] = int(np.count_nonzero(~inside))
    ra, dec = _positions(file, found, settings)
    good = has_position(ra, dec)
    rows = None if good.all() else np.flatnonzero(good)
    columns = {}
    for name, theirs in {**mapping, **file.kept}.items():
        values = {"ra": ra, "dec": dec}.get(name)
        if values is None:
            values = _values(name, theirs, found, settings)
        columns[name] = stored_column(name, values if rows is None else values[rows])
    columns[HEALPIX_COLUMN] = finest_pixels(columns["ra"], columns["dec"], file.frame)
    numbers = start + (np.arange(n_rows) if rows is None else rows)
    columns[SOURCE_FILE] = np.full(len(numbers), file.number, dtype=np.int32)
    columns[SOURCE_ROW] = numbers.astype(np.int64, copy=False)
    return columns, flagged, n_rows


def _values(name: str, theirs: str, found: Mapping[str, Any], settings: InputSettings) -> Any:
    """Return the values of a column; those of lensmap's columns as numbers without a unit."""
    column = computed_column(found, theirs)
    if name not in (*REQUIRED, *OPTIONAL):
        return column
    values, mask = column_values(column, name, theirs, (settings.units or {}).get(name))
    return values if mask is None else np.ma.masked_array(values, mask)


def _positions(
    file: InputFile, found: Mapping[str, Any], settings: InputSettings
) -> list[np.ndarray]:
    """Return right ascensions and declinations in degrees; NaN where they are missing."""
    result = []
    for name in COORDINATES:
        theirs = file.choice.mapping[name]
        column = computed_column(found, theirs)
        unit = (settings.units or {}).get(name)
        values, mask = column_values(column, name, theirs, unit)
        if settings.where is not None and theirs == name:
            unit = getattr(column, "unit", None) if unit is None else unit
            in_degrees = as_angle_unit(unit) == u.deg and np.asarray(column).dtype.kind in "iuf"
            if not in_degrees and name in RowSelection(settings.where).own_columns([*found]):
                raise ParameterError(
                    "where", f"columns other than {name!r}, which is not in degrees in "
                    f"{file.path!r} but is in degrees in partitions", verb="name",
                )
        result.append(values if mask is None else np.where(mask, np.nan, values))
    return result


def pixels_of_part(
    file: InputFile, table: TableSource, settings: InputSettings
) -> tuple[np.ndarray, int]:
    """Return the HEALPix pixels of order 29 of the rows of a part that have a position.

    Parameters
    ----------
    file, table, settings
        As for `columns_of_part`.

    Returns
    -------
    pixels : `numpy.ndarray`
        The pixels, int64, ``(n,)``.
    n_rows : int
        The number of rows of the part.
    """
    names = ColumnNames(table.colnames)
    texts = [file.choice.mapping[name] for name in COORDINATES]
    wanted = dict.fromkeys(name for text in texts for name in columns_in(text, names))
    ra, dec = _positions(file, needed_columns(table, wanted), settings)
    good = has_position(ra, dec)
    if not good.all():
        ra, dec = ra[good], dec[good]
    return finest_pixels(ra, dec, file.frame), len(good)


def file_facts(path: str) -> dict[str, Any]:
    """Return the name, the size and the time of change of a file, by which a run knows it."""
    status = os.stat(path)
    return {
        "name": os.path.basename(path), "bytes": status.st_size, "modified": status.st_mtime_ns,
    }
