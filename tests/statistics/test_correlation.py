# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Correlations against direct counts of pairs, and against skies that are known."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import CENTERS, catalog_columns, tangent_wcs

from lensmap import ConvergenceMap, ShearCatalog
from lensmap.flatsky import convergence_to_shear, gaussian_smooth
from lensmap.statistics import kappa_correlation, shear_correlation

RNG = np.random.default_rng(4)


def _map(data, scale=1.0, center=CENTERS["dec 45"], mask=None):
    return ConvergenceMap(data, None, mask, tangent_wcs(center, data.shape, scale))


def _by_counting(maps, weights, edges):
    """The weighted mean over all pairs of open pixels, pixel by pixel."""
    fields = []
    for kappa, w in zip(maps, weights):
        w = np.where(kappa.mask, 0, 1 if w is None else w)
        y, x = np.nonzero(w)
        values, w = kappa.data[y, x], w[y, x]
        fields.append((kappa.wcs.pixel_to_world(x, y), values - np.average(values, weights=w), w))
    (sky, values, w), (other_sky, other_values, other_w) = fields
    total, weight, count = np.zeros((3, len(edges) - 1))
    for position, value, one in zip(sky, values, w):
        distance = position.separation(other_sky).arcmin
        for i in range(len(total)):
            here = (distance >= edges[i]) & (distance < edges[i + 1])
            total[i] += one * value * (other_w * other_values)[here].sum()
            weight[i] += one * other_w[here].sum()
            count[i] += here.sum()
    return total / weight, count


def _weights(kappa):
    """Some, of which some are 0, and NaN where the map is masked, as an inverse variance is."""
    w = RNG.uniform(0.1, 3, kappa.shape) * (RNG.random(kappa.shape) < 0.8)
    return np.where(kappa.mask, np.nan, w)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("cross", [False, True])
