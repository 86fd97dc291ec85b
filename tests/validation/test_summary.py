# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""From single fields to a row for each method."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, vstack

from lensmap.scores import mean_and_error, null_scores, score_map
from lensmap.validation import summarize_scores


def _fields(n, gain=1.0, scale=0.08):
    """Return scores of fields with a calibrated prediction, multiplied by a number."""
    scores = []
    for seed in range(n):
        rng = np.random.default_rng((1, seed))
        prediction = scale * rng.standard_normal((60, 60))
        truth = prediction + scale * rng.standard_normal(prediction.shape)
        scores.append(
            score_map(truth, gain * prediction, half_widths=np.full(prediction.shape, scale))
        )
    return scores


def test_means_and_pooled_numbers():
    scores = _fields(12)
    summary = summarize_scores(scores)
    assert len(summary) == 1 and summary["n_fields"][0] == 12
    for name in ("pearson_r", "rmse", "loss", "coverage_95"):
        mean, error = mean_and_error([score[name] for score in scores])
        assert summary[name][0] == mean and summary[f"{name}_err"][0] == error
    row = summary[0]
    assert row["n_above"] == sum(score["n_above"] for score in scores)
    for name, expected in (("ratio", 1), ("slope", 1), ("coverage_68", 0.683)):
        error = row[f"{name}_above_err"]
        assert 0 < error < 0.1 and abs(row[f"{name}_above"] - expected) < 4 * error
    # the level is known better than the slope among the high ones
    assert row["ratio_above_err"] < 0.5 * row["slope_above_err"]
    assert summarize_scores(_fields(12, gain=1.3))["ratio_above"][0] < 0.85
    assert "sum_t_above" not in summary.colnames


def test_a_row_for_each_estimator_in_their_order():
    parts = []
    for name, gain in (("one", 1.0), ("another", 1.3)):
        part = QTable(_fields(3, gain))
        part["estimator"], part["field"] = name, np.arange(3)
        part["seconds"] = [3.0, 1.0, 2.0] * u.s
        parts.append(part)
    table = vstack(parts)
    table.meta["seed"] = 5
    summary = summarize_scores(table)
    assert list(summary["estimator"]) == ["one", "another"] and summary.meta == {"seed": 5}
    assert summary["slope"][0] > 1.2 * summary["slope"][1]
    np.testing.assert_array_equal(summary["seconds"], [2, 2] * u.s)
    assert "field" not in summary.colnames and "seconds_err" not in summary.colnames


def test_nothing_high_is_not_a_number():
    row = summarize_scores(_fields(3, scale=0.001))[0]
    assert row["n_above"] == 0
    assert np.isnan([row["ratio_above"], row["slope_above"], row["coverage_68_above"]]).all()


def test_null_fields():
    rng = np.random.default_rng(2)
    maps = [0.01 * rng.standard_normal((64, 64)) for _ in range(5)]
    summary = summarize_scores([null_scores(kappa, pixel_scale=1 * u.arcmin) for kappa in maps])
    assert summary["kappa_min"][0] == np.min(maps) and summary["kappa_max"][0] == np.max(maps)
    assert summary["peaks_3"].unit == summary["peaks_3_err"].unit == u.deg**-2
    assert abs(summary["mean"][0]) < 4 * summary["mean_err"][0]
    assert "kappa_min_err" not in summary.colnames


def test_what_cannot_be_summarized():
    with pytest.raises(ValueError, match="at least one row"):
        summarize_scores([])
    with pytest.raises(TypeError, match="a table returned by compare, or a sequence of dicts"):
        summarize_scores([1.0, 2.0])
