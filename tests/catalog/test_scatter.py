# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The variance as a function of the weight, against noise that is drawn with a known one."""

import numpy as np
import pytest

from lensmap import ShearCatalog
from lensmap.catalog import Calibration

N = 20_000


def catalog_of(sigma, weight, rng, **columns):
    n = len(sigma)
    table = {"ra": np.full(n, 10.0), "dec": np.zeros(n), "weight": weight}
    table |= {"e1": sigma * rng.normal(size=n), "e2": sigma * rng.normal(size=n)}
    return ShearCatalog(table | columns, "generic", "celestial", "shear", max_ellipticity=np.inf)


def step(rng):
    weight = rng.uniform(0.1, 1, N)
    return np.where(weight < 0.55, 0.4, 0.2), weight


def saturated(rng):
    """Return weights that fall below the inverse variance for large errors."""
    error = np.minimum(0.12 * rng.lognormal(0, 0.7, N), 0.5)
    return np.hypot(0.255, error), 1 / (error**2 / (1 - 3 * error**2) + 0.065)


def inverse_variance(rng):
    sigma = 0.1 * 5 ** rng.random(N)
    return sigma, sigma**-2


def two_units(rng):
    """Return inverse variances of two surveys, one of which is in other units."""
    sigma = 0.2 * 2 ** rng.random(N)
    return sigma, np.where(rng.random(N) < 0.5, 1, 100) / sigma**2


def no_relation(rng):
    return np.full(N, 0.3), rng.uniform(0.5, 2, N)


def rising(rng):
    weight = rng.uniform(0.5, 2, N)
    return 0.2 * weight**0.7, weight


LAWS = pytest.mark.parametrize(
    "law", [step, saturated, inverse_variance, two_units, no_relation, rising]
)


@LAWS
def test_every_decile_of_weight(law):
    rng = np.random.default_rng(1)
    sigma, weight = law(rng)
    variance = Calibration.from_catalog(catalog_of(sigma, weight, rng)).variance_by_weight()
    for rows in np.array_split(np.argsort(weight), 10):
        w = weight[rows]
        ratio = np.sqrt(np.sum(w**2 * variance(w)) / np.sum(w**2 * sigma[rows] ** 2))
        assert abs(ratio - 1) < 0.03 + 1 / np.sqrt(len(rows))


@pytest.mark.parametrize("law", [inverse_variance, no_relation])
def test_a_law_that_is_a_sum_of_both_is_smooth(law):
    """The errors of single groups do not enter if the trend explains the scatter."""
    rng = np.random.default_rng(2)
    sigma, weight = law(rng)
    variance = Calibration.from_catalog(catalog_of(sigma, weight, rng)).variance_by_weight()
    ratio = np.sqrt(variance(weight)) / sigma
    assert np.std(ratio) < 0.012  # the error of a node is 0.023
    np.testing.assert_allclose(ratio, 1, atol=0.05)


@pytest.mark.parametrize("n", [5, 59, 100, 400, 1000])
def test_few_galaxies(n):
    rng = np.random.default_rng(3)
    ratios = []
    for _ in range(30):
        sigma = 0.1 * 5 ** rng.random(n)
        calibration = Calibration.from_catalog(catalog_of(sigma, sigma**-2, rng))
        variance = calibration.variance_by_weight()
        if n < 60:
            assert variance is None and calibration.noise_squares()[0] > 0
            return
        ratios.append(np.mean(np.sqrt(variance(sigma**-2)) / sigma))
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)
    assert np.std(ratios) < 1.5 / np.sqrt(n)


@pytest.mark.parametrize("weight", [1.0, 7.3, 1e-25])
def test_constant_weights_say_nothing(weight):
    rng = np.random.default_rng(4)
    catalog = catalog_of(rng.uniform(0.1, 0.5, N), np.full(N, weight, dtype=np.float32), rng)
    calibration = Calibration.from_catalog(catalog)
    assert calibration.variance_by_weight() is None
    expected = np.mean(catalog.e1.astype(float) ** 2 + catalog.e2.astype(float) ** 2) / 2
    np.testing.assert_allclose(calibration.noise_variance(catalog), expected, rtol=1e-5)


