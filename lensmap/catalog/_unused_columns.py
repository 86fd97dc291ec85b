# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ColumnChoice`: the columns that a catalog uses, and warnings about those it does not use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lensmap.catalog._column_request import SHARED, ColumnRequest
from lensmap.catalog._matching import candidates_of, is_bias_corrected
from lensmap.catalog._names import ColumnNames, shown
from lensmap.catalog._preset import OPTIONAL, REQUIRED, ColumnPreset
from lensmap.catalog._selection import columns_in, is_computed
from lensmap.catalog._surveys import COLUMN_PRESETS
from lensmap.utils import CatalogWarning, warn_user

__all__ = ["ColumnChoice", "unused_columns", "without_contested"]


@dataclass(frozen=True)
class ColumnChoice:
    """The columns of a table that a catalog uses.

    Attributes
    ----------
    mapping : dict
        The table's column names or expressions of them, keyed by lensmap's column names.
    preset : str or None
        The name of the preset that was used, or the path of its file. None if the user named all
        required columns, and no preset of a survey has them.
    entry : ColumnPreset or None
        The preset that was used. None if ``preset`` is None.
    warnings : tuple of str
        One sentence for each known column of the table that is not used.
    left_out : frozenset of str
        The columns, by lensmap's names, that the user leaves out.
    selection_response : `numpy.ndarray` or None
        The response to the selection in the convention of the columns, ``(2, 2)``, if it was
        measured on a larger catalog of which the table is a part. None otherwise.
    """

    mapping: dict[str, str]
    preset: str | None
    entry: ColumnPreset | None = None
    warnings: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    selection_response: np.ndarray | None = None

    def warn(self) -> None:
        """Issue the warnings."""
        for message in self.warnings:
            warn_user(message, CatalogWarning, "unused_columns", "columns", placeholders=True)


def without_contested(
    mapping: dict[str, str], request: ColumnRequest
) -> tuple[dict[str, str], dict[str, str]]:
    """Leave out columns of the table that match more than one column of lensmap.

    Such a column is kept for the one column of lensmap that the user gives it for, or that is
    required. ``mapping`` has the table's column names, keyed by lensmap's column names. Return
    ``mapping`` without the entries that are left out, and a dict with a sentence about each column
    of the table that is thus not used, keyed by its name.
    """
    owners: dict[str, list[str]] = {}
    for ours, theirs in mapping.items():
        owners.setdefault(theirs, []).append(ours)
    notes = {}
    for theirs, claims in owners.items():
        if len(claims) < 2 or set(claims) in SHARED:
            continue
        certain = [name for name in claims if name in request.named or name in REQUIRED]
        for name in claims:
            if name not in certain[:1]:
                mapping = {key: value for key, value in mapping.items() if key != name}
        if not certain:
            notes[theirs] = (
                f"the column {shown(theirs)!r} is not used: it could be {' or '.join(claims)}; "
                f"name it in {{columns}}, as in {claims[0]}={theirs}"
            )
    return mapping, notes


def unused_columns(
    table: ColumnNames,
    choice: ColumnChoice,
    mapping: Mapping[str, str],
    request: ColumnRequest,
    contested: set[str],
) -> list[str]:
    """Return a sentence for each column of the table that lensmap knows but does not use.

    ``mapping`` has the table's column names that are used, keyed by lensmap's column names, and
    ``contested`` the columns that are left out because they match more than one column of lensmap.
    """
    entry = choice.entry if choice.entry is not None else COLUMN_PRESETS["generic"]
    used = {column for theirs in mapping.values() for column in columns_in(theirs, table)}
    used |= contested
    settled = {*request.named, *request.left_out}
    settled |= {"e1", "e2"} if settled & {"e1", "e2"} else set()
    on_purpose = {name.lower() for name in entry.unused}
    notes = []
    for ours in (*REQUIRED[2:], *OPTIONAL):
        if ours in settled:
            continue
        if ours in REQUIRED and choice.preset != "generic":
            continue  # the order of preference is the survey's
        known = [
            theirs for candidate in candidates_of(table, entry, ours)
            if not is_computed(candidate, ()) and (theirs := table.find(candidate)) is not None
        ]
        others = [
            name for name in dict.fromkeys(known)
            if name not in used and name.lower() not in on_purpose
        ]
        if others and ours in mapping:
            notes.append(
                f"{ours} is taken from {shown(mapping[ours])!r}; {_and(others)} "
                f"{'is' if len(others) == 1 else 'are'} not used: name the right one in "
                f"{{columns}}, as in {ours}={others[0]}"
            )
        elif others:
            notes.append(_why_unused(ours, others, choice, mapping))
    return notes + _incomplete(choice, mapping, request)


def _why_unused(
    ours: str, others: list[str], choice: ColumnChoice, mapping: Mapping[str, str]
) -> str:
    verb = "is" if len(others) == 1 else "are"
    text = f"{_and(others)} ({ours}) {verb} not used: "
    if ours in ("c1", "c2") and is_bias_corrected(mapping):
        return text + (
            f"the additive bias is already subtracted from {mapping['e1']!r}; to use "
            f"{shown(others[0])!r} nevertheless, add {ours}={others[0]} to {{columns}}; "
            f"{ours}=none stops this warning"
        )
    return text + (
        "{columns} names all required columns, so only optional columns with lensmap's own names "
        f"are used; to use {shown(others[0])!r}, add {ours}={others[0]} to {{columns}}; "
        f"{ours}=none stops this warning"
    )


def _incomplete(
    choice: ColumnChoice, mapping: Mapping[str, str], request: ColumnRequest
) -> list[str]:
    """Return a sentence for each element of the response matrix that lacks a column.

    Only elements whose counterpart has a column count, as r11 without r22, or r12 without r21.
    ``mapping`` has the table's column names, keyed by lensmap's column names.
    """
    if choice.preset is None or choice.preset == "generic":
        return []  # one column may be the response of both components
    notes = []
    for first, second in (("r11", "r22"), ("r12", "r21")):
        for has, lacks in ((first, second), (second, first)):
            if has in mapping and lacks not in mapping and lacks not in request.left_out:
                instead = has if has in ("r11", "r22") else "0"
                notes.append(
                    f"the catalog has the response {has} ({shown(mapping[has])!r}) without "
                    f"{lacks}, for which {instead} is used; if the table has it, name it in "
                    f"columns, as in {lacks}=NAME"
                )
    return notes


def _and(names: Sequence[str]) -> str:
    texts = [repr(shown(name)) for name in names]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
