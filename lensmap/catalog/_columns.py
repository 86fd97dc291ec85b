# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Choice of the columns of a table that a catalog uses, by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from lensmap.catalog._column_request import ColumnRequest, check_given, read_request
from lensmap.catalog._matching import matched, preset_columns
from lensmap.catalog._names import ColumnNames, shown
from lensmap.catalog._needed import column_and_element
from lensmap.catalog._preset import DENSITY, OPTIONAL, REQUIRED, VARIANT, ColumnPreset
from lensmap.catalog._selection import RowSelection, columns_in
from lensmap.catalog._surveys import COLUMN_PRESETS, SHORT_NAMES
from lensmap.catalog._unused_columns import ColumnChoice, unused_columns, without_contested
from lensmap.utils import ParameterError

__all__ = [
    "REQUIRED", "OPTIONAL", "COLUMN_PRESETS", "ColumnChoice", "ColumnPreset", "check_extra",
    "choose_columns", "find_columns", "used_columns",
]


def find_columns(
    names: Iterable[str], columns: str | os.PathLike | Mapping[str, str | None] | None = None
) -> tuple[dict[str, str], str | None]:
    """Match lensmap's column names to the column names of a table.

    Parameters
    ----------
    names : sequence of str
        The table's column names.
    columns : str, path-like, dict or None
        The name of a preset in `COLUMN_PRESETS` (upper and lower case, hyphens and underscores
        are equivalent), the path of a TOML file with a preset of one's own, a dict from lensmap's
        names to the table's names, or a text that combines a preset and names, such as
        ``"hsc-y3,redshift=photoz_best,m=none"``. A name may be an expression of columns, such as
        ``"sqrt(var_e)"`` or ``"g[0]"``. None in the dict, and ``none`` in the text, leave a
        column out. In the dict, the key ``"preset"`` names a preset. If ``columns`` is None, or
        does not name all required columns, the missing names come from the preset whose required
        columns the table has. Case is ignored in the names of a preset, unless the table has
        names that differ only by case.

    Returns
    -------
    mapping : dict
        The table's column names, keyed by lensmap's names.
    preset : str or None
        The name of the preset that was used. None if the user named all required columns, and no
        preset of a survey has these names of e1 and e2.

    Raises
    ------
    TypeError
        If ``columns`` is neither a name nor a dict.
    ValueError
        If a required column is missing, if a name is unknown, if two of lensmap's columns are the
        same column of the table, or if more than one preset fits and the presets name different
        columns.
    """
    choice = choose_columns(names, columns)
    mapping = {ours: theirs for ours, theirs in choice.mapping.items() if ours != VARIANT}
    return mapping, choice.preset


def used_columns(
    names: Iterable[str],
    choice: ColumnChoice,
    where: str | None = None,
    extra_columns: str | Iterable[str] = (),
) -> list[str]:
    """Return the columns of a table that a catalog uses.

    Parameters
    ----------
    names : iterable of str
        The table's column names.
    choice : ColumnChoice
        The chosen columns.
    where : str or None
        The condition on rows. None if there is none.
    extra_columns : str or iterable of str
        The names of further columns to keep.

    Returns
    -------
    list of str
        The names as the table spells them, without repetition: the chosen columns, the columns of
        the condition, the columns of the selection that the survey documents for its shear
        sample, and the columns to keep.

    Raises
    ------
    ValueError
        If the condition or the extra columns name a column that the table lacks.
    """
    table = ColumnNames(names)
    needed = [s for theirs in choice.mapping.values() for s in columns_in(theirs, table)]
    if where is not None:
        needed += RowSelection(where).columns(table.names, choice.mapping)
    for condition in choice.entry.selection if choice.entry else ():
        try:
            needed += RowSelection(condition).columns(table.names)
        except ValueError:
            continue  # the table lacks the column
    return list(dict.fromkeys([*needed, *check_extra(extra_columns, table.names)]))