def test_two_weights():
    rng = np.random.default_rng(5)
    weight = np.where(np.arange(N) < 300, 5.0, 1.0)
    sigma = np.where(weight > 2, 0.15, 0.4)
    variance = Calibration.from_catalog(catalog_of(sigma, weight, rng)).variance_by_weight()
    assert np.sqrt(variance(1.0)) == pytest.approx(0.4, rel=0.02)
    assert np.sqrt(variance(5.0)) == pytest.approx(0.15, rel=0.1)


@pytest.mark.parametrize("unit", [7.3, 1e-12, 3e15])
@LAWS
def test_the_unit_of_weights_does_not_matter(law, unit):
    sigma, weight = law(np.random.default_rng(6))
    one, other = (
        Calibration.from_catalog(catalog_of(sigma, scale * weight, np.random.default_rng(7)))
        .variance_by_weight()(scale * weight) for scale in (1.0, unit)
    )
    np.testing.assert_allclose(np.average(other / one), 1, atol=1e-3)
    np.testing.assert_allclose(other, one, rtol=0.03 if law is not step else 1)


def test_zero_and_extreme_weights():
    rng = np.random.default_rng(8)
    sigma = 0.1 * 5 ** rng.random(N)
    weight = sigma**-2
    weight[:3] = 0.0, 1e-9, 1e9
    catalog = catalog_of(sigma, weight, rng)
    calibration = Calibration.from_catalog(catalog)
    noise = calibration.noise_variance(catalog)
    assert np.all(np.isfinite(noise)) and np.all(noise > 0)
    np.testing.assert_allclose(np.sqrt(noise[3:]), sigma[3:], rtol=0.1)


def test_the_known_part_of_the_noise_is_left_to_its_column():
    """Weights that depend on the intrinsic dispersion alone, and measurement errors in a column."""
    rng = np.random.default_rng(9)
    intrinsic, sigma_m = 0.15 * 2 ** rng.random(N), rng.uniform(0.1, 0.3, N)
    catalog = catalog_of(np.hypot(intrinsic, sigma_m), intrinsic**-2, rng, sigma_m=sigma_m)
    calibration = Calibration.from_catalog(catalog)
    found = calibration.variance_by_weight()(catalog.weight)
    assert np.mean(np.sqrt(found) / intrinsic) == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(np.sqrt(found), intrinsic, rtol=0.12)
    np.testing.assert_allclose(
        calibration.noise_variance(catalog), found + sigma_m**2, rtol=1e-6
    )
    too_large = catalog_of(intrinsic, intrinsic**-2, rng, sigma_m=np.full(N, 0.9))
    assert not Calibration.from_catalog(too_large).variance_by_weight()(catalog.weight).any()


def test_columns_decide_where_they_are():
    rng = np.random.default_rng(10)
    sigma = 0.1 * 5 ** rng.random(N)
    catalog = catalog_of(sigma, sigma**-2, rng, sigma_e=np.full(N, 0.2), sigma_m=np.full(N, 0.1))
    calibration = Calibration.from_catalog(catalog)
    assert calibration.variance_by_weight() is None
    np.testing.assert_allclose(calibration.noise_variance(catalog), 0.05, rtol=1e-6)


def test_noise_of_the_calibrated_shear():
    rng = np.random.default_rng(11)
    sigma = 0.1 * 5 ** rng.random(N)
    m, ones = np.full(N, -0.2), np.ones(N)
    catalog = catalog_of(sigma, sigma**-2, rng, m=m, r11=0.5 * ones, r22=0.5 * ones)
    noise = Calibration.from_catalog(catalog).noise_variance(catalog)
    np.testing.assert_allclose(np.sqrt(noise), sigma / (0.5 * 0.8), rtol=0.03)


def test_parts_add_to_the_whole():
    rng = np.random.default_rng(12)
    sigma, weight = saturated(rng)
    catalog = catalog_of(sigma, weight, rng, sigma_m=np.full(N, 0.05))
    parts = [Calibration.from_catalog(catalog.select(slice(start, start + 7000)))
             for start in range(0, N, 7000)]
    added = parts[2] + parts[0] + parts[1]
    whole = Calibration.from_catalog(catalog)
    np.testing.assert_allclose(added.sum_by_weight, whole.sum_by_weight, rtol=1e-12)
    np.testing.assert_allclose(
        added.variance_by_weight()(weight), whole.variance_by_weight()(weight), rtol=1e-9
    )
