# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The calibration of profiles and fits is that of the galaxies in use."""

import numpy as np
import pytest
from astropy import units as u
from lenses import CENTERS, catalog_columns, uniform_sky

from lensmap import NFWHalo, ShearCatalog, fit_nfw
from lensmap.cosmology import distance_ratio, get_cosmology, sigma_crit
from lensmap.profiles import shear_profile
from lensmap.profiles._efficiency import Efficiency
from lensmap.profiles._pair_calibration import _behind_lenses, mean_response, pooling

CENTER = CENTERS["dec 45"]
Z_LENS = 0.5
BINS = [1, 2, 4, 7, 12] * u.arcmin


class Galaxies:
    """Galaxies in front of a halo and behind it, without noise, and the truth about them."""

    def __init__(self, n=40_000, seed=0):
        rng = np.random.default_rng(seed)
        self.sky = uniform_sky(CENTER, 0.2, n, rng)
        self.theta = self.sky.separation(CENTER)
        self.z = rng.choice([0.3, 0.7, 1.3], n)
        self.weight = rng.uniform(0.5, 1.5, n)
        halo = NFWHalo(4e14 * u.solMass, 4.0, Z_LENS)
        self.excess = halo.mean_surface_density(self.theta) - halo.surface_density(self.theta)
        critical = {z: sigma_crit(Z_LENS, z) for z in (0.7, 1.3)}
        self.inverse = np.zeros(n)
        for z, value in critical.items():
            self.inverse[self.z == z] = 1 / value.to_value(self.excess.unit)
        self.g = self.excess.value * self.inverse
        self.spin = -np.exp(2j * (np.pi / 2 - self.sky.position_angle(CENTER).rad))

    def catalog(self, factor, kind="shear", added=0.0, **columns):
        """Return a catalog of the ellipticities ``factor * g`` plus ``added``."""
        columns = {"redshift": self.z, "weight": self.weight} | columns
        table = catalog_columns(self.sky, factor * self.g * self.spin + added, **columns)
        return ShearCatalog(table, "generic", "celestial", kind)

    def check(self, catalog, rtol):
        """Check a profile: the mean of g and the excess surface density in each ring."""
        profile = shear_profile(catalog, CENTER, BINS, z_lens=Z_LENS)
        ring = np.digitize(self.theta.arcmin, BINS.value) - 1
        for i, row in enumerate(profile):
            used = (ring == i) & (self.inverse > 0)
            assert row["n_pairs"] == np.count_nonzero(used)
            g = np.average(self.g[used], weights=self.weight[used])
            assert row["g_t"] == pytest.approx(g, rel=rtol)
            excess = np.average(self.excess[used].value,
                                weights=(self.weight * self.inverse**2)[used])
            assert row["delta_sigma"].value == pytest.approx(excess, rel=rtol)
        assert np.all(np.abs(profile["g_x"]) < rtol * profile["g_t"])
        return profile


@pytest.fixture(scope="module")
def galaxies():
    return Galaxies()


def _by_redshift(z, values):
    return np.array(values)[np.searchsorted([0.3, 0.7, 1.3], z)]


def test_the_response_is_that_of_the_galaxies_behind(galaxies):
    response = _by_redshift(galaxies.z, [0.9, 0.75, 0.5])
    catalog = galaxies.catalog(response, r11=response, r22=response)
    profile = galaxies.check(catalog, 0.02)  # rings have other numbers of each redshift
    alone = shear_profile(catalog.select(galaxies.z > Z_LENS), CENTER, BINS, z_lens=Z_LENS)
    np.testing.assert_allclose(profile["g_t"], alone["g_t"], rtol=1e-6)
    np.testing.assert_allclose(profile["g_err"], alone["g_err"], rtol=0.2)
    # The response is of galaxies, not of rings: its noise in a ring does not matter.
    rng = np.random.default_rng(1)
    noisy = response + 1.0 * rng.normal(size=len(response))
    noisy = shear_profile(galaxies.catalog(response, r11=noisy, r22=noisy), CENTER, BINS,
                          z_lens=Z_LENS)
    ratio = np.asarray(noisy["g_t"] / profile["g_t"])
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    np.testing.assert_allclose(ratio, 1, atol=0.03)


def test_a_bias_that_depends_on_redshift_and_radius(galaxies):
    m = _by_redshift(galaxies.z, [0.3, -0.05, 0.1]) - 0.2 * (galaxies.theta < 4 * u.arcmin)
    galaxies.check(galaxies.catalog(1 + m, m=m), 0.01)


def test_a_bias_by_ring_is_exact_above_1000_pairs():
    galaxies = Galaxies(300_000)
    m = _by_redshift(galaxies.z, [0.3, -0.05, 0.1]) - 0.2 * (galaxies.theta < 4 * u.arcmin)
    c1 = np.where(galaxies.theta < 6 * u.arcmin, 0.02, -0.05)
    galaxies.check(galaxies.catalog(1 + m, m=m, added=c1, c1=c1), 1e-3)


