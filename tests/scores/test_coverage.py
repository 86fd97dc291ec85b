# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Coverage of error bars of a known length."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.scores import coverage, coverage_in_bins, distance_to_mask, pool_coverage

SHAPE = (300, 300)


def _calibrated(seed, sigma=0.05):
    """Return a truth that scatters about its prediction, by more to the right, and the scatter."""
    rng = np.random.default_rng(seed)
    prediction = sigma * rng.standard_normal(SHAPE)
    error = np.broadcast_to(np.linspace(0.01, 0.05, SHAPE[1]), SHAPE)
    return prediction + error * rng.standard_normal(SHAPE), prediction, error


def test_gaussian_errors():
    truth, prediction, error = _calibrated(1)
    assert coverage(truth, prediction, error) == pytest.approx(0.683, abs=0.006)
    assert coverage(truth, prediction, 2 * error) == pytest.approx(0.954, abs=0.003)
    assert coverage(truth, prediction, 1.0) == 1
    assert coverage(truth, truth, 0.0) == 1
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 150:] = True
    noisy = np.where(mask, np.nan, prediction)
    assert coverage(truth, noisy, error, mask) == pytest.approx(0.683, abs=0.008)
    assert coverage(truth, prediction, 0.03, mask) > 0.8 > coverage(truth, prediction, 0.03)


def test_bins_show_where_errors_are_wrong():
    truth, prediction, error = _calibrated(2)
    table = coverage_in_bins(truth, prediction, error)
    assert table.colnames == ["bin_low", "bin_high", "n", "coverage", "half_width", "bias", "rms"]
    assert table["bin_low"][-1] == 0.1 and table["bin_high"][-1] == np.inf
    assert table["n"].sum() == truth.size
    assert np.all(np.abs(table["coverage"] - 0.683) < 4 * 0.47 / np.sqrt(table["n"]))
    # one error for all is right on average only
    column = np.broadcast_to(np.arange(SHAPE[1]), SHAPE)
    table = coverage_in_bins(
        truth, prediction, np.full(SHAPE, 0.031), by=column, bins=[0, 100, 200, 299, 400]
    )
    assert np.all(np.diff(table["coverage"][:3]) < -0.1)
    assert list(table["n"]) == [30_000, 30_000, 29_700, 300]
    np.testing.assert_allclose(table["rms"][:3], [0.017, 0.030, 0.043], rtol=0.05)
    np.testing.assert_allclose(table["bias"], 0, atol=0.01)


def test_bins_with_a_unit_and_a_mask():
    truth, prediction, error = _calibrated(3)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[100:120, 100:120] = True
    distance = distance_to_mask(mask, 0.4 * u.arcmin)
    table = coverage_in_bins(
        truth, np.where(mask, np.nan, prediction), error, mask,
        by=distance, bins=[0, 60, 600, np.inf] * u.arcsec,
    )
    assert table["bin_low"].unit == u.arcsec
    assert table["n"].sum() == truth.size - 400
    # up to 2.5 pixels: the outermost two rows, and two around the hole with three at each corner
    frame = truth.size - 296**2
    assert table["n"][0] == frame + 4 * 20 * 2 + 4 * 3
    assert coverage_in_bins(
        truth, prediction, error, by=np.full(SHAPE, np.inf), bins=[0, np.inf]
    )["n"][0] == truth.size


def test_tables_of_fields_are_put_together():
    tables = [coverage_in_bins(*_calibrated(seed)) for seed in range(4, 12)]
    pooled = pool_coverage(tables)
    n = np.array([table["n"] for table in tables])
    values = np.array([table["coverage"] for table in tables])
    np.testing.assert_array_equal(pooled["n"], n.sum(axis=0))
    np.testing.assert_allclose(pooled["coverage"], (n * values).sum(axis=0) / n.sum(axis=0))
    # these pixels are independent: the scatter of fields is binomial
    expected = np.sqrt(0.683 * 0.317 / n.sum(axis=0))
    np.testing.assert_allclose(pooled["coverage_err"], expected, rtol=0.75)
    squares = np.array([table["rms"] for table in tables]) ** 2
    np.testing.assert_allclose(
        pooled["rms"], np.sqrt((n * squares).sum(axis=0) / n.sum(axis=0))
    )
    assert "coverage_err" not in tables[0].colnames


