# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Bootstrap and jackknife of shear profiles: the right size, and no bin lost."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import CENTERS, SIS, catalog_columns, shear_of, uniform_sky

from lensmap import ShearCatalog, fit_nfw
from lensmap.profiles import shear_profile
from lensmap.profiles._sky_groups import sky_patches
from lensmap.utils import LensmapWarning


def _catalog(sky, sigma, rng, lenses=(), **columns):
    e = sigma * (rng.normal(size=len(sky)) + 1j * rng.normal(size=len(sky)))
    for center, lens in lenses:
        e += shear_of(sky, [(center, lens)])[0]
    return ShearCatalog(catalog_columns(sky, e, **columns), "generic", "celestial", "shear",
                        max_ellipticity=np.inf)


def test_a_bootstrap_about_one_position_loses_no_ring():
    center, rng = CENTERS["equator"], np.random.default_rng(1)
    sky = uniform_sky(center, 0.15, 700, rng)
    sigma = np.where(rng.random(700) < 0.5, 0.15, 0.4)
    catalog = _catalog(sky, sigma, rng, [(center, SIS(0.4))], weight=sigma**-2,
                       redshift=np.ones(700))
    bins = np.geomspace(1, 8, 26) * u.arcmin
    profile = shear_profile(catalog, center, bins, z_lens=0.3)
    boot = shear_profile(catalog, center, bins, z_lens=0.3, errors="bootstrap", n_bootstrap=600,
                         rng=0)
    full = np.asarray(profile["n_pairs"]) > 0
    assert 1 <= np.asarray(profile["n_pairs"])[full].min() <= 3
    for name in ("g_err", "delta_sigma_err"):
        np.testing.assert_allclose((boot[name] / profile[name])[full], 1, rtol=0.16)
        assert np.mean(np.asarray(boot[name] / profile[name])[full]) == pytest.approx(1, abs=0.05)
    covariance = np.array(boot.meta["covariance"])[np.ix_(full, full)]
    assert np.all(np.isfinite(covariance))
    correlation = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.abs(correlation - np.eye(full.sum())).max() < 5 / np.sqrt(600)
    fits = [fit_nfw(p, z_lens=0.3, concentration=4.0) for p in (profile, boot)]
    assert fits[0].n_data == fits[1].n_data == np.count_nonzero(full)


@pytest.fixture(scope="module")
def stack():
    """Lenses in a grid, of which each has a shear of its own and few galaxies near it."""
    rng = np.random.default_rng(2)
    x, y = (v.ravel() for v in np.meshgrid(np.arange(20) * 0.3, np.arange(15) * 0.3 - 2))
    lenses = SkyCoord(100 + x, y, unit="deg")
    near = [uniform_sky(center, 0.14, 60, rng) for center in lenses]
    sky = SkyCoord(np.concatenate([s.ra.deg for s in near]),
                   np.concatenate([s.dec.deg for s in near]), unit="deg")
    strength = np.repeat(rng.normal(0.03, 0.08, len(lenses)), 60)  # constant around each lens
    centers = lenses[np.repeat(np.arange(len(lenses)), 60)]
    toward = np.pi / 2 - sky.position_angle(centers).rad
    e = -strength * np.exp(2j * toward)
    e += 0.2 * (rng.normal(size=len(sky)) + 1j * rng.normal(size=len(sky)))
    return ShearCatalog(catalog_columns(sky, e), "generic", "celestial", "shear"), lenses


@pytest.mark.parametrize("errors", [
    {"errors": "bootstrap", "n_bootstrap": 500},
    {"errors": "jackknife", "n_patches": 300},
    {"errors": "jackknife"},
    {"errors": "bootstrap", "n_patches": 60, "n_bootstrap": 500},
])
def test_errors_of_a_stack_include_the_scatter_of_lenses(stack, errors):
    catalog, lenses = stack
    bins = [2, 4, 6, 8] * u.arcmin
    profile = shear_profile(catalog, lenses, bins, rng=1, **errors)
    n = len(lenses)
    assert profile.meta["n_positions"] == n
    noise = 0.2 / np.sqrt(np.asarray(profile["n_pairs"]))
    # The lenses have the same strength in all rings, so that their scatter is common to all.
    scatter = 0.08**2 / n * (1 + 1 / 15)  # a little more, because not all have the same numbers
    expected = np.diag(noise**2) + scatter
    covariance = np.array(profile.meta["covariance"])
    np.testing.assert_allclose(np.diag(covariance), np.diag(expected), rtol=0.35)
    assert np.mean(covariance[~np.eye(3, dtype=bool)]) == pytest.approx(scatter, rel=0.5)
    np.testing.assert_allclose(profile["g_err"], np.sqrt(np.diag(covariance)))
    assert profile.meta["bins_with_noise_errors"] == []
    if errors["errors"] == "jackknife":
        assert profile.meta["n_patches"] == errors.get("n_patches", 100)


@pytest.mark.parametrize("errors", ["bootstrap", "jackknife"])
def test_bins_with_few_pairs_have_the_errors_of_noise(stack, errors):
    catalog, lenses = stack
    bins = [0.02, 0.1, 0.2, 3, 6] * u.arcmin
    with pytest.warns(LensmapWarning, match="2 of 4 bins have pairs around fewer than 10 posit"):
        profile = shear_profile(catalog, lenses, bins, rng=1, errors=errors)
    noise = shear_profile(catalog, lenses, bins)
    n_pairs = np.asarray(profile["n_pairs"])
    assert 1 < n_pairs[0] < 10 and n_pairs[1] < 100 < n_pairs[2]
    assert profile.meta["bins_with_noise_errors"] == [0, 1]
    np.testing.assert_allclose(profile["g_err"][:2], noise["g_err"][:2])
    covariance = np.array(profile.meta["covariance"])
    assert np.all(np.isfinite(covariance))
    np.testing.assert_array_equal(covariance[:2, 2:], 0)
    fit = fit_nfw(profile, z_lens=0.3, z_source=1.0, concentration=4.0)
    assert fit.n_data == 4


def test_patches_are_neighbors():
    rng = np.random.default_rng(3)
    centers = SkyCoord([359.0, 1.0, 1.0, 359.0], [60.0, 60.0, 62.0, 62.0], unit="deg")
    sky = [uniform_sky(center, 0.2, 200, rng) for center in centers]
    positions = SkyCoord(np.concatenate([s.ra.deg for s in sky]),
                         np.concatenate([s.dec.deg for s in sky]), unit="deg")
    patches = sky_patches(positions, 40, rng)
    assert set(patches) == set(range(patches.max() + 1)) and 30 < patches.max() + 1 <= 40
    for patch in range(patches.max() + 1):
        members = positions[patches == patch]
        assert members.separation(members[0]).max() < 0.4 * u.deg
    np.testing.assert_array_equal(sky_patches(positions[:5], 5, rng), np.arange(5))
