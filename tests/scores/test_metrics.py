# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The metrics, on maps of which the answer is known."""

import numpy as np
import pytest

from lensmap.scores import (
    mean_ratio,
    ordinary_slope,
    pearson_r,
    rmse,
    score_map,
    tls_slope,
    tls_slope_of_r,
    weighted_loss,
)

METRICS = (pearson_r, rmse, weighted_loss, ordinary_slope, mean_ratio, tls_slope, score_map)
SHAPE = (400, 400)


def _posterior_mean(r, seed=1, scale=0.03):
    """Return a Gaussian truth, and the mean of what it may be, given a noisy measurement of it."""
    rng = np.random.default_rng(seed)
    truth = scale * rng.standard_normal(SHAPE)
    noise = scale * np.sqrt(1 / r**2 - 1) * rng.standard_normal(SHAPE)
    return truth, r**2 * (truth + noise)


# --- known answers --------------------------------------------------------------------------


def test_noise_of_a_known_variance():
    rng = np.random.default_rng(2)
    truth = rng.standard_normal(SHAPE)
    prediction = truth + 0.5 * rng.standard_normal(SHAPE) + 7  # a mass sheet costs nothing here
    assert rmse(truth, prediction) == pytest.approx(0.5, rel=0.01)
    assert pearson_r(truth, prediction) == pytest.approx(1 / np.sqrt(1.25), abs=0.003)
    assert pearson_r(truth, prediction) == pytest.approx(
        np.corrcoef(truth.ravel(), prediction.ravel())[0, 1], rel=1e-12
    )
    assert ordinary_slope(truth, prediction) == pytest.approx(1 / 1.25, abs=0.005)
    # noise in one of two variables tilts the long axis by as much
    assert tls_slope(truth, prediction) == pytest.approx(
        np.tan(np.arctan2(2, 1 - 1.25) / 2), abs=0.01
    )


@pytest.mark.parametrize("r", [0.45, 0.69, 0.9])
def test_a_posterior_mean_is_calibrated(r):
    truth, prediction = _posterior_mean(r)
    assert pearson_r(truth, prediction) == pytest.approx(r, abs=0.005)
    assert ordinary_slope(truth, prediction) == pytest.approx(1, abs=0.015)
    assert tls_slope(truth, prediction) == pytest.approx(tls_slope_of_r(r), abs=0.015)
    # also where it is high: pixels are chosen by what is predicted
    above = 1.5 * prediction.std()
    assert mean_ratio(truth, prediction, above=above) == pytest.approx(1, abs=0.03)
    assert ordinary_slope(truth, prediction, above=above) == pytest.approx(1, abs=0.15)
    # a factor moves the slope of total least squares at will, and that of the regression shows it
    assert tls_slope(truth, 1.5 * prediction) > 1.2 * tls_slope(truth, prediction)
    assert ordinary_slope(truth, 1.5 * prediction) == pytest.approx(1 / 1.5, abs=0.015)
    assert mean_ratio(truth, 1.5 * prediction, above=above) < 0.75


def test_the_slope_that_a_correlation_implies():
    r = np.array([0.0, 0.69, 0.75, 0.8, 1.0])
    np.testing.assert_allclose(tls_slope_of_r(r), [0, 0.59, 0.68, 0.76, 1], atol=0.006)
    assert isinstance(tls_slope_of_r(0.5), float)
    assert np.isnan(tls_slope_of_r([-0.1, np.nan])).all()
    with pytest.raises(ValueError, match="r must be a correlation .* from -1 to 1, not 1.1"):
        tls_slope_of_r(1.1)


def test_total_least_squares_is_the_main_axis():
    rng = np.random.default_rng(3)
    truth = rng.standard_normal(SHAPE)
    prediction = 0.6 * truth + 0.4 * rng.standard_normal(SHAPE)
    pixels = np.stack([truth.ravel(), prediction.ravel()])
    axis = np.linalg.eigh(np.cov(pixels))[1][:, 1]
    assert tls_slope(truth, prediction) == pytest.approx(axis[1] / axis[0], rel=1e-9)
    # of an orthogonal regression, either variable may be the first
    assert tls_slope(prediction, truth) == pytest.approx(axis[0] / axis[1], rel=1e-9)


def test_the_loss_by_hand():
    truth, prediction = np.array([[0.2, -0.1]]), np.array([[0.1, 0.1]])
    # weights 2 and 1.5, errors of .1 and .2
    expected = (2**6 * 0.01 + 1.5**6 * 0.04) / 2 * 512**2
    assert weighted_loss(truth, prediction) == pytest.approx(expected, rel=1e-12)
    assert weighted_loss(truth, prediction, exponent=1) == pytest.approx(
        (2 * 0.01 + 1.5 * 0.04) / 2 * 512**2, rel=1e-12
    )
    # a sum over 512 x 512 pixels, whatever the size of the map
    tiled = [np.tile(plane, (8, 8)) for plane in (truth, prediction)]
    assert weighted_loss(*tiled) == pytest.approx(expected, rel=1e-12)
    full = np.tile(truth, (512, 256)), np.tile(prediction, (512, 256))
    by_hand = ((1 + np.abs(full[0]) / 0.2) ** 6 * (full[1] - full[0]) ** 2).sum()
    assert weighted_loss(*full) == pytest.approx(by_hand, rel=1e-9)


def test_a_level_that_is_wrong_shows_in_the_ratio_only():
    truth, prediction = _posterior_mean(0.8)
    above = 2 * prediction.std()
    high = prediction > above
    shifted = np.where(high, prediction + above, prediction)
    before, after = (ordinary_slope(truth, p, above=above) for p in (prediction, shifted))
    assert after == pytest.approx(before, rel=1e-9)
    assert mean_ratio(truth, shifted, above=above) < 0.75


