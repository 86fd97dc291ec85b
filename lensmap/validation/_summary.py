# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""From the scores of single fields to a row for each method."""

from collections.abc import Mapping

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table

from lensmap.scores import jackknife, mean_and_error
from lensmap.utils import set_formats

__all__ = ["summarize_scores"]

# Extremes of all fields, which have no error.
_EXTREMES = {"kappa_min": np.min, "kappa_max": np.max}

# What says which field it is, and what is only there to be added up.
_SUMS = ("n_above", "sum_t_above", "sum_p_above", "sum_tp_above", "sum_pp_above", "covered_above")
_NO_METRICS = ("field", "estimator", "seconds", *_SUMS)


def summarize_scores(scores):
    """Return means over fields with their errors, one row for each estimator.

    Parameters
    ----------
    scores : `~astropy.table.Table` or sequence of dict
        What `compare` returned, or what `score_map` gave for each field of one estimator.

    Returns
    -------
    `~astropy.table.QTable`
        - ``estimator`` (if there is one) and ``n_fields``;
        - for each number of `score_map` (or `null_scores`) its mean over fields, and in
          ``..._err`` the standard error of that; fields where it is NaN are left out;
        - over the high pixels of all fields together, with errors of the jackknife over fields:
          ``ratio_above`` (`mean_ratio`), ``slope_above`` (`ordinary_slope`) and
          ``coverage_68_above``, and their number ``n_above``. NaN where there are too few;
        - for `null_scores`, ``kappa_min`` and ``kappa_max`` of all fields;
        - ``seconds``: the median time of a map.

    Raises
    ------
    TypeError, ValueError
        If ``scores`` is none of these, or has no rows.
    """
    table = _as_table(scores)
    if "estimator" not in table.colnames:
        return _shown(QTable([_summary(table)], meta=table.meta))
    names = list(dict.fromkeys(table["estimator"]))
    rows = [
        {"estimator": str(name), **_summary(table[table["estimator"] == name])} for name in names
    ]
    return _shown(QTable(rows, meta=table.meta))


def _shown(table):
    return set_formats(table, {"seconds": ".3g"}, others=".4g")


def _as_table(scores):
    if not isinstance(scores, Table):
        scores = list(scores)
        if not all(isinstance(score, Mapping) for score in scores):
            raise TypeError("scores must be a table of compare, or a dict for each field")
        scores = QTable(scores) if scores else QTable()
    if len(scores) == 0:
        raise ValueError("scores must have at least one row")
    return scores


def _summary(table):
    row = {"n_fields": len(table)}
    for name in table.colnames:
        if name in _NO_METRICS:
            continue
        values, unit = _plain(table[name])
        if name in _EXTREMES:
            row[name] = _EXTREMES[name](values) * unit
        else:
            row[name], row[f"{name}_err"] = (part * unit for part in mean_and_error(values))
    if set(_SUMS) <= set(table.colnames):
        row |= _above(table)
    if "seconds" in table.colnames:
        values, unit = _plain(table["seconds"])
        row["seconds"] = np.median(values) * unit
    return row


def _plain(column):
    """Return the values of a column, and its unit, which is 1 where it has none."""
    unit = getattr(column, "unit", None)
    return np.array(column, dtype=float), 1 if unit is None else u.Unit(unit)


def _above(table):
    """Return what the high pixels of all fields say together."""
    sums = np.array([np.array(table[name], dtype=float) for name in _SUMS]).T
    row = {"n_above": int(sums[:, 0].sum())}
    statistics = {"ratio": _ratio, "slope": _slope, "coverage_68": _covered}
    for name, statistic in statistics.items():
        row[f"{name}_above"], row[f"{name}_above_err"] = jackknife(statistic, sums)
    return row


def _ratio(sums):
    _, t, p, *_ = sums.sum(axis=0)
    return t / p if p != 0 else np.nan


def _slope(sums):
    n, t, p, tp, pp, _ = sums.sum(axis=0)
    spread = n * pp - p**2
    return (n * tp - t * p) / spread if n > 1 and spread > 0 else np.nan


def _covered(sums):
    n, *_, covered = sums.sum(axis=0)
    return covered / n if n > 0 else np.nan
