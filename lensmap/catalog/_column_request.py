# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The parameter ``columns``: a preset, changes to its column names, or neither."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from lensmap.catalog._column_text import read_columns_text
from lensmap.catalog._names import ColumnNames, shown
from lensmap.catalog._preset import DENSITY, OPTIONAL, REQUIRED, VARIANT, ColumnPreset
from lensmap.catalog._preset_file import preset_from_file
from lensmap.catalog._selection import columns_in, is_computed
from lensmap.catalog._surveys import COLUMN_PRESETS, find_preset
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["SHARED", "ColumnRequest", "check_given", "read_request"]

#: Columns of lensmap that may come from one and the same column of a table.
SHARED = ({"r11", "r22"},)


@dataclass
class ColumnRequest:
    """The parsed parameter ``columns`` of `ShearCatalog`.

    Attributes
    ----------
    preset : str or None
        The name of the preset, or the path of its file. None if the user gives no preset.
    entry : ColumnPreset or None
        The column names of the preset. None if the user gives no preset.
    named : dict
        The table's column names or expressions that the user gives, keyed by lensmap's column
        names.
    left_out : set of str
        The columns, by lensmap's names, that the user leaves out.
    """

    preset: str | None = None
    entry: ColumnPreset | None = None
    named: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)


def read_request(columns: object) -> ColumnRequest:
    """Parse the parameter ``columns``: None, a text, the path of a preset file, or a dict."""
    if columns is None:
        return ColumnRequest()
    if isinstance(columns, str):
        preset, given = read_columns_text(columns)
    elif isinstance(columns, os.PathLike):
        preset, given = os.fspath(columns), {}
    elif isinstance(columns, Mapping):
        given = dict(columns)
        preset = given.pop("preset", None)
    else:
        raise ParameterTypeError(
            "columns", "None, a preset's name, the path of a preset file or a dict", repr(columns)
        )
    request = ColumnRequest()
    if preset is not None:
        request.preset, request.entry = _read_preset(preset)
    for ours, theirs in given.items():
        if theirs is None or (isinstance(theirs, str) and theirs.strip().lower() == "none"):
            request.left_out.add(ours)
        elif isinstance(theirs, str):
            request.named[ours] = theirs
        else:
            raise ParameterTypeError(
                "columns", "a dict of column names", f"{theirs!r} for {ours!r}"
            )
    return request


def _read_preset(preset: object) -> tuple[str, ColumnPreset]:
    """Look up a preset by its name, or read it from a TOML file.

    Return the name of the preset or the path of its file, and the column names of the preset.
    """
    name = os.fspath(preset) if isinstance(preset, os.PathLike) else preset
    if not isinstance(name, str):
        raise ParameterTypeError("columns", "the name of a preset", repr(preset))
    if name.lower().endswith(".toml") or isinstance(preset, os.PathLike):
        return name, preset_from_file(name)
    found = find_preset(name)
    if found is None:
        near = difflib.get_close_matches(name.lower(), COLUMN_PRESETS, n=1)
        raise ParameterError(
            "columns",
            f"the name of a preset ({', '.join(COLUMN_PRESETS)}), the path of a TOML file, or "
            "names of columns such as ra=NAME",
            repr(shown(name)),
            f"the nearest preset is {near[0]!r}" if near else None,
        )
    return found, COLUMN_PRESETS[found]


def check_given(table: ColumnNames, request: ColumnRequest) -> None:
    """Check the column names that the user gives, and raise a ParameterError if one is wrong.

    It is wrong to give a column that lensmap does not have, a column or an expression that the
    table lacks, or one column of the table for two columns of lensmap. It is also wrong to leave
    out a required column.
    """
    allowed = REQUIRED + OPTIONAL + (VARIANT, DENSITY)
    for ours in [*request.named, *request.left_out]:
        if ours not in allowed:
            raise ParameterError(
                "columns", "only lensmap's columns", repr(ours),
                f"lensmap's columns are {', '.join(allowed)}", verb="name",
            )
        if ours in REQUIRED and ours in request.left_out:
            raise ParameterError(
                "columns", f"{ours!r}, which is required",
                remedy=f"give its column in the table, as in {{columns={{{ours!r}: ...}}}}",
                verb="not leave out",
            )
    for ours, theirs in request.named.items():
        if theirs in table.names:
            continue
        if is_computed(theirs, table.names):
            columns_in(theirs, table)  # raises an error for a name that the table lacks
            continue
        raise ParameterError(
            "columns", "columns of the catalog", f"{shown(theirs)!r} (for {ours!r})",
            f"the catalog has {table.listed([theirs])}", verb="name",
        )
    _refuse_same(request.named)


def _refuse_same(named: Mapping[str, str]) -> None:
    """Raise an error if the user gives one column of the table for two columns of lensmap.

    ``named`` has the table's column names, keyed by lensmap's column names.
    """
    for ours, theirs in named.items():
        for other, same in named.items():
            if other != ours and same == theirs and {ours, other} not in SHARED:
                raise ParameterError(
                    "columns", "different columns", f"{theirs!r} for both {ours!r} and {other!r}",
                    verb="name",
                )
