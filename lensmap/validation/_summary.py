# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`summarize_scores`: the mean scores of each estimator over all fields."""

from collections.abc import Iterable, Mapping

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table

from lensmap.scores import jackknife, mean_and_error
from lensmap.utils import ParameterError, ParameterTypeError, set_formats

__all__ = ["summarize_scores"]

# Extreme pixel values over all fields, for which no error is computed.
_EXTREMES = {"kappa_min": np.min, "kappa_max": np.max}

# Sums over high pixels, in the order in which the functions below unpack them.
_SUMS = ("n_above", "sum_t_above", "sum_p_above", "sum_tp_above", "sum_pp_above", "covered_above")
_NO_MEANS = ("field", "estimator", "seconds", *_SUMS)


def summarize_scores(scores: Table | Iterable[Mapping]) -> QTable:
    """Return the mean scores of each estimator over fields, with their errors.

    Parameters
    ----------
    scores : `~astropy.table.Table` or sequence of dict
        A table returned by `compare`, or a sequence with the result of
        `~lensmap.scores.score_map` for each field, for one estimator.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each estimator, with the columns

        - ``estimator`` (if ``scores`` has this column) and ``n_fields``;
        - the mean over fields of each score of `~lensmap.scores.score_map` (or of
          `~lensmap.scores.null_scores`), and the standard error of the mean in ``..._err``. Fields
          where the score is NaN are left out;
        - statistics of the high pixels of all fields together, whose convergence in the map is
          above the threshold ``above`` of `score_map`: their number ``n_above``; ``ratio_above``,
          the mean truth divided by the mean of the maps; ``slope_above``, the slope of the
          regression of the truth on the maps; and ``coverage_68_above``, the fraction where the
          truth lies within the 68 per cent error bar. The errors are jackknife errors over fields.
          The statistics are NaN if there are too few high pixels;
        - for `~lensmap.scores.null_scores`, ``kappa_min`` and ``kappa_max``, the extreme values
          over all fields;
        - ``seconds``, the median time for a map.

    Raises
    ------
    TypeError, ValueError
        If ``scores`` is neither such a table nor such a sequence, or is empty.
    """
    table = _as_table(scores)
    if "estimator" not in table.colnames:
        rows = [_means(table)]
    else:
        names = dict.fromkeys(table["estimator"])
        rows = [{"estimator": str(name), **_means(table[table["estimator"] == name])}
                for name in names]
    return set_formats(QTable(rows, meta=table.meta), {"seconds": ".3g"}, others=".4g")


def _as_table(scores):
    if not isinstance(scores, Table):
        scores = list(scores)
        if not all(isinstance(score, Mapping) for score in scores):
            raise ParameterTypeError(
                "scores", "a table returned by compare, or a sequence of dicts, one for each field"
            )
        scores = QTable(scores) if scores else QTable()
    if len(scores) == 0:
        raise ParameterError("scores", "at least one row", "none", verb="have")
    return scores


def _means(table):
    row = {"n_fields": len(table)}
    for name in table.colnames:
        if name in _NO_MEANS:
            continue
        values, unit = _values_and_unit(table[name])
        if name in _EXTREMES:
            row[name] = _EXTREMES[name](values) * unit
        else:
            row[name], row[f"{name}_err"] = (number * unit for number in mean_and_error(values))
    if set(_SUMS) <= set(table.colnames):
        row |= _high_pixels(table)
    if "seconds" in table.colnames:
        values, unit = _values_and_unit(table["seconds"])
        row["seconds"] = np.median(values) * unit
    return row


def _values_and_unit(column):
    """Return the values of a column, ``(n,)``, and its unit; 1 if it has no unit."""
    unit = getattr(column, "unit", None)
    return np.array(column, dtype=float), 1 if unit is None else u.Unit(unit)


def _high_pixels(table):
    """Return statistics of the high pixels of all fields together, with jackknife errors.

    High pixels are those where the estimated convergence exceeds a threshold. ``table`` has the
    sums over the high pixels of each field, from `score_map`.
    """
    sums = np.array([np.array(table[name], dtype=float) for name in _SUMS]).T
    row = {"n_above": int(sums[:, 0].sum())}
    statistics = {"ratio": _ratio, "slope": _slope, "coverage_68": _coverage}
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


def _coverage(sums):
    n, *_, covered = sums.sum(axis=0)
    return covered / n if n > 0 else np.nan