def test_empty_bins_are_not_numbers():
    truth, prediction, error = _calibrated(12, sigma=0.01)
    table = coverage_in_bins(truth, prediction, error)
    assert table["n"][-1] == 0 and np.isnan(table["coverage"][-1])
    pooled = pool_coverage([table, table])
    assert np.isnan(pooled["coverage"][-1]) and np.isnan(pooled["coverage_err"][-1])
    assert np.isfinite(pooled["coverage"][2])
    # a bin that one field fills has a mean, but no error
    pooled = pool_coverage([table, coverage_in_bins(*_calibrated(13))])
    assert np.isfinite(pooled["coverage"][-1]) and np.isnan(pooled["coverage_err"][-1])


def test_distances():
    mask = np.zeros((9, 12), dtype=bool)
    mask[4, 4] = True
    distance = distance_to_mask(mask, 30 * u.arcsec)
    assert distance.unit == u.arcmin and distance[4, 4] == 0
    assert distance[4, 6] == 1 * u.arcmin
    assert distance[0, 4] == 0.5 * u.arcmin  # what is outside is masked as well
    alone = distance_to_mask(mask, "0.5 arcmin", edges=False)
    assert alone[0, 4] == 2 * u.arcmin
    assert alone[7, 8].value == pytest.approx(2.5)
    nothing = distance_to_mask(np.zeros((3, 3), dtype=bool), "1 arcmin", edges=False)
    assert np.isinf(nothing).all()


def test_bad_input_says_what_is_wrong():
    truth, prediction, error = _calibrated(14)
    with pytest.raises(ValueError, match="half_width must be non-negative .*, not as low as -0.05"):
        coverage(truth, prediction, -error)
    with pytest.raises(ValueError, match="half_width must have the shape of truth"):
        coverage(truth, prediction, error[:5])
    with pytest.raises(ValueError, match="every pixel is masked"):
        coverage(truth, prediction, error, np.ones(SHAPE, dtype=bool))
    with pytest.raises(ValueError, match="bins must be given if by is given"):
        coverage_in_bins(truth, prediction, error, by=truth)
    with pytest.raises(ValueError, match="at least two edges in strictly increasing order"):
        coverage_in_bins(truth, prediction, error, bins=[0, 0])
    with pytest.raises(TypeError, match="bins must be a Quantity if by is one"):
        coverage_in_bins(truth, prediction, error, by=truth * u.arcmin, bins=[0, 1])
    with pytest.raises(ValueError, match="can be converted to that of by, arcmin, not kg"):
        coverage_in_bins(truth, prediction, error, by=truth * u.arcmin, bins=[0, 1] * u.kg)
    with pytest.raises(ValueError, match=r"by must have the shape of truth, .*, not \(5, 300\)"):
        coverage_in_bins(truth, prediction, error, by=truth[:5], bins=[0, 1])
    with pytest.raises(ValueError, match="by must be a number in every unmasked pixel, not NaN in"):
        coverage_in_bins(truth, prediction, error, by=np.full(SHAPE, np.nan), bins=[0, 1])
    with pytest.raises(ValueError, match="at least one table"):
        pool_coverage([])
    tables = [
        coverage_in_bins(truth, prediction, error, bins=edges) for edges in ([0, 1], [0, 2])
    ]
    with pytest.raises(ValueError, match="the same bins"):
        pool_coverage(tables)
    with pytest.raises(TypeError, match="mask must be a boolean array"):
        distance_to_mask(truth, 1 * u.arcmin)
    with pytest.raises(ValueError, match="mask must be two-dimensional"):
        distance_to_mask(np.zeros(5, dtype=bool), 1 * u.arcmin)
    with pytest.raises(TypeError, match="pixel_scale must be an angle"):
        distance_to_mask(np.zeros(SHAPE, dtype=bool), 0.4)
