# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Correlations and spectra of maps beside pairs counted one by one."""

import numpy as np
import pytest
from astropy import units as u
from scipy.ndimage import gaussian_filter

from lensmap.validation.measures import Records
from lensmap.validation.measures._scales import (
    autocorrelation,
    measure_scales,
    relation_by_scale,
)

PIXEL = 0.5 * u.arcmin


@pytest.fixture
def truth():
    return gaussian_filter(np.random.default_rng(1).normal(size=(24, 30)), 1.5)


def test_autocorrelation_is_that_of_all_pairs(truth):
    mask = np.zeros(truth.shape, dtype=bool)
    mask[3:9, 10:20] = True
    record = measure_scales(mask, PIXEL, truth, {})
    y, x = np.nonzero(~mask)
    values = truth[y, x] - truth[y, x].mean()
    distance = np.hypot(y[:, None] - y, x[:, None] - x)
    products = values[:, None] * values
    edges = [0.5, 1.5, 2.5, 3.5, 5, 7, 10]
    table = autocorrelation(Records({"fields": [record]}), "truth")
    assert len(table) == len(edges) - 1
    for row, low, high in zip(table, edges, edges[1:], strict=False):
        pairs = (distance >= low) & (distance < high)
        assert row["xi"] == pytest.approx(products[pairs].mean(), abs=1e-12)
        assert low < (row["theta"] / PIXEL).to_value(u.one) < high


def test_a_map_beside_itself(truth):
    mask = np.zeros(truth.shape, dtype=bool)
    rng = np.random.default_rng(2)
    records = []
    for _ in range(12):
        sky = gaussian_filter(rng.normal(size=truth.shape), 1.5)
        maps = {"same": sky, "half": -0.5 * sky, "noise": rng.normal(size=sky.shape)}
        records.append(measure_scales(mask, PIXEL, sky, maps))
    records = Records({"fields": records})
    same, half, noise = (relation_by_scale(records, name) for name in maps)
    np.testing.assert_allclose(same["correlation"], 1)
    np.testing.assert_allclose(same["power_ratio"], 1)
    np.testing.assert_allclose(half["correlation"], -1)
    np.testing.assert_allclose(half["power_ratio"], 0.25)
    assert np.all(np.abs(noise["correlation"]) < 5 * noise["correlation_err"] + 0.02)
    assert np.all(np.diff(same["ell"]) > 0)
    xi = autocorrelation(records, "truth")
    np.testing.assert_allclose(autocorrelation(records, "half")["xi"], 0.25 * xi["xi"])
    assert np.all((xi["xi_low"] < xi["xi"]) & (xi["xi"] < xi["xi_high"]))


def test_one_field_has_no_error(truth):
    mask = np.zeros(truth.shape, dtype=bool)
    record = measure_scales(mask, PIXEL, truth, {"map": truth})
    table = relation_by_scale(Records({"fields": [record]}), "map")
    assert np.isnan(table["correlation_err"]).all()
