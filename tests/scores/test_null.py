# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is counted on maps of nothing."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.scores import null_scores


def test_numbers_of_a_known_map():
    kappa = np.zeros((60, 60))
    kappa[10, 10], kappa[30, 30], kappa[30, 31], kappa[50, 50] = 0.3, 0.06, 0.06, -0.2
    kappa[20, 45] = 0.03
    scores = null_scores(kappa, pixel_scale=1 * u.arcmin)
    assert scores["n_pixels"] == 3600
    assert scores["kappa_min"] == -0.2 and scores["kappa_max"] == 0.3
    assert scores["mean"] == pytest.approx(0.25 / 3600)
    assert scores["rms"] == pytest.approx(kappa.std())
    assert scores["skewness"] > 10
    # of 1 deg2; two pixels that are as high as each other are no peak
    assert scores["peaks_k02"] == 2 / u.deg**2
    assert scores["peaks_k10"] == 1 / u.deg**2
    assert scores["peaks_5"].to_value(1 / u.deg**2) == pytest.approx(1)
    mask = np.zeros(kappa.shape, dtype=bool)
    mask[:, :30] = True
    half = null_scores(np.where(mask, np.nan, kappa), mask, pixel_scale="1 arcmin")
    assert half["n_pixels"] == 1800 and half["kappa_max"] == 0.06
    assert half["peaks_k02"].to_value(u.deg**-2) == pytest.approx(1 / 0.5)


def test_white_noise():
    noise = 0.01 * np.random.default_rng(1).standard_normal((512, 512))
    scores = null_scores(noise, pixel_scale=0.41 * u.arcmin)
    area = (512 * 0.41 / 60) ** 2
    expected = 512**2 * 1.35e-3 / area  # at 3 sigma nearly all are higher than their neighbors
    assert scores["peaks_3"].value == pytest.approx(expected, rel=0.12)
    assert scores["peaks_3"] > 10 * scores["peaks_4"]
    assert scores["kappa_high"] == pytest.approx(0.0309, rel=0.03)
    assert scores["skewness"] == pytest.approx(0, abs=0.02)


def test_a_map_of_zeros():
    scores = null_scores(np.zeros((8, 8)), pixel_scale=1 * u.arcmin)
    assert scores["rms"] == 0 and np.isnan(scores["skewness"])
    assert scores["peaks_3"] == 0 / u.deg**2


def test_bad_input_says_what_is_wrong():
    with pytest.raises(ValueError, match="every pixel is masked"):
        null_scores(np.zeros((4, 4)), np.ones((4, 4), dtype=bool), pixel_scale=1 * u.arcmin)
    with pytest.raises(TypeError, match="pixel_scale must be an angle"):
        null_scores(np.zeros((4, 4)), pixel_scale=0.4)
