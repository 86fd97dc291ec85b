# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""All numbers of a validation in one table."""

from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.validation.measures import MEASURES
from lensmap.validation.report._results import ValidationResults

__all__ = ["result_table"]

# Columns of the result for the keys of a table: the first text key goes to "definition", the second
# to "ranking"; the first numeric key goes to "low", the second to "high".
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
        A row for each number, with the columns

        - ``table``, the table in ``results.tables`` that holds the number;
        - ``quantity``, its column in that table, and ``estimator``;
        - ``definition`` and ``ranking`` of clusters. For arms of Coma, ``definition`` is the test;
          for contrasts, it is the reference estimator. Empty for other tables;
        - ``low`` and ``high``, the bin edges, in the unit ``unit``. For unbinned quantities, such
          as the multipole or the threshold, ``low`` is the value and ``high`` is NaN. Both are NaN
          for other tables;
        - ``value``, and ``error``, the standard error from the scatter between fields, NaN where
          no error is known.
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
    """Return which column of the combined table takes the values of each key column of a table.

    ``keys`` are the columns that identify a row, such as the bin edges. The result is a dict from
    the name of each key column to the name of a column of the combined table, such as
    ``"definition"`` or ``"low"``.
    """
    is_text = {key: table[key].dtype.kind in "US" for key in keys}
    columns: dict[str, str] = {}
    for kind, names in ((True, _TEXT_COLUMNS), (False, _NUMBER_COLUMNS)):
        columns |= dict(zip([key for key in keys if is_text[key] is kind], names, strict=False))
    missing = [key for key in keys if key not in columns]
    if missing:
        raise ValueError(
            "the table of a measure may have at most two key columns of text and two of numbers: "
            f"leave out the key {missing[0]!r}"
        )
    return columns


def _number(value):
    return float(getattr(value, "value", value))
