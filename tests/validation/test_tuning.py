# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Linear methods at their best."""

import numpy as np
import pytest
from astropy import units as u

from lensmap import KaiserSquires, WienerFilter
from lensmap.cosmology import convergence_power
from lensmap.simulate import HaloModelField
from lensmap.validation import ValidationSetup, tune_linear
from lensmap.validation._tuning import measured_power

SKY = HaloModelField(z_source=1.0, shape=(64, 64), pixel_scale=0.8 * u.arcmin)
SETUP = ValidationSetup(sky=SKY)


@pytest.fixture(scope="module")
def tuned():
    return tune_linear(SETUP, 2, smoothings=[0.5, 1.0, 1.5] * u.arcmin, workers=1)


def test_the_best_of_what_was_tried(tuned):
    kaiser_squires, wiener, scores = tuned
    assert isinstance(kaiser_squires, KaiserSquires) and isinstance(wiener, WienerFilter)
    linear = scores[scores["method"] == "Kaiser-Squires"]
    best = linear[np.argmin(linear["rmse"])]
    assert kaiser_squires.smoothing == best["smoothing"]
    # the widest was the best: wider ones were tried, until one was too wide
    assert linear["smoothing"].max() > 1.5 * u.arcmin
    assert best["smoothing"] < linear["smoothing"].max()
    wieners = scores[np.isnan(scores["smoothing"])]
    assert len(wieners) == 2 and wieners["rmse"].max() < linear["rmse"].min()
    assert np.all((scores["pearson_r"] > 0.2) & (scores["pearson_r"] < 0.9))


def test_the_prior_of_the_filter_has_no_pixel_window():
    """With the window in it, power would be down to a half at 8000."""
    setup = SETUP.prepare()
    ell, power = measured_power((setup.draw(seed) for seed in range(20)), setup)
    theory = convergence_power(ell, 1.0)
    for low, high in ((2000, 5000), (5000, 9000)):
        there = (ell > low) & (ell < high)
        assert np.mean(power[there] / theory[there]) == pytest.approx(1, abs=0.15)


def test_the_theory_of_a_simulation_without_small_scales():
    coarse = SETUP.replace(sky=SKY.replace(resolution=_blur))
    scores = tune_linear(coarse, 2, smoothings=[2.0] * u.arcmin, workers=1).scores
    wieners = scores[np.isnan(scores["smoothing"])]
    # both know that nothing is left to be found there
    assert wieners["rmse"][0] == pytest.approx(wieners["rmse"][1], rel=0.05)
    assert np.all(wieners["rmse"] < scores["rmse"][0])


def _blur(ell):
    """A resolution that leaves nothing of small scales; importable, so that it can be sent."""
    return np.exp(-((ell / 1000) ** 2))


def test_the_same_for_a_seed(tuned):
    # of skies without lensing, the tuning is that with lensing
    again = tune_linear(
        SETUP.replace(null=True), 2, smoothings=[1.5, 0.5, 1.0] * u.arcmin, workers=1
    )
    assert repr(again.wiener) == repr(tuned.wiener)
    np.testing.assert_array_equal(again.scores["rmse"], tuned.scores["rmse"])


def test_bad_arguments_say_what_is_wrong():
    with pytest.raises(TypeError, match="setup must be a ValidationSetup, not str"):
        tune_linear("cha2025")
    with pytest.raises(ValueError, match="n_fields must be at least 1"):
        tune_linear(SETUP, 0)
    with pytest.raises(ValueError, match="a one-dimensional array of positive angles"):
        tune_linear(SETUP, 1, smoothings=[-1, 1] * u.arcmin)
