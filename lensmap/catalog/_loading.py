# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Selection of the rows of a table for a catalog, and loading of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import log

from lensmap.catalog._cleaning import without_bad_redshifts
from lensmap.catalog._columns import OPTIONAL, REQUIRED, ColumnChoice
from lensmap.catalog._names import shown
from lensmap.catalog._no_rows import NoSelectedRowsError
from lensmap.catalog._preset import DENSITY
from lensmap.catalog._selection import RowSelection, column_of, computed_column
from lensmap.catalog._values import column_values
from lensmap.utils import CatalogWarning, warn_user

__all__ = ["load_columns", "select_rows"]


def select_rows(
    table: Mapping[str, Any], choice: ColumnChoice, where: str | None
) -> np.ndarray | None:
    """Select rows by a condition.

    Parameters
    ----------
    table : dict
        The columns, keyed by their names in the table.
    choice : ColumnChoice
        The chosen columns.
    where : str or None
        The condition.

    Returns
    -------
    `numpy.ndarray` or None
        True for the selected rows, bool, ``(n,)``. None if all rows are selected.

    Raises
    ------
    ValueError
        If no row is selected.

    Warns
    -----
    CatalogWarning
        If selected rows do not belong to the sample that the survey documents.
    """
    rows = None if where is None else _rows_where(table, choice, where)
    _warn_of_flagged(table, choice, where, rows)
    return rows


def load_columns(
    table: Mapping[str, Any],
    mapping: Mapping[str, str],
    rows: np.ndarray | None,
    units: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the values and the masks of lensmap's columns.

    Parameters
    ----------
    table : dict
        The columns, keyed by their names in the table.
    mapping : dict
        The table's column names or expressions, keyed by lensmap's column names.
    rows : `numpy.ndarray` or None
        True for the selected rows, bool, ``(n,)``. None selects all rows.
    units : dict
        The units that the user gives for columns, keyed by lensmap's column names.

    Returns
    -------
    arrays : dict
        The values of the selected rows, ``(n_selected,)``, keyed by lensmap's column names.
        Redshifts that are missing are NaN.
    masked : dict
        Boolean arrays ``(n_selected,)``, True where the table has no value, keyed by lensmap's
        column names. Columns without missing values have no entry.
    """
    arrays, masked = {}, {}
    for name in REQUIRED + OPTIONAL:
        if name not in mapping:
            continue
        column = computed_column(table, mapping[name])
        arrays[name], mask = column_values(column, name, mapping[name], units.get(name))
        if rows is not None:
            arrays[name] = arrays[name][rows]
            mask = None if mask is None else mask[rows]
        if mask is not None:
            masked[name] = mask
    if "redshift" in arrays:
        arrays["redshift"], n_bad = without_bad_redshifts(
            arrays["redshift"], masked.pop("redshift", None)
        )
        if n_bad and DENSITY not in mapping:  # p(z) counts in place of redshift
            warn_user(
                f"{n_bad} of {len(arrays['redshift'])} rows count as galaxies without a redshift: "
                f"their value of {shown(mapping['redshift'])!r} is a placeholder or outside 0..20",
                CatalogWarning,
                "implausible_redshifts",
                "redshift",
            )
    return arrays, masked


def _rows_where(
    table: Mapping[str, Any], choice: ColumnChoice, where: str
) -> np.ndarray | None:
    selection = RowSelection(where)
    rows, missing = selection.rows(table, choice.mapping)
    n_rows, n_selected = len(rows), int(np.count_nonzero(rows))
    without = "".join(
        f"; {n} rows have no value of {shown(name)!r}" for name, n in missing.items()
    )
    if n_selected == 0:
        raise NoSelectedRowsError(
            "where", "a condition that rows of the catalog fulfill", repr(where),
            f"it selects none of {n_rows} rows{without}{_extent(table, selection, choice)}",
        )
    log.info(
        f"lensmap: {shown(where)!r} selects {n_selected} of {n_rows} rows and leaves out "
        f"{n_rows - n_selected}{without}"
    )
    return None if n_selected == n_rows else rows


def _extent(table: Mapping[str, Any], selection: RowSelection, choice: ColumnChoice) -> str:
    """Return the ranges of the columns that a condition uses, as text for an error message."""
    texts = []
    for name in selection.columns(table, choice.mapping)[:4]:
        data = column_of(table, name).data
        if data.dtype.kind in "iuf" and np.isfinite(data).any():
            data = data[np.isfinite(data)]
            texts.append(f"{shown(name)!r} ranges from {data.min():.4g} to {data.max():.4g}")
    return f"; {', '.join(texts)}" if texts else ""


def _warn_of_flagged(
    table: Mapping[str, Any], choice: ColumnChoice, where: str | None, rows: np.ndarray | None
) -> None:
    """Warn if selected rows do not belong to the shear sample that the survey documents.

    ``rows`` is True for the selected rows, bool, ``(n,)``; None selects all rows. Conditions of the
    survey on columns that ``where`` uses are not tested.
    """
    conditions = choice.entry.selection if choice.entry is not None else ()
    chosen = set() if where is None else set(RowSelection(where).columns(table, choice.mapping))
    found = []
    for text in conditions:
        condition = RowSelection(text)
        try:
            names = condition.columns(table)
        except ValueError:
            continue  # the table lacks the column
        if chosen & set(names):
            continue
        inside, _ = condition.rows(table, {})
        outside = ~inside if rows is None else ~inside & rows
        count = int(np.count_nonzero(outside))
        if count:
            found.append((text, count))
    if not found:
        return
    counts = ", ".join(f"{count} do not fulfill {text}" for text, count in found)
    whole = " and ".join(text for text, _ in found)
    n_rows = len(next(iter(table.values()))) if rows is None else int(np.count_nonzero(rows))
    warn_user(
        f"the catalog includes rows that {choice.preset!r} excludes from its shear sample: of "
        f"{n_rows} rows, {counts}; {{where={whole!r}}} leaves them out",
        CatalogWarning,
        "flagged_rows",
        "where",
        placeholders=True,
    )