# --- masks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_masked_pixels_have_no_influence(metric):
    rng = np.random.default_rng(4)
    truth = 0.1 + 0.1 * rng.standard_normal((20, 30))
    prediction = truth + 0.1 * rng.standard_normal(truth.shape)
    mask = np.zeros(truth.shape, dtype=bool)
    mask[:, 20:] = True
    expected = metric(truth[:, :20], prediction[:, :20])
    prediction[mask], truth[mask] = np.nan, 50.0
    _equal(metric(truth, prediction, mask), expected)
    masked = np.ma.MaskedArray(prediction, mask)
    _equal(metric(truth, masked), expected)


def _equal(one, other):
    as_dict = one if isinstance(one, dict) else {"value": one}
    expected = other if isinstance(other, dict) else {"value": other}
    assert as_dict.keys() == expected.keys()
    for name, value in as_dict.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-12, err_msg=name)


# --- all at once ----------------------------------------------------------------------------


def test_all_scores_are_those_of_the_functions():
    truth, prediction = _posterior_mean(0.7, scale=0.1)
    error = 0.1 * np.sqrt(1 - 0.7**2)
    scores = score_map(truth, prediction, half_widths=np.full(SHAPE, error))
    assert scores["n_pixels"] == truth.size
    for name, function in (
        ("pearson_r", pearson_r), ("rmse", rmse), ("loss", weighted_loss),
        ("slope", ordinary_slope), ("tls_slope", tls_slope),
    ):
        assert scores[name] == pytest.approx(function(truth, prediction), rel=1e-12)
    assert scores["loss_h21"] == pytest.approx(weighted_loss(truth, prediction, exponent=1))
    assert scores["tls_slope_of_r"] == tls_slope_of_r(scores["pearson_r"])
    assert scores["bias"] == pytest.approx(np.mean(prediction - truth), abs=1e-15)
    assert scores["coverage_68"] == pytest.approx(0.683, abs=0.005)
    assert scores["coverage_95"] == pytest.approx(0.950, abs=0.003)
    high = prediction > 0.1
    assert scores["n_above"] == high.sum()
    assert scores["sum_t_above"] / scores["sum_p_above"] == pytest.approx(
        mean_ratio(truth, prediction)
    )
    assert scores["covered_above"] / high.sum() == pytest.approx(0.683, abs=0.02)


def test_errors_of_either_kind_or_none():
    truth, prediction = _posterior_mean(0.7)
    scores = score_map(truth, prediction)
    assert np.isnan([scores[k] for k in ("coverage_68", "coverage_95", "covered_above")]).all()
    scores = score_map(truth, prediction, half_widths={95: np.full(SHAPE, 1.0)})
    assert scores["coverage_95"] == 1 and np.isnan(scores["coverage_68"])
    with pytest.raises(ValueError, match=r"only the keys 68 and 95 \(per cent\), not \[90\]"):
        score_map(truth, prediction, half_widths={90: prediction})
    with pytest.raises(ValueError, match="half_width must be non-negative"):
        score_map(truth, prediction, half_widths=np.full(SHAPE, -1.0))


def test_nothing_to_correlate_is_not_a_number():
    flat, noise = np.full((8, 8), 0.3), np.random.default_rng(5).standard_normal((8, 8))
    assert np.isnan(pearson_r(flat, noise)) and np.isnan(pearson_r(noise, flat))
    assert np.isnan(ordinary_slope(noise, flat))
    assert np.isnan(tls_slope(flat, flat))
    assert tls_slope(noise, flat) == 0 and tls_slope(flat, noise) == np.inf
    assert np.isnan(mean_ratio(flat, noise, above=100.0))
    assert np.isnan(ordinary_slope(flat, noise, above=100.0))
    scores = score_map(0 * flat, noise)
    assert np.isnan(scores["pearson_r"]) and np.isnan(scores["tls_slope_of_r"])
    # without a truth there is no weight
    assert scores["loss"] == pytest.approx(np.mean(noise**2) * 512**2)


# --- what cannot be scored ------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_bad_input_says_what_is_wrong(metric):
    good = np.random.default_rng(6).standard_normal((6, 8))
    with pytest.raises(ValueError, match=r"must have the shape of truth, \(6, 8.*, not \(6, 7\)"):
        metric(good, good[:, :7])
    with pytest.raises(ValueError, match="every pixel is masked"):
        metric(good, good, np.ones(good.shape, dtype=bool))
    with pytest.raises(ValueError, match=r"mask must have the shape of the maps, .* not \(8, 6\)"):
        metric(good, good, np.zeros((8, 6), dtype=bool))
    with pytest.raises(TypeError, match="mask must be a boolean array, .* not an array of float64"):
        metric(good, good, np.zeros(good.shape))
    bad = good.copy()
    bad[2, 3] = np.nan
    with pytest.raises(ValueError, match="prediction must be finite .* infinite in 1 of 48"):
        metric(good, bad)
    with pytest.raises(TypeError, match="truth must be an array of numbers .* not str"):
        metric("x", good)
    with pytest.raises(ValueError, match=r"truth must be a two-dim.* not an array of the shape"):
        metric(good[0], good[0])


def test_bad_options_say_what_is_wrong():
    good = np.random.default_rng(7).standard_normal((6, 8))
    with pytest.raises(TypeError, match="exponent must be a number"):
        weighted_loss(good, good, exponent="6")
    with pytest.raises(ValueError, match="truth must be positive in at least one unmasked pixel"):
        weighted_loss(-np.abs(good), good)
    with pytest.raises(ValueError, match="above must be finite"):
        mean_ratio(good, good, above=np.nan)