def test_the_responsivity_is_that_of_the_galaxies_behind(galaxies):
    sigma = _by_redshift(galaxies.z, [0.6, 0.4, 0.2])
    factor = 2 * (1 - sigma**2)
    galaxies.check(galaxies.catalog(factor, "distortion", sigma_e=sigma), 5e-3)


def test_the_scatter_of_distortions_is_that_of_the_galaxies_behind(galaxies):
    sigma = _by_redshift(galaxies.z, [0.6, 0.3, 0.3])
    rng = np.random.default_rng(2)
    noise = sigma * np.exp(2j * np.pi * rng.random(len(sigma))) * np.sqrt(2)
    # The noise is rotated by 90 degrees in a second catalog, and cancels in the mean of both.
    profiles = [
        shear_profile(galaxies.catalog(2 * (1 - sigma**2), "distortion", added=sign * noise),
                      CENTER, BINS, z_lens=Z_LENS)
        for sign in (1, -1)
    ]
    mean = sum(profile["g_t"] for profile in profiles) / 2
    exact = galaxies.check(galaxies.catalog(1.0), 1e-6)
    np.testing.assert_allclose(mean, exact["g_t"], rtol=0.01)


def test_fits_of_galaxies_are_calibrated_by_the_galaxies_behind(galaxies):
    options = {"z_lens": Z_LENS, "radii": [1, 12] * u.arcmin, "concentration": 4.0}
    response = _by_redshift(galaxies.z, [0.9, 0.75, 0.5])
    m = _by_redshift(galaxies.z, [0.3, -0.05, 0.1])
    sigma = _by_redshift(galaxies.z, [0.6, 0.4, 0.2])
    rng = np.random.default_rng(3)
    noise = 0.01 * (rng.normal(size=len(m)) + 1j * rng.normal(size=len(m)))
    expected = None
    for catalog in (
        galaxies.catalog(1.0, added=noise),
        galaxies.catalog(response, r11=response, r22=response, added=response * noise),
        galaxies.catalog(1 + m, m=m, added=(1 + m) * noise),
        galaxies.catalog(2 * (1 - sigma**2), "distortion", sigma_e=sigma),
    ):
        mass = fit_nfw(catalog, CENTER, **options).m200c.value
        expected = mass if expected is None else expected
        assert mass == pytest.approx(expected, rel=0.02)


def test_bins_with_few_pairs_are_completed_by_their_neighbors():
    n_pairs = np.array([100, 300, 1200, 5000, 0])
    matrix = pooling(n_pairs)
    np.testing.assert_allclose(matrix[0], [1, 1, 0.5, 0, 0])
    np.testing.assert_allclose(matrix[1], [1 / 1300 * 700, 1, 700 / 1300, 0, 0])
    np.testing.assert_array_equal(matrix[2:4], np.eye(5)[2:4])
    np.testing.assert_allclose(matrix @ n_pairs, [1000, 1000, 1200, 5000, 1000])
    # Empty bins are passed over, and one pair may be all that is missing.
    np.testing.assert_array_equal(pooling(np.array([500, 0, 800]))[0], [1, 0, 500 / 800])
    np.testing.assert_array_equal(pooling(np.array([999, 1, 5]))[0], [1, 1, 0])
    few = pooling(np.array([10, 20, 30]))
    np.testing.assert_array_equal(few, 1)  # all that there are


def test_few_galaxies_behind_count_with_the_others():
    values = np.array([0.5] * 100 + [1.2] * 100)
    weight = np.array([2.0] * 100 + [0.0] * 100)
    assert mean_response(values, weight) == pytest.approx(0.1 * 0.5 + 0.9)
    assert mean_response(np.tile(values, 10), np.tile(weight, 10)) == pytest.approx(0.5)
    assert mean_response(values, 0 * weight) == 1


@pytest.mark.parametrize("n_lens", [32, 33, 200])
def test_responses_behind_lenses_of_many_redshifts(n_lens):
    """Those behind more than 32 redshifts are interpolated, and are means of all galaxies behind.

    The response is 1 + z, and sources are at 0.3 + 0.001 k.
    """
    z_lens = np.linspace(0.3, 0.5, n_lens)[::-1]
    z = 0.3 + 0.001 * np.arange(1, 1500)
    weight = 1 + z**2
    efficiency = Efficiency.from_redshifts(z, z_lens, None, get_cosmology(None))
    found = _behind_lenses(1 + z, weight, efficiency, z_lens)
    assert found.shape == (n_lens, 2)
    for i in [*range(0, n_lens, 31), n_lens - 1]:
        b = distance_ratio(z_lens[i:i + 1], z, get_cosmology(None))[0]
        for k, response in enumerate(found[i]):
            used = weight * b ** (k + 1)
            assert response == pytest.approx(np.average(1 + z, weights=used), rel=1e-5)