def test_is_the_sum_over_pairs(cross, scale, weighted):
    shape = (14, 12)
    mask = RNG.random(shape) < 0.2
    one = _map(RNG.normal(size=shape), mask=mask)
    other = _map(np.nan_to_num(one.data) + RNG.normal(size=shape)) if cross else one
    weights = [_weights(one), _weights(other)] if weighted else [None, None]
    if not cross:
        weights[1] = weights[0]
    edges = (np.linspace if scale == "linear" else np.geomspace)(0.7, 12.7, 7)
    found = kappa_correlation(
        one, other if cross else None, min_sep=0.7 * u.arcmin, max_sep=12.7 * u.arcmin, n_bins=6,
        scale=scale, weights=weights[0], other_weights=weights[1] if cross else None, n_patches=0,
    )
    expected, count = _by_counting((one, other), weights, edges)
    np.testing.assert_allclose(found["xi"], expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(found["n_pairs"], count if cross else count / 2)
    assert np.all(np.isnan(found["xi_err"]))


@pytest.mark.slow
def test_of_smoothed_noise_and_its_errors():
    sigma, pulls = 2.0, []
    theta = np.linspace(1.5, 7.5, 7)
    for seed in range(12):
        noise = np.random.default_rng(seed).normal(size=(128, 128))
        found = kappa_correlation(
            _map(gaussian_smooth(noise, sigma)), min_sep=1.5 * u.arcmin, max_sep=7.5 * u.arcmin,
            n_bins=6, n_patches=16, rng=1,
        )
        # white noise of 1 after a Gaussian: exp(-r^2 / 4 s^2) / (4 pi s^2)
        expected = np.exp(-found["theta"].value ** 2 / (4 * sigma**2)) / (4 * np.pi * sigma**2)
        pulls.append((found["xi"] - expected) / found["xi_err"])
        assert np.array(found.meta["covariance"]).shape == (6, 6)
    assert len(theta) - 1 == len(found)
    assert np.abs(np.mean(pulls)) < 0.6
    assert 0.6 < np.std(pulls) < 1.6


def test_shear_of_a_sky_is_e_and_of_a_turned_sky_is_b():
    n = 160
    kappa = gaussian_smooth(np.random.default_rng(0).normal(size=(n, n)), 3.0)
    gamma = convergence_to_shear(kappa)
    wcs = tangent_wcs(SkyCoord(40, 0, unit="deg"), (n, n), 1.0)
    y, x = np.indices((n, n))
    sky = wcs.pixel_to_world(x.ravel(), y.ravel())
    # the pixel's x points to the west: g2 changes its sign
    e = np.conj(gamma.ravel())
    tables = []
    for factor in (1.0, 1.0j):
        catalog = ShearCatalog(catalog_columns(sky, factor * e), "generic", "celestial", "shear")
        tables.append(shear_correlation(
            catalog, min_sep=1 * u.arcmin, max_sep=60 * u.arcmin, n_bins=25, n_patches=0
        ))
    one, other = tables
    scale = np.nanmax(one["map2"])
    inside = (one["theta"] > 5 * u.arcmin) & (one["theta"] < 12 * u.arcmin)
    assert np.all(np.abs(one["mx2"][inside]) < 0.15 * one["map2"][inside])
    np.testing.assert_allclose(other["mx2"][inside], one["map2"][inside], atol=1e-3 * scale)
    np.testing.assert_allclose(other["xi_plus"], one["xi_plus"], rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(other["xi_minus"], -one["xi_minus"], rtol=1e-3, atol=1e-9)
    assert np.all(np.isnan(one["map2"][one["theta"] > 20 * u.arcmin]))


def test_a_part_of_the_galaxies():
    n = 2000
    sky = SkyCoord(RNG.uniform(0, 1, n), RNG.uniform(0, 1, n), unit="deg")
    e = 0.3 * (RNG.normal(size=n) + 1j * RNG.normal(size=n))
    e = np.where(np.abs(e) < 1, e, 0)
    catalog = ShearCatalog(catalog_columns(sky, e), "generic", "celestial", "shear")
    few, all_ = (
        shear_correlation(catalog, min_sep="2 arcmin", max_sep="20 arcmin", n_bins=4, n_patches=8,
                          max_galaxies=limit, rng=0)
        for limit in (500, None)
    )
    assert few["n_pairs"].sum() < all_["n_pairs"].sum() / 10
    pull = np.concatenate([all_["xi_plus"] / all_["xi_plus_err"],
                           all_["xi_minus"] / all_["xi_minus_err"]])
    assert np.all(np.abs(pull) < 5)
    assert np.array(all_.meta["covariance"]).shape == (8, 8)


def test_bad_input():
    kappa = _map(np.zeros((8, 8)))
    with pytest.raises(ValueError, match="max_sep must be larger than min_sep"):
        kappa_correlation(kappa, min_sep="3 arcmin", max_sep="2 arcmin", rng=0)
    with pytest.raises(TypeError, match="min_sep must be an angle"):
        kappa_correlation(kappa, min_sep=1, max_sep="2 arcmin", rng=0)
    with pytest.raises(TypeError, match="kappa must be a ConvergenceMap"):
        kappa_correlation(kappa.data, min_sep="1 arcmin", max_sep="2 arcmin", rng=0)
    closed = _map(np.zeros((8, 8)), mask=np.ones((8, 8), dtype=bool))
    with pytest.raises(ValueError, match="kappa must have at least one unmasked pixel"):
        kappa_correlation(closed, min_sep="1 arcmin", max_sep="2 arcmin", rng=0)


@pytest.mark.parametrize(("weights", "message"), [
    (np.ones((8, 7)), r"must have the shape \(ny, nx\) = \(8, 8\) of the map, not \(8, 7\)"),
    (np.full((8, 8), -2.0), "weights must be finite and at least 0 .* not -2.0"),
    (np.full((8, 8), np.nan), "weights must be finite and at least 0 .* not nan"),
    (np.zeros((8, 8)), "weights must be positive in at least one unmasked pixel"),
])
def test_bad_weights(weights, message):
    kappa, bins = _map(np.zeros((8, 8))), {"min_sep": "1 arcmin", "max_sep": "2 arcmin"}
    with pytest.raises(ValueError, match=message):
        kappa_correlation(kappa, weights=weights, **bins)
    with pytest.raises(ValueError, match=message):
        kappa_correlation(kappa, kappa, other_weights=weights, **bins)
    with pytest.raises(ValueError, match="other_weights must be None if other is None"):
        kappa_correlation(kappa, other_weights=np.ones((8, 8)), **bins)


@pytest.mark.parametrize("n_patches", [1, 11])
def test_patches_need_points(n_patches):
    bins = {"min_sep": "1 arcmin", "max_sep": "5 arcmin", "n_patches": n_patches}
    weights = np.ones((3, 4))
    weights[1, :2] = 0
    with pytest.raises(ValueError, match=f"n_patches must be 0, or .* 10, .* not {n_patches}"):
        kappa_correlation(_map(np.zeros((3, 4))), weights=weights, **bins)
    sky = SkyCoord(RNG.uniform(0, 0.1, 12), RNG.uniform(0, 0.1, 12), unit="deg")
    columns = catalog_columns(sky, np.full(12, 0.1 + 0.1j), weight=[0, 0, *np.ones(10)])
    catalog = ShearCatalog(columns, "generic", "celestial", "shear")
    with pytest.raises(ValueError, match=f"n_patches must be 0, or .* 10, .* not {n_patches}"):
        shear_correlation(catalog, **bins)


def test_nothing_where_there_are_no_pairs():
    data = np.random.default_rng(0).normal(size=(12, 12))
    kappa = ConvergenceMap(data, wcs=tangent_wcs(CENTERS["equator"], (12, 12), 1.0))
    table = kappa_correlation(kappa, min_sep="5 arcmin", max_sep="45 arcmin", n_bins=8, n_patches=0)
    none = table["n_pairs"] == 0
    assert none.any() and not none.all()
    assert np.all(np.isnan(table["xi"][none])) and np.all(np.isfinite(table["xi"][~none]))
    with pytest.raises(ValueError, match="has a separation between min_sep = 100"):
        kappa_correlation(kappa, min_sep="100 arcmin", max_sep="200 arcmin", n_patches=0)
