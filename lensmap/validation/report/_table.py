# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""All numbers of a validation in one table, for machines."""

import numpy as np
from astropy import units as u
from astropy.table import QTable

__all__ = ["result_table"]

# The tables of `ValidationResults`, and the columns that say what a row is of.
_TABLES = {
    "summary": (), "masked": (), "null": (), "more": (), "resources": (),
    "contrasts": ("reference",),
    "distribution": ("bin_low", "bin_high"), "null_distribution": ("bin_low", "bin_high"),
    "autocorrelation": ("theta",), "by_scale": ("ell",),
    "completeness": ("definition", "ranking", "bin_low", "bin_high"),
    "purity": ("definition", "ranking"),
    "masses": ("bin_low", "bin_high"), "mass_lines": (),
    "residuals": ("bin_low", "bin_high"), "masked_residuals": ("bin_low", "bin_high"),
    "coverage": ("bin_low", "bin_high"), "coma_arms": ("test", "threshold"),
}

# What a bin is one of, whatever it is called.
_PLACES = {
    "bin_low": "low", "bin_high": "high", "theta": "low", "ell": "low", "threshold": "low",
    "test": "definition", "reference": "definition",
}


def result_table(results):
    """Put all numbers of a validation in one table.

    Parameters
    ----------
    results : ValidationResults
        The results.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each number, with the columns ``table``, the attribute of `ValidationResults` that
        it is from; ``quantity`` and ``estimator``; ``definition`` and ``ranking`` of clusters (of
        arms, ``definition`` is the test, of contrasts the other estimator), empty elsewhere;
        ``low`` and ``high``, the edges of its bin (or its one place, such as a multipole), NaN
        where there is none, in the units that ``unit`` says; ``value`` and ``error`` (one standard
        deviation, from the fields, NaN where there is none).
    """
    rows = []
    for name, keys in _TABLES.items():
        table = getattr(results, name)
        if table is not None:
            rows += _rows(name, table, keys)
    masses = results.coma_masses
    if masses is not None:
        rows += _rows("coma_masses", QTable([{"estimator": "NFW fit", **masses}]), ())
    return QTable(rows)


def _rows(name, table, keys):
    quantities = [
        column for column in table.colnames
        if column not in ("estimator", *keys) and not column.endswith("_err")
    ]
    for row in table:
        place = {"definition": "", "ranking": "", "low": np.nan, "high": np.nan, "unit": ""}
        for key in keys:
            value = row[key]
            if isinstance(value, u.Quantity):
                place["unit"] = str(value.unit)
                value = value.value
            place[_PLACES.get(key, key)] = str(value) if isinstance(value, str) else float(value)
        for quantity in quantities:
            error = row[f"{quantity}_err"] if f"{quantity}_err" in table.colnames else np.nan
            yield {
                "table": name, "quantity": quantity, "estimator": str(row["estimator"]), **place,
                "value": _plain(row[quantity]), "error": _plain(error),
            }


def _plain(value):
    return float(getattr(value, "value", value))
