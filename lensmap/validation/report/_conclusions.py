# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The main results of a validation in sentences, for any set of estimators.

Two estimators count as equal if they differ by at most twice the error of their difference on the
same fields.
"""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import NamedTuple

import numpy as np
from astropy.table import QTable

from lensmap.scores import paired_difference
from lensmap.validation.report._numbers import plus_minus

__all__ = [
    "calibrated_maps",
    "covered_truth",
    "false_peaks",
    "join_names",
    "most_complete",
    "nearest_maps",
]

_N_SIGMA = 2

_NO_ERRORS = "One field gives no errors, so the order of the estimators is not established."


def join_names(names: Iterable[str]) -> str:
    """Return the names joined as in a sentence: ``"a, b and c"``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


class Ranking(NamedTuple):
    """The best estimators by a score, and the next one, as returned by `rank`.

    Attributes
    ----------
    best : list of str
        The best estimator, followed by the estimators that differ from it by at most twice the
        error of the difference.
    next : str or None
        The best of the remaining estimators; None if no estimator remains.
    has_errors : bool
        Whether the errors of all differences are known.
    """

    best: list[str]
    next: str | None
    has_errors: bool


def rank(
    values: Mapping[str, float],
    difference: Callable[[str, str], tuple[float, float]],
    *,
    largest: bool = False,
) -> Ranking | None:
    """Rank estimators by a score.

    Parameters
    ----------
    values : dict
        The score of each estimator, keyed by its name. Scores that are not finite are left out.
    difference : callable
        Function that takes the names of two estimators and returns the difference of their scores
        and its error.
    largest : bool
        Whether the largest score is the best. Otherwise, the smallest is.

    Returns
    -------
    Ranking or None
        The ranking; None if no score is finite.
    """
    finite = [name for name, value in values.items() if isfinite(value)]
    if not finite:
        return None
    order = sorted(finite, key=values.__getitem__, reverse=largest)
    best, others = order[0], order[1:]
    pairs = {name: difference(name, best) for name in others}
    has_errors = all(isfinite(error) for _, error in pairs.values())
    equal = [name for name, (d, error) in pairs.items()
             if has_errors and abs(d) <= _N_SIGMA * error]
    rest = [name for name in others if name not in equal]
    return Ranking([best, *equal], rest[0] if rest else None, has_errors)


def _numbers(table: QTable, column: str) -> dict[str, float]:
    return {str(row["estimator"]): float(getattr(row[column], "value", row[column]))
            for row in table}


def _texts(table, column, decimals, factor=1.0):
    """Return a dict from the name of each estimator to the text of a score with its error.

    ``column`` is the column of the score, which is multiplied by ``factor``.
    """
    values, errors = (_numbers(table, name) for name in (column, f"{column}_err"))
    return {name: plus_minus(factor * values[name], factor * errors[name], decimals)
            for name in values}


def _field_values(scores, name, column):
    rows = scores[scores["estimator"] == name]
    return np.array(rows[column][np.argsort(rows["field"])], dtype=float)


def nearest_maps(scores: QTable, summary: QTable) -> list[tuple[str, str]]:
    """State which maps are closest to the truth, by their RMS error.

    Parameters
    ----------
    scores : `~astropy.table.QTable`
        The scores, a row for each field and estimator.
    summary : `~astropy.table.QTable`
        The mean scores over fields, as returned by `summarize_scores`.

    Returns
    -------
    list of tuple
        One pair of a heading and sentences; empty if no score is finite.
    """
    rmse, r = _texts(summary, "rmse", 4), _texts(summary, "pearson_r", 3)
    n_fields = int(summary["n_fields"][0])

    def paired(name, best, column="rmse"):
        pair = paired_difference(*(_field_values(scores, one, column) for one in (name, best)))
        return pair.difference, pair.difference_err

    ranking = rank(_numbers(summary, "rmse"), paired)
    if ranking is None:
        return []
    best = ranking.best
    fields = f"{n_fields} fields" if n_fields > 1 else "one field"
    if len(rmse) == 1:
        text = (f"The maps of {best[0]}, the only estimator, have an RMS error of {rmse[best[0]]} "
                f"and a correlation of {r[best[0]]} with the truth, on {fields}.")
        return [("Distance from the truth", text)]
    if len(best) == 1:
        text = (f"{best[0]}, with an RMS error of {rmse[best[0]]} and a correlation of "
                f"{r[best[0]]} with the truth, on {fields}.")
    else:
        text = (f"{join_names(best)}, with RMS errors of {join_names(rmse[one] for one in best)} "
                f"and correlations of {join_names(r[one] for one in best)} with the truth, on "
                f"{fields}: their RMS errors agree within twice the error of the difference.")
    if ranking.next is not None:
        ratio = paired_difference(*(_field_values(scores, one, "rmse")
                                    for one in (ranking.next, best[0])))
        larger = plus_minus(100 * (ratio.mean_ratio - 1), 100 * ratio.mean_ratio_err, 1)
        text += f" The RMS error of {ranking.next}, the next, is {larger} per cent larger"
        text += f" than that of {best[0]} on the same fields." if ranking.has_errors else "."
    correlated = rank(_numbers(summary, "pearson_r"),
                      lambda name, best: paired(name, best, "pearson_r"), largest=True)
    if correlated is not None and not set(correlated.best) & set(best):
        first = correlated.best[0]
        text += f" {first} has the highest correlation, {r[first]}."
    if not ranking.has_errors:
        text += f" {_NO_ERRORS}"
    return [("Nearest to the truth", text)]


