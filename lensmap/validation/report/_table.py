# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""All numbers of a validation in one table."""

from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.validation.measures import MEASURES
from lensmap.validation.report._results import ValidationResults

__all__ = ["result_table"]

# The columns for keys of a table: the first key that is text goes to "definition", and so on.
_TEXT_COLUMNS, _NUMBER_COLUMNS = ("definition", "ranking"), ("low", "high")


def result_table(results: ValidationResults) -> QTable:
    """Combine all numbers of a validation in one table.

    Parameters
    ----------
    results : ValidationResults
        The results.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each number, with the columns ``table``, its table in ``results.tables``;
        ``quantity`` and ``estimator``; ``definition`` and ``ranking`` of clusters (for arms,
        ``definition`` is the test; for contrasts, the reference), empty elsewhere; ``low`` and
        ``high``, the edges of its bin, or its place such as a multipole in ``low``, NaN elsewhere,
        in the units of ``unit``; ``value``, and ``error``, one standard deviation from the scatter
        of fields, NaN where there is none.
    """
    rows = []
    for measure in MEASURES:
        for name, keys in measure.keys.items():
            if name in results.tables:
                rows += _rows(name, results.tables[name], keys)
    return QTable(rows)


def _rows(name, table, keys):
    quantities = [
        column for column in table.colnames
        if column not in ("estimator", *keys) and not column.endswith("_err")
    ]
    columns = _columns_of_keys(table, keys)
    for row in table:
        place = {"definition": "", "ranking": "", "low": np.nan, "high": np.nan, "unit": ""}
        for key, column in columns.items():
            value = row[key]
            if isinstance(value, u.Quantity):
                place["unit"] = str(value.unit)
            place[column] = str(value) if column in _TEXT_COLUMNS else _number(value)
        for quantity in quantities:
            error = row[f"{quantity}_err"] if f"{quantity}_err" in table.colnames else np.nan
            yield {
                "table": name, "quantity": quantity, "estimator": str(row["estimator"]), **place,
                "value": _number(row[quantity]), "error": _number(error),
            }


def _columns_of_keys(table: QTable, keys: Sequence[str]) -> dict[str, str]:
    """Return the column for each key, by whether it is text or a number."""
    is_text = {key: table[key].dtype.kind in "US" for key in keys}
    columns: dict[str, str] = {}
    for kind, names in ((True, _TEXT_COLUMNS), (False, _NUMBER_COLUMNS)):
        columns |= dict(zip([key for key in keys if is_text[key] is kind], names, strict=False))
    missing = [key for key in keys if key not in columns]
    if missing:
        raise ValueError(f"a table may have two keys of text and two of numbers: no column is "
                         f"left for {missing[0]!r}")
    return columns


def _number(value):
    return float(getattr(value, "value", value))
