# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The noise of a pixel, measured from weights and scatter, against the noise that was drawn."""

import dataclasses

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import tangent_wcs

from lensmap import KaiserSquires, ShearCatalog, ShearGrid
from lensmap.catalog import Calibration
from lensmap.grid import _pixel_weights, noise_realizations

CENTER = SkyCoord(40, 20, unit="deg")
N = 20_000
WCS = tangent_wcs(CENTER, (6, 10), 1.0)


def inverse_variance(rng):
    sigma = 0.1 * 5 ** rng.random(N)
    return sigma, sigma**-2, 1.0, {}


def lensfit(rng):
    error = np.minimum(0.12 * rng.lognormal(0, 0.7, N), 0.5)
    largest = 0.804**2
    weight = 1 / (error**2 * largest / (largest - 2 * error**2) + 0.255**2)
    return np.hypot(0.255, error), weight, 1.0, {}


def hsc(rng):
    rms, error = rng.uniform(0.36, 0.42, N), np.minimum(0.1 * rng.lognormal(0, 0.7, N), 0.5)
    weight = 1 / (rms**2 + error**2)
    response = 2 * (1 - np.average(rms**2, weights=weight))
    options = {"kind": "distortion", "m": np.full(N, -0.1), "response": response}
    return np.hypot(rms, error), weight, response * 0.9, options


def metacal(rng):
    sigma, response = rng.uniform(0.2, 0.5, N), rng.uniform(0.3, 0.9, N)
    weight = (response / sigma) ** 2
    options = {"r11": response, "r22": response}
    return sigma, weight, np.average(response, weights=weight), options


def catalog_of(rng, sigma, weight, options, place=None, **columns):
    """Return a catalog on 10 columns of pixels; ``place`` is the column of each galaxy."""
    n = len(sigma)
    x = rng.uniform(-0.4, 9.4, n) if place is None else place + rng.uniform(-0.3, 0.3, n)
    sky = WCS.pixel_to_world(x, rng.uniform(0.5, 4.5, n))
    table = {"ra": sky.ra.deg, "dec": sky.dec.deg, "weight": weight, **columns}
    table |= {"e1": sigma * rng.normal(size=n), "e2": sigma * rng.normal(size=n)}
    table |= {k: v for k, v in options.items() if isinstance(v, np.ndarray)}
    rest = {k: v for k, v in options.items() if k not in table}
    return ShearCatalog(table, "generic", "celestial", **({"kind": "shear"} | rest),
                        max_ellipticity=np.inf)


@pytest.mark.parametrize("scheme", ["nearest", "cloud-in-cell"])
@pytest.mark.parametrize("survey", [inverse_variance, lensfit, hsc, metacal])
def test_every_decile_of_weight_in_its_own_pixels(survey, scheme):
    rng = np.random.default_rng(1)
    sigma, weight, response, options = survey(rng)
    decile = np.argsort(np.argsort(weight)) * 10 // N
    catalog = catalog_of(rng, sigma, weight, options, place=decile)
    grid = ShearGrid.from_catalog(catalog, WCS, scheme=scheme)
    known = ShearGrid.from_catalog(
        catalog_of(np.random.default_rng(1), sigma, weight, options, decile), WCS, scheme=scheme
    )
    assert known.pixel_weights is not None
    if scheme == "nearest":
        noise = grid.noise_sum.sum(axis=0)
        expected = np.bincount(decile, (weight * sigma / response) ** 2)
        np.testing.assert_allclose(np.sqrt(noise / expected), 1, atol=0.03 + np.sqrt(10 / N))
        # One dispersion is wrong by much more.
        one = grid.calibration.noise_squares()[0] / response**2 * grid.sum_w2.sum(axis=0)
        assert np.abs(np.sqrt(one / expected) - 1).max() > 0.15
        return
    # A column of pixels shares galaxies with its neighbors, so the galaxies are compared one by one
    # with the cloud of each.
    variance = grid.calibration.variance_by_weight()
    found = np.sqrt(grid.noise_sum.sum())
    shares = grid.sum_w2.sum() / np.sum(weight**2)
    expected = np.sqrt(shares * np.sum(weight**2 * variance(weight))) / response
    assert found == pytest.approx(expected, rel=0.02)


