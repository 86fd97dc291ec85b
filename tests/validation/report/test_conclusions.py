# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The sentences at the top of a report: true for one estimator, for ties, and without errors."""

import numpy as np
import pytest
from astropy.table import QTable

from lensmap.validation import summarize_scores
from lensmap.validation.report._conclusions import (
    calibrated_maps,
    covered_truth,
    false_peaks,
    join_names,
    most_complete,
    nearest_maps,
)


def scores_of(rmse, r=None, n=20, scatter=1e-3):
    """Return scores of estimators that share the scatter of fields, and differ by their own."""
    rng = np.random.default_rng(1)
    shared = 0.002 * rng.normal(size=n)
    rows = []
    for name, value in rmse.items():
        own = scatter * rng.normal(size=n)
        for field in range(n):
            rows.append({
                "field": field, "estimator": name, "rmse": value + shared[field] + own[field],
                "pearson_r": (0.7 if r is None else r[name]) + shared[field] + own[field],
            })
    return QTable(rows)


def nearest(*args, **kwargs):
    scores = scores_of(*args, **kwargs)
    return nearest_maps(scores, summarize_scores(scores))


def test_a_clear_order():
    [(heading, text)] = nearest({"ks": 0.03, "wiener": 0.02, "network": 0.018})
    assert heading == "Nearest to the truth" and text.startswith("network, with an RMS error of")
    assert "on 20 fields" in text and "The RMS error of wiener, the next, is" in text
    assert "per cent larger than that of network on the same fields." in text
    assert "agree" not in text and "ks" not in text


def test_a_tie_names_all_equals():
    [(_, text)] = nearest({"a": 0.02, "b": 0.0201, "c": 0.03})
    assert text.startswith(("a and b, with RMS errors", "b and a, with RMS errors"))
    assert "agree within twice the error of the difference" in text and "c, the next" in text
    [(_, text)] = nearest({"a": 0.02, "b": 0.0201})
    assert "the next" not in text


def test_the_highest_correlation_is_named_where_it_is_of_another():
    [(_, text)] = nearest({"a": 0.02, "b": 0.03}, r={"a": 0.6, "b": 0.7})
    assert text.startswith("a, with") and "b has the highest correlation, 0.69" in text


def test_one_estimator_is_not_ranked():
    [(heading, text)] = nearest({"only": 0.02})
    assert heading == "Distance from the truth" and "only, the only estimator" in text
    assert "next" not in text and "±" in text


def test_one_field_establishes_nothing():
    [(_, text)] = nearest({"a": 0.02, "b": 0.03}, n=1)
    assert "on one field" in text and "One field gives no errors" in text and "±" not in text
    [(_, text)] = nearest({"a": 0.02}, n=1)
    assert "±" not in text and "nan" not in text


def slopes(**values):
    return QTable([{"estimator": name, "slope": slope, "slope_err": error}
                   for name, (slope, error) in values.items()])


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"a": (0.99, 0.02)}, ["is 1 within twice its error for a (0.99 ± 0.02)."]),
        ({"a": (0.99, 0.02), "b": (0.5, 0.02)},
         ["for a (0.99 ± 0.02); it is not for b (0.50 ± 0.02).", "below 1, high values"]),
        ({"a": (1.4, 0.02), "b": (1.2, 0.02)},
         ["is not 1 within twice its error for b (1.20 ± 0.02) and a (1.40 ± 0.02)."]),
        ({"a": (1.4, np.nan)}, ["Slopes on one field, without errors: a (1.40)."]),
    ],
)
def test_calibration(values, parts):
    [(heading, text)] = calibrated_maps(slopes(**values))
    assert heading == "Calibration"
    for part in parts:
        assert part in text
    assert ("below 1" in text) == any("below 1" in part for part in parts)


def test_constant_maps_have_no_slope():
    assert calibrated_maps(slopes(a=(np.nan, np.nan))) == []


def test_coverage_is_that_of_the_most_fields():
    rows = {"summary": [("a", 0.68, 0.002), ("b", np.nan, np.nan)],
            "more": [("a", 0.6, 0.01), ("b x 8", 0.7, 0.01)]}
    tables = {
        table: QTable(rows=values, names=("estimator", "coverage_68", "coverage_68_err"))
        for table, values in rows.items()
    }
    [(_, text)] = covered_truth(tables)
    assert "68.0 ± 0.2 per cent for a" in text and "70.0 ± 1.0 per cent for b x 8" in text
    assert "for b." not in text and "60.0" not in text
    assert covered_truth({"summary": tables["summary"][1:]}) == []


def rates(n, **values):
    return QTable([{"estimator": name, "n": n, "corrected": rate, "corrected_err": 0.02}
                   for name, rate in values.items()])


@pytest.mark.parametrize(
    ("error", "begins", "contains"),
    [
        (0.01, "b finds 60 ± 2 per cent of the 90 halos", "a, the next, finds 50 ± 2 per cent."),
        (0.10, "b and a find 60 ± 2 and 50 ± 2 per cent", "agree within twice the error"),
        (np.nan, "b finds 60 ± 2 per cent", "One field gives no errors"),
    ],
)
def test_most_clusters(error, begins, contains):
    table = rates(90, a=0.5, b=0.6)
    [(heading, text)] = most_complete(table, table, lambda one, other: (-0.1, error), "halos")
    assert heading == "Most clusters" and text.startswith(begins) and contains in text


def test_clusters_without_a_competition():
    table = rates(90, a=0.5)
    [(heading, text)] = most_complete(table, table, None, "halos")
    assert heading == "Clusters" and text.startswith("a finds 50 ± 2 per cent")
    empty = rates(0, a=np.nan, b=np.nan)
    [(_, text)] = most_complete(empty, empty, None, "halos")
    assert text == "The fields have too few halos of at least 1e14 solar masses for a rate."


def test_false_peaks():
    null = QTable([{"estimator": "a", "n_fields": 3, "peaks_k05": 0.0, "peaks_k05_err": 0.0},
                   {"estimator": "b", "n_fields": 3, "peaks_k05": 1.2, "peaks_k05_err": 0.3}])
    [(_, text)] = false_peaks(null)
    assert text.startswith("In 3 null fields")
    assert text.endswith("is 0 for a and 1.20 ± 0.30 for b.")


def test_enumerations():
    assert [join_names(names) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