def choose_columns(
    names: Iterable[str],
    columns: str | os.PathLike | Mapping[str, str | None] | ColumnChoice | None = None,
) -> ColumnChoice:
    """Choose the columns of a table.

    Parameters
    ----------
    names, columns
        As for `find_columns`. A `ColumnChoice` is returned unchanged.

    Returns
    -------
    ColumnChoice
        The columns, and the warnings about columns of the table that are not used.
    """
    if isinstance(columns, ColumnChoice):
        return columns
    table = ColumnNames(names)
    request = read_request(columns)
    check_given(table, request)
    if request.entry is not None:
        mapping = {**preset_columns(table, request.entry), **request.named}
        choice = ColumnChoice(mapping, request.preset, request.entry)
        _require(mapping, table, request.entry, f"the preset {request.preset!r}")
    else:
        choice = _detect(table, request)
    mapping = {
        ours: theirs for ours, theirs in choice.mapping.items() if ours not in request.left_out
    }
    mapping, contested = without_contested(mapping, request)
    for ours in _missing(mapping):
        # The user gives a column for one of lensmap's columns that the preset has for another.
        theirs = choice.mapping[ours]
        both = [repr(name) for name, same in choice.mapping.items() if same == theirs]
        raise ParameterError(
            "columns", "different columns", f"{shown(theirs)!r} for both {' and '.join(both)}",
            "name the columns of both", verb="name",
        )
    notes = [*contested.values(), *unused_columns(table, choice, mapping, request, set(contested))]
    left_out = frozenset(request.left_out)
    return ColumnChoice(mapping, choice.preset, choice.entry, tuple(notes), left_out)


def _detect(table: ColumnNames, request: ColumnRequest) -> ColumnChoice:
    """Choose the preset whose required columns the table has.

    The names that the user gives in ``request`` take precedence over the names of the presets.
    """
    fits = {}
    for preset, entry in COLUMN_PRESETS.items():
        own = preset_columns(table, entry)
        mapping = {**own, **request.named}
        if all(name in mapping for name in REQUIRED + entry.signature):
            fits[preset] = mapping
    if all(name in request.named for name in REQUIRED):
        return _all_named(table, request, fits)
    fits = {
        name: mapping for name, mapping in fits.items()
        if _is_distinctive(name, mapping, request.named)
    }
    if not fits:
        _require_nearest(table, request.named)
    preset = _best_fit(fits)
    return ColumnChoice(fits[preset], preset, COLUMN_PRESETS[preset])


def _all_named(
    table: ColumnNames, request: ColumnRequest, fits: Mapping[str, dict[str, str]]
) -> ColumnChoice:
    """Choose the optional columns if the user names all required columns.

    If a survey has the same names of e1 and e2, its names of the optional columns are used.
    Otherwise, only optional columns with lensmap's own names are used. ``fits`` has, for each
    preset that fits the table, the table's column names, keyed by lensmap's column names.
    """
    generic = matched(table, COLUMN_PRESETS["generic"].columns)
    for preset in fits:
        own = preset_columns(table, COLUMN_PRESETS[preset])
        same = all(own.get(name) == request.named[name] for name in ("e1", "e2"))
        if same and any(generic.get(name) != own[name] for name in ("e1", "e2")):
            return ColumnChoice({**own, **request.named}, preset, COLUMN_PRESETS[preset])
    own_names = matched(
        table, {name: (name,) for name in OPTIONAL} | {VARIANT: SHORT_NAMES[VARIANT]}
    )
    return ColumnChoice({**own_names, **request.named}, None)


def _is_distinctive(
    preset: str, mapping: Mapping[str, str], named: Mapping[str, str]
) -> bool:
    """Return whether the column names of a table identify a preset.

    A survey is identified by a column that the user does not name, and whose name is not among the
    common names of the preset ``"generic"``. The result for ``"generic"`` itself is True.
    ``mapping`` has the table's column names, and ``named`` those that the user gives, both keyed by
    lensmap's column names.
    """
    generic = COLUMN_PRESETS["generic"].columns
    return preset == "generic" or any(
        theirs.lower() not in {name.lower() for name in generic.get(ours, ())}
        for ours, theirs in mapping.items() if ours not in named
    )


