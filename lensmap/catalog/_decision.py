# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The columns of a table that a catalog uses, and their convention, kind, frame and response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from astropy import log

from lensmap.catalog._column_request import check_given, read_request
from lensmap.catalog._columns import choose_columns
from lensmap.catalog._declarations import Declaration, meta_entries, settle, survey_of
from lensmap.catalog._names import ColumnNames
from lensmap.catalog._preset import OPTIONAL, REQUIRED, VARIANT, ColumnPreset
from lensmap.catalog._unused_columns import ColumnChoice

if TYPE_CHECKING:
    from astropy.table import Table

    from lensmap.catalog.files import TableSource
    from lensmap.typing import PathLike

__all__ = ["SCHEMA_KEY", "WHERE_KEY", "Decision", "condition_of", "decide"]

#: The entry of a table's meta that states the version of the form of lensmap's partitions.
SCHEMA_KEY = "LMSCHEMA"

#: The entry of a table's meta with the condition on rows that a partitioned catalog remembers.
WHERE_KEY = "LMWHERE"

_NO_CONDITION = "none"


@dataclass(frozen=True)
class Decision:
    """Columns, convention and calibration chosen for a table before its rows are read.

    Attributes
    ----------
    choice : ColumnChoice
        The columns.
    declared : Declaration
        The convention, kind, frame and response, with their origins.
    survey : str or None
        The preset of the survey to which e1 and e2 belong. None if it is not known.
    entry : ColumnPreset or None
        The preset of the survey. None if the survey is not known.
    """

    choice: ColumnChoice
    declared: Declaration
    survey: str | None
    entry: ColumnPreset | None


def decide(
    table: Table | TableSource,
    columns: PathLike | Mapping[str, str | None] | ColumnChoice | None,
    given: Mapping[str, Any],
) -> Decision:
    """Choose the columns of a table, and settle the convention, kind, frame and response.

    Parameters
    ----------
    table : `~astropy.table.Table` or TableSource
        The table.
    columns : None, str, path-like, dict or ColumnChoice
        As for `ShearCatalog`, or the columns themselves.
    given : dict
        The user's arguments, as ``check_arguments`` returns them.

    Returns
    -------
    Decision
        The decision. What is taken from a preset or a survey is logged.

    Raises
    ------
    ValueError
        As for `ShearCatalog`.

    Warns
    -----
    ConventionWarning
        As for `ShearCatalog`.
    """
    choice = _own_choice(table, columns)
    if choice is not None:
        return Decision(choice, settle(given, meta_entries(table), None, None), None, None)
    choice = choose_columns(table.colnames, columns)
    if choice.preset is not None and columns is None:
        if any(ours != theirs for ours, theirs in choice.mapping.items()):
            text = ", ".join(
                f"{ours}={theirs}" for ours, theirs in choice.mapping.items() if ours != VARIANT
            )
            log.info(f"lensmap: columns of the preset {choice.preset!r}: {text}")
    survey, entry = survey_of(choice, table.colnames)
    return Decision(choice, settle(given, meta_entries(table), survey, entry), survey, entry)


def _own_choice(
    table: Table | TableSource, columns: PathLike | Mapping[str, str | None] | ColumnChoice | None
) -> ColumnChoice | None:
    """Choose the columns of a partition that lensmap wrote, which have lensmap's names.

    Further columns, which the user kept, have no role, even if a survey has a column of this name.
    The result is None for other tables, or if the user gives a preset.
    """
    if SCHEMA_KEY not in table.meta or isinstance(columns, ColumnChoice):
        return None
    request = read_request(columns)
    if request.entry is not None:
        return None
    check_given(ColumnNames(table.colnames), request)
    own = {name: name for name in (*REQUIRED, *OPTIONAL, VARIANT) if name in table.colnames}
    mapping = {ours: theirs for ours, theirs in {**own, **request.named}.items()
               if ours not in request.left_out}
    return ColumnChoice(mapping, None, left_out=frozenset(request.left_out))


def condition_of(where: str | None, meta: Mapping[str, Any]) -> str | None:
    """Return the condition on the rows of a table.

    Parameters
    ----------
    where : str or None
        The argument of the user: a condition, or ``"none"`` for no condition. None takes the
        condition that the meta of the table remembers, if there is one.
    meta : dict
        The meta of the table.
    """
    if where is None:
        return meta.get(WHERE_KEY)
    if isinstance(where, str) and where.strip().lower() == _NO_CONDITION:
        return None
    return where