def calibrated_maps(summary: QTable) -> list[tuple[str, str]]:
    """State for which estimators the regression slope of the truth on the map is close to 1.

    Parameters
    ----------
    summary : `~astropy.table.QTable`
        The mean scores, as returned by `summarize_scores`.

    Returns
    -------
    list of tuple
        One pair of a heading and sentences; empty if no slope is finite.
    """
    slope, error = _numbers(summary, "slope"), _numbers(summary, "slope_err")
    slopes = _texts(summary, "slope", 2)
    names = [name for name in slope if isfinite(slope[name])]
    if not names:
        return []

    def listed(chosen):
        return join_names(f"{name} ({slopes[name]})" for name in chosen)

    text = "A calibrated map has a slope of 1 in the regression of the truth on the map."
    if not all(isfinite(error[name]) for name in names):
        return [("Calibration", f"{text} Slopes on one field, without errors: {listed(names)}.")]
    good = [name for name in names if abs(slope[name] - 1) <= _N_SIGMA * error[name]]
    bad = sorted((name for name in names if name not in good), key=lambda n: abs(slope[n] - 1))
    if good:
        text += f" The slope is 1 within twice its error for {listed(good)}"
        text += f"; it is not for {listed(bad)}." if bad else "."
    else:
        text += f" The slope is not 1 within twice its error for {listed(bad)}."
    if any(slope[name] < 1 for name in bad):
        text += " With a slope below 1, high values of the map are too high on average."
    return [("Calibration", text)]


def covered_truth(tables: Mapping[str, QTable]) -> list[tuple[str, str]]:
    """State the fraction of pixels in which the truth lies within the 68 per cent error bars.

    Parameters
    ----------
    tables : dict
        The tables of a validation, keyed by name, including ``"coverage"``.

    Returns
    -------
    list of tuple
        One pair of a heading and a sentence; empty if no estimator has an uncertainty with respect
        to the true convergence.
    """
    texts: dict[str, str] = {}
    for name in ("more", "summary"):  # "summary" has more fields, so its values take precedence
        if name in tables:
            coverage = _numbers(tables[name], "coverage_68")
            texts |= {one: text for one, text in _texts(tables[name], "coverage_68", 1, 100).items()
                      if isfinite(coverage[one])}
    if not texts:
        return []
    listed = join_names(f"{text} per cent for {name}" for name, text in texts.items())
    return [("Error bars", "The fraction of the pixels with the truth within the 68 per cent error "
             f"is {listed}.")]


def most_complete(
    detection: QTable,
    purity: QTable,
    difference: Callable[[str, str], tuple[float, float]],
    clusters: str,
) -> list[tuple[str, str]]:
    """State which maps detect most clusters when all maps have the same number density of peaks.

    Parameters
    ----------
    detection, purity : `~astropy.table.QTable`
        The rows of the tables ``detection`` (completeness) and ``purity`` of a validation for one
        definition of a cluster and the highest peaks.
    difference : callable
        Function that takes the names of two estimators and returns the difference of their
        completeness and its error.
    clusters : str
        The word for these clusters in the sentences.

    Returns
    -------
    list of tuple
        One pair of a heading and sentences.
    """
    n, rates = int(detection["n"][0]), _numbers(detection, "corrected")
    found, pure = _texts(detection, "corrected", 0, 100), _texts(purity, "corrected", 0, 100)
    ranking = rank(rates, difference, largest=True)
    if n == 0 or ranking is None:
        return [("Clusters", f"The fields have too few {clusters} of at least 1e14 solar masses "
                 "for a rate.")]
    best = ranking.best
    of_all = (f"of the {n} {clusters} of at least 1e14 solar masses, by the highest 20 peaks per "
              "square degree and corrected for chance matches")
    pure_best = join_names(pure[one] for one in best)
    if len(best) == 1:
        text = (f"{best[0]} finds {found[best[0]]} per cent {of_all}; {pure_best} per cent of its "
                "peaks are such clusters.")
    else:
        text = (f"{join_names(best)} find {join_names(found[one] for one in best)} per cent "
                f"{of_all}, which agree within twice the error of the difference; {pure_best} per "
                "cent of their peaks are such clusters.")
    if ranking.next is not None:
        text += f" {ranking.next}, the next, finds {found[ranking.next]} per cent."
    if not ranking.has_errors:
        text += f" {_NO_ERRORS}"
    return [("Most clusters" if len(rates) > 1 else "Clusters", text)]


def false_peaks(null: QTable) -> list[tuple[str, str]]:
    """State the number density of peaks in maps of null fields.

    Parameters
    ----------
    null : `~astropy.table.QTable`
        The mean scores in null fields, as returned by `summarize_scores`.

    Returns
    -------
    list of tuple
        One pair of a heading and a sentence.
    """
    numbers, texts = _numbers(null, "peaks_k05"), _texts(null, "peaks_k05", 2)
    texts = {name: text if numbers[name] else "0" for name, text in texts.items()}
    listed = join_names(f"{text} for {name}" for name, text in texts.items())
    n_fields = int(null["n_fields"][0])
    fields = f"{n_fields} null fields" if n_fields > 1 else "one null field"
    return [("False peaks", f"In {fields}, without lensing, the number of peaks per square degree "
             f"above a convergence of 0.05 is {listed}.")]