def _best_fit(fits: Mapping[str, dict[str, str]]) -> str:
    """Choose among the presets that fit the column names of a table.

    The survey with the most identifying columns (``ColumnPreset.signature``) is preferred, and
    ``"generic"`` is used if no survey fits. ``fits`` has, for each preset, the table's column
    names, keyed by lensmap's column names. Raise a ParameterError if another survey fits as well
    and takes one of lensmap's columns from another column of the table.
    """
    best = max(fits, key=lambda name: (name != "generic", len(COLUMN_PRESETS[name].signature)))
    mapping = fits[best]
    for preset, other in fits.items():
        differs = [name for name in other if mapping.get(name, other[name]) != other[name]]
        if differs and preset != "generic":
            raise ParameterError(
                "columns",
                f"{best!r}, {preset!r} or a dict",
                remedy="the table has the columns of both presets, which name different columns "
                       f"for {', '.join(differs)}",
            )
    return best


def _require_nearest(table: ColumnNames, named: Mapping[str, str]) -> None:
    """Raise the error about missing required columns.

    The message suggests the names of the preset that most resembles the table. ``named`` has the
    table's column names that the user gives, keyed by lensmap's column names.
    """
    mappings = {
        preset: {**preset_columns(table, entry), **named}
        for preset, entry in COLUMN_PRESETS.items()
    }
    partial = {name: own for name, own in mappings.items() if _missing(own)}

    def score(preset: str) -> tuple[int, bool, int]:
        own = partial[preset]
        is_survey = preset != "generic" and _is_distinctive(preset, own, named)
        return -len(_missing(own)), is_survey, len(own)

    nearest = max(partial, key=score)
    is_survey = nearest != "generic" and _is_distinctive(nearest, partial[nearest], named)
    nearest = nearest if is_survey else "generic"
    _require(partial[nearest], table, COLUMN_PRESETS[nearest], "the catalog",
             nearest if is_survey else None)


def _missing(mapping: Mapping[str, str]) -> list[str]:
    return [name for name in REQUIRED if name not in mapping]


def _require(
    mapping: Mapping[str, str],
    table: ColumnNames,
    entry: ColumnPreset,
    owner: str,
    nearest: str | None = None,
) -> None:
    """Raise an error about the required columns that are missing, if there are any.

    ``mapping`` has the table's column names that were found, keyed by lensmap's column names. The
    message suggests the names of the preset ``entry``. ``owner`` is what lacks the columns, such as
    ``"the catalog"``, and ``nearest`` the name of the survey that is most similar, or None.
    """
    missing = _missing(mapping)
    if not missing:
        return
    wanted = {name: entry.columns.get(name, ())[:3] for name in missing}
    expected = ", ".join(
        f"{name} (called {' or '.join(names)})" if names else name
        for name, names in wanted.items()
    )
    found = ", ".join(f"{name}={shown(mapping[name])}" for name in REQUIRED if name in mapping)
    if found:
        found = f"it has {found}{f' (names of the preset {nearest!r})' if nearest else ''}; "
    columns = table.listed([*missing, *(name for names in wanted.values() for name in names)])
    example = ", ".join(f"{name!r}: ..." for name in missing)
    raise ParameterError(
        "columns",
        ", ".join(missing),
        remedy=f"{owner} lacks {expected}; {found}the columns of the table are {columns}; give "
        f"{{columns={{{example}}}}}",
        verb="name",
    )


def check_extra(extra_columns: str | Iterable[str], names: Sequence[str]) -> tuple[str, ...]:
    """Check the names of extra columns, and return them as a tuple.

    Parameters
    ----------
    extra_columns : str or iterable of str
        The names of the extra columns to keep.
    names : sequence of str
        The column names of the table.

    Returns
    -------
    tuple of str
        The names of the extra columns.

    Raises
    ------
    ValueError
        If the table has no such column, or if lensmap uses the same name for a column of its own.
    """
    if isinstance(extra_columns, str):
        extra_columns = (extra_columns,)
    for name in extra_columns:
        if column_and_element(name, names)[0] is None:
            raise ValueError(
                f"extra_columns: there is no column {shown(str(name))!r}; the catalog has "
                f"{ColumnNames(names).listed([str(name)])}"
            )
        if name.lower() in (*REQUIRED, *OPTIONAL, DENSITY):
            raise ValueError(
                f"extra_columns: {name!r} is the name of one of lensmap's own columns; rename it "
                "in the table"
            )
    return tuple(extra_columns)
