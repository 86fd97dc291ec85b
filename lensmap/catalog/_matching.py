# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Matching of the names of presets to the column names of a table."""

from __future__ import annotations

from collections.abc import Mapping

from lensmap.catalog._names import ColumnNames
from lensmap.catalog._preset import OPTIONAL, REQUIRED, VARIANT, ColumnPreset
from lensmap.catalog._selection import has_columns_in, is_computed
from lensmap.catalog._surveys import SHORT_NAMES

__all__ = ["candidates_of", "is_bias_corrected", "matched", "preset_columns"]

_PAIRS = (("ra", "dec"), ("e1", "e2"))


def preset_columns(table: ColumnNames, entry: ColumnPreset) -> dict[str, str]:
    """Match the column names of a preset to the column names of a table.

    Short names such as ``z`` are also tried for optional columns. The result has the table's
    column names, keyed by lensmap's column names.
    """
    wanted = {name: candidates_of(table, entry, name) for name in (*REQUIRED, *OPTIONAL, VARIANT)}
    mapping = matched(table, wanted)
    if is_bias_corrected(mapping):
        mapping = {name: theirs for name, theirs in mapping.items() if name not in ("c1", "c2")}
    return mapping


def candidates_of(table: ColumnNames, entry: ColumnPreset, name: str) -> tuple[str, ...]:
    """Return the names that a column of lensmap may have in a table, in order of preference.

    ``entry`` is the preset, and ``name`` is lensmap's name of the column.
    """
    own = entry.columns.get(name, ())
    short: tuple[str, ...] = () if name in REQUIRED else SHORT_NAMES.get(name, ())
    taken = {other.lower() for key, names in entry.columns.items() if key != name
             for other in names}
    # A short name that this survey uses for another quantity means that quantity.
    short = tuple(other for other in short if other not in own and other.lower() not in taken)
    names = (*own, *short)
    if name == "redshift" and table.find("i") is not None and table.find("r") is not None:
        names = tuple(other for other in names if other != "z")  # a magnitude
    return names


def is_bias_corrected(mapping: Mapping[str, str]) -> bool:
    """Return whether the additive bias is already subtracted from the ellipticities.

    ``mapping`` has the table's column names, keyed by lensmap's column names.
    """
    return mapping.get("e1", "").lower().startswith("bias_corrected")


def _matches(table: ColumnNames, candidate: str) -> str | None:
    """Return the table's spelling of a column name; None if the table has no such column.

    ``candidate`` may be an expression, which is returned unchanged if the table has its columns.
    """
    if not is_computed(candidate, ()):
        return table.find(candidate)
    return candidate if has_columns_in(candidate, table) else None


def matched(table: ColumnNames, wanted: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Match each wanted column to the first of its candidate names that the table has.

    ``wanted`` has the candidate names, keyed by lensmap's column names. The result has the table's
    column names; columns without a match are left out.
    """
    matches = {
        ours: [_matches(table, candidate) for candidate in candidates]
        for ours, candidates in wanted.items()
    }
    for first, second in _PAIRS:
        if len(matches.get(first, ())) == len(matches.get(second, ())):
            # Both components come from the same pair of names: (e1, e2) or (g1, g2), never
            # (e1, g2). If no pair is complete, a pair with one component is used, and the other
            # component is reported as missing.
            pairs = list(zip(matches.get(first, ()), matches.get(second, ()), strict=True))
            complete = [pair for pair in pairs if None not in pair]
            partial = [pair for pair in pairs if any(pair)]
            for best in (complete or partial)[:1]:
                matches[first], matches[second] = [best[0]], [best[1]]
    firsts = {ours: next(filter(None, candidates), None) for ours, candidates in matches.items()}
    return {ours: theirs for ours, theirs in firsts.items() if theirs is not None}