def test_rotated_galaxies_have_the_noise_of_the_map():
    """A depth that varies with place, in a map of few galaxies per pixel."""
    rng = np.random.default_rng(2)
    wcs = tangent_wcs(CENTER, (40, 50), 0.2)
    x = rng.uniform(0, 1, N)
    sigma = np.hypot(0.2, 0.1 * 4**x * 2 ** rng.random(N))
    sky = wcs.pixel_to_world(50 * x - 0.5, rng.uniform(-0.5, 39.5, N))
    table = {"ra": sky.ra.deg, "dec": sky.dec.deg, "weight": sigma**-2}
    table |= {"e1": sigma * rng.normal(size=N), "e2": sigma * rng.normal(size=N)}
    catalog = ShearCatalog(table, "generic", "celestial", "shear", max_ellipticity=np.inf)
    grid = ShearGrid.from_catalog(catalog, wcs)
    noise = np.array([turned.shear / grid.sigma
                      for turned in noise_realizations(catalog, wcs, n_realizations=40, rng=3)])
    square = np.mean(np.abs(noise) ** 2, axis=(0, 1)) / 2
    np.testing.assert_allclose(np.sqrt(square.reshape(10, 5).mean(axis=1)), 1, atol=0.06)
    assert next(noise_realizations(catalog, wcs, grid=grid)).noise_sum is grid.noise_sum


@pytest.mark.parametrize("limit", [10**6, 32], ids=["galaxies", "merged"])
@pytest.mark.parametrize("scheme", ["nearest", "cloud-in-cell"])
def test_chunks_and_sums_of_grids_are_those_of_the_whole(scheme, limit, monkeypatch):
    monkeypatch.setattr(_pixel_weights, "_MAX_ENTRIES_PER_PIXEL", limit)
    rng = np.random.default_rng(4)
    sigma, weight, _, options = lensfit(rng)
    catalog = catalog_of(rng, sigma, weight, options)
    whole = ShearGrid.from_catalog(catalog, WCS, scheme=scheme)
    parts = [catalog.select(slice(start, start + 3000)) for start in range(0, N, 3000)]
    chunks = ShearGrid.from_chunks(parts, WCS, scheme=scheme)
    added = sum((ShearGrid.from_catalog(part, WCS, scheme=scheme) for part in parts[1:]),
                ShearGrid.from_catalog(parts[0], WCS, scheme=scheme))
    assert whole.pixel_weights.merged == (limit == 32)
    for other in (chunks, added):
        np.testing.assert_allclose(other.sigma, whole.sigma, rtol=1e-9)
        assert len(other.pixel_weights.pixel) == len(whole.pixel_weights.pixel)
    # A part of a survey has the calibration of the survey.
    one = ShearGrid.from_catalog(parts[0], WCS, scheme=scheme)
    frozen = dataclasses.replace(one, calibration=whole.calibration)
    full = one.count > 0
    assert np.mean(frozen.sigma[full] / one.sigma[full]) == pytest.approx(1, abs=0.1)
    if scheme == "nearest":
        w = parts[0].weight
        total = np.sum(w**2 * whole.calibration.variance_by_weight()(w))
        assert frozen.noise_sum.sum() == pytest.approx(total, rel=1e-4 if limit > 32 else 0.02)


def test_merged_galaxies_have_the_noise_of_single_ones(monkeypatch):
    rng = np.random.default_rng(5)
    sigma, weight, _, options = lensfit(rng)
    catalog = catalog_of(rng, sigma, weight, options)
    merged = ShearGrid.from_catalog(catalog, WCS)
    again = ShearGrid.from_catalog(catalog.select(slice(None)), WCS)
    monkeypatch.setattr(_pixel_weights, "_MAX_ENTRIES_PER_PIXEL", 10**6)
    single = ShearGrid.from_catalog(catalog, WCS)
    assert len(merged.pixel_weights.pixel) < 0.1 * len(single.pixel_weights.pixel)
    np.testing.assert_allclose(merged.sigma, single.sigma, rtol=0.02)
    assert merged.noise_sum.sum() == pytest.approx(single.noise_sum.sum(), rel=0.015)
    np.testing.assert_array_equal(merged.sigma, again.sigma)


