# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Residuals by distance and on the field."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.scores import distance_to_mask
from lensmap.validation.measures import Records
from lensmap.validation.measures._residuals import measure_residuals, pool_residuals, residual_map

SCALE = 0.5 * u.arcmin


@pytest.fixture(scope="module")
def records():
    rng = np.random.default_rng(1)
    mask = np.zeros((64, 72), dtype=bool)
    mask[:, :8] = True
    distance = distance_to_mask(mask, SCALE)
    found = []
    for _ in range(20):
        truth = rng.normal(0, 0.1, mask.shape)
        noisy = truth + rng.normal(0, 0.05, mask.shape)
        biased = truth + np.where(distance < 2 * u.arcmin, 0.02, 0.0)
        found.append(measure_residuals(truth, {"noisy": noisy, "biased": biased}, mask, distance))
    return Records({"fields": found})


def test_the_error_of_noise(records):
    table = pool_residuals(records.each("fields", "noisy", "sums"))
    assert table["n"].sum() == 20 * 64 * 64
    assert np.all(np.abs(table["bias"]) < 4 * table["bias_err"])
    np.testing.assert_allclose(table["rms"], 0.05, rtol=0.05)
    np.testing.assert_allclose(table["relative"], 0.5, rtol=0.06)
    assert np.all(np.abs(table["rms"] - 0.05) < 4 * table["rms_err"])


def test_a_bias_at_the_edge(records):
    table = pool_residuals(records.each("fields", "biased", "sums"))
    near = table["bin_high"] <= 2 * u.arcmin
    np.testing.assert_allclose(table["bias"][near], 0.02)
    np.testing.assert_allclose(table["bias"][~near], 0, atol=1e-12)


def test_the_mean_on_the_field(records):
    mean, error = residual_map(records.each("fields", "biased", "blocks"))
    assert mean.shape == (8, 9) and np.isnan(mean[:, 0]).all()
    np.testing.assert_allclose(mean[3:5, 4:6], 0, atol=1e-8)
    assert np.all(mean[:, 1] > 0.007) and np.all(mean[0, 1:] > 0.001)
    mean, error = residual_map(records.each("fields", "noisy", "blocks"))
    inner = np.s_[:, 1:]
    assert np.mean(np.abs(mean[inner]) > 2 * error[inner]) < 0.2
    assert np.mean(error[inner]) == pytest.approx(0.05 / 8 / np.sqrt(20), rel=0.2)