@pytest.mark.parametrize("scheme", ["nearest", "cloud-in-cell"])
def test_what_columns_state_is_not_measured(scheme):
    """With sigma_e and sigma_m the noise of a pixel is theirs, to the bit."""
    rng = np.random.default_rng(6)
    sigma, weight, _, options = inverse_variance(rng)
    columns = {"sigma_e": 0.8 * sigma, "sigma_m": 0.6 * sigma}
    grid = ShearGrid.from_catalog(
        catalog_of(rng, sigma, weight, options, **columns), WCS, scheme=scheme
    )
    assert grid.pixel_weights is None and len(grid.calibration.sum_by_weight) == 0
    np.testing.assert_array_equal(grid.noise_sum, grid.sum_w2v_e + grid.sum_w2v_m)
    stated = ShearGrid.from_catalog(
        catalog_of(rng, sigma, weight, options), WCS, scheme=scheme, sigma_e=0.3
    )
    assert stated.pixel_weights is None
    np.testing.assert_array_equal(stated.noise_sum, 0.3**2 * stated.sum_w2)


def test_constant_weights_and_no_weights_are_one_dispersion():
    rng = np.random.default_rng(7)
    sigma = rng.uniform(0.15, 0.45, N)
    catalog = catalog_of(rng, sigma, np.full(N, 3.0), {})
    table = catalog.table
    table.remove_column("weight")
    for one in (catalog, ShearCatalog(table, "generic", "celestial", "shear")):
        grid = ShearGrid.from_catalog(one, WCS)
        intrinsic, _ = grid.calibration.noise_squares()
        assert intrinsic == pytest.approx(np.mean(sigma**2), rel=0.02)
        np.testing.assert_array_equal(grid.noise_sum, intrinsic * grid.sum_w2)


def test_chunks_with_and_without_weights_are_refused():
    rng = np.random.default_rng(8)
    catalog = catalog_of(rng, np.full(N, 0.3), rng.uniform(1, 2, N), {})
    table = catalog.table
    table.remove_column("weight")
    plain = ShearCatalog(table, "generic", "celestial", "shear")
    for pair in ((catalog, plain), (plain, catalog)):
        with pytest.raises(ValueError, match="added has the column weight: read"):
            ShearGrid.from_chunks(pair, WCS)
        one, other = (ShearGrid.from_catalog(part, WCS) for part in pair)
        with pytest.raises(ValueError, match="added has the column weight: read"):
            one + other
    # The calibration of both is that of weights of 1 for the one without.
    both = Calibration.from_catalog(catalog) + Calibration.from_catalog(plain)
    assert both.sum_by_weight[:, 1].sum() == 2 * N


def test_the_analytic_noise_of_a_map_follows():
    """Half of the field is twice as noisy: no column says it, and the map of errors does."""
    rng = np.random.default_rng(9)
    wcs = tangent_wcs(CENTER, (48, 64), 0.5)
    x = rng.uniform(0, 1, N)
    sigma = np.where(x < 0.5, 0.2, 0.4)
    sky = wcs.pixel_to_world(64 * x - 0.5, rng.uniform(-0.5, 47.5, N))
    table = {"ra": sky.ra.deg, "dec": sky.dec.deg, "weight": sigma**-2.0}
    table |= {"e1": sigma * rng.normal(size=N), "e2": sigma * rng.normal(size=N)}
    catalog = ShearCatalog(table, "generic", "celestial", "shear", max_ellipticity=np.inf)
    estimator = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="analytic")
    error = estimator.reconstruct(catalog, wcs).uncertainty.array
    ratio = np.median(error[8:-8, 8:24]) / np.median(error[8:-8, 40:56])
    # The catalog's x is that of pixels: the left half is the quiet one.
    assert ratio == pytest.approx(0.5, rel=0.1)
