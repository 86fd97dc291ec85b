# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Boost factors and the subtraction of random positions, where the truth is known."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from lenses import CENTERS, SIS, catalog_columns, shear_of, uniform_sky

from lensmap import NFWHalo, ShearCatalog, fit_nfw
from lensmap.profiles import apply_boost, boost_factor, shear_profile, subtract_random

BINS = [1, 2, 4, 8, 16] * u.arcmin


def _catalog(sky, e, **columns):
    return ShearCatalog(catalog_columns(sky, e, **columns), "generic", "celestial", "shear")


def _joined(*skies):
    return SkyCoord(np.concatenate([s.ra.deg for s in skies]),
                    np.concatenate([s.dec.deg for s in skies]), unit="deg")


def test_members_dilute_and_the_boost_undoes_it():
    center = CENTERS["equator"]
    rng = np.random.default_rng(4)
    sky = uniform_sky(center, 0.4, 50_000, rng)
    gamma, _ = shear_of(sky, [(center, SIS())])
    field = _catalog(sky, np.where(np.abs(gamma) < 0.9, gamma, 0))
    members = uniform_sky(center, 4 / 60, 1500, rng)
    table = field.table
    both = {
        name: np.concatenate([table[name], extra])
        for name, extra in (("ra", members.ra.deg), ("dec", members.dec.deg),
                            ("e1", np.zeros(1500)), ("e2", np.zeros(1500)))
    }
    mixed = ShearCatalog(both, "generic", "celestial", "shear")
    profile, clean = (shear_profile(c, center, BINS) for c in (mixed, field))
    elsewhere = shear_profile(field, uniform_sky(center, 0.1, 60, rng), BINS)
    boost = boost_factor(profile, elsewhere)
    assert boost["boost"][0] > 1.3
    assert abs(boost["boost"][-1] - 1) < 0.05
    fixed = apply_boost(profile, boost)
    assert np.all(profile["g_t"][:2] < 0.9 * clean["g_t"][:2])
    np.testing.assert_allclose(fixed["g_t"], clean["g_t"], rtol=0.1)
    np.testing.assert_array_equal(fixed["boost"], boost["boost"])
    np.testing.assert_array_equal(fixed["boost_err"], boost["boost_err"])
    with pytest.raises(ValueError, match="must be one without a boost factor, not one with .*once"):
        apply_boost(fixed, boost)
    with pytest.raises(ValueError, match="the same bins"):
        boost_factor(profile, elsewhere[:-1])
    with pytest.raises(ValueError, match="must have one row for each of the 4 .*, not 3 rows"):
        apply_boost(profile, boost[:-1])
    lengths = shear_profile(field, center, [0.1, 0.3, 0.5, 1, 2] * u.Mpc, z_lens=0.3)
    with pytest.raises(ValueError, match="the same bins as profile, in arcmin, not bins in Mpc"):
        boost_factor(profile, lengths)


@pytest.fixture(scope="module")
def cluster():
    """A cluster with members among the sources at many redshifts, and a field without any."""
    rng = np.random.default_rng(3)
    halo = NFWHalo(1e15 * u.solMass, 4.0, 0.3)
    center, empty = SkyCoord(150, 2, unit="deg"), SkyCoord(160, 2, unit="deg")
    around, members, field = (
        uniform_sky(at, 0.28, n, rng)
        for at, n in ((center, 60_000), (center, 30_000), (empty, 60_000))
    )
    redshift = [rng.choice([0.6, 1.0], 60_000), rng.uniform(0.31, 0.36, 30_000),
                rng.choice([0.6, 1.0], 60_000)]
    theta, g = around.separation(center), np.zeros(60_000)
    for z in (0.6, 1.0):
        g[redshift[0] == z] = halo.tangential_shear(theta, z)[redshift[0] == z]
    toward = np.pi / 2 - around.position_angle(center).rad
    e = np.concatenate([-g * np.exp(2j * toward), np.zeros(90_000)])
    sky, redshift = _joined(around, members, field), np.concatenate(redshift)
    catalog = _catalog(sky, e, redshift=redshift)
    clean = catalog.select(np.r_[:60_000, 90_000:150_000])
    return catalog, clean, center, empty


def test_boosts_have_the_weights_of_what_they_correct(cluster):
    catalog, clean, center, empty = cluster
    bins = [2, 4, 8, 15] * u.arcmin
    profile, reference = (shear_profile(catalog, at, bins, z_lens=0.3) for at in (center, empty))
    truth = shear_profile(clean, center, bins, z_lens=0.3)
    assert np.all(profile["g_t"] < 0.7 * truth["g_t"])  # by half as many members as galaxies
    assert np.all(profile["delta_sigma"] > 0.95 * truth["delta_sigma"])  # members weigh little
    boost = boost_factor(profile, reference)
    assert np.all(boost["boost"] > 1.4) and np.all(boost["boost_delta_sigma"] < 1.1)
    fixed = apply_boost(profile, boost)
    for name in ("g_t", "delta_sigma", "sigma_crit", "efficiency_ratio"):
        np.testing.assert_allclose(fixed[name] / truth[name], 1, rtol=0.05)
    fits = [fit_nfw(p, z_lens=0.3, concentration=4.0).m200c for p in (fixed, truth)]
    assert (fits[0] / fits[1]).value == pytest.approx(1, rel=0.04)
    with pytest.raises(ValueError, match="boost must have the column 'boost_delta_sigma' for a"):
        apply_boost(profile, boost["radius_low", "radius_high", "boost", "boost_err"])


@pytest.mark.parametrize("edges", [[0, 1], [0, 1, 6]])
def test_all_positions_in_the_footprint_count(edges):
    rng = np.random.default_rng(1)
    ra, dec = (v.ravel() for v in np.meshgrid(np.arange(25) * 0.2 + 100, np.arange(20) * 0.2 - 2))
    lenses, randoms = SkyCoord(ra, dec, unit="deg"), SkyCoord(ra + 0.1, dec + 0.1, unit="deg")
    n = rng.poisson(0.25 / (np.pi / 3600) * 20)  # 0.25 in a circle of 1 arcmin
    x, y = rng.uniform(99.9, 104.9, n), rng.uniform(-2.1, 1.9, n)
    near = np.repeat(np.arange(500), rng.poisson(0.25, 500))  # as many members
    r, angle = np.sqrt(rng.random(len(near))) / 60, rng.uniform(0, 2 * np.pi, len(near))
    x, y = np.append(x, ra[near] + r * np.cos(angle)), np.append(y, dec[near] + r * np.sin(angle))
    catalog = _catalog(SkyCoord(x, y, unit="deg"), 0.2 * rng.normal(size=len(x)) + 0j)
    # Some of the random positions are off the survey.
    randoms = _joined(randoms, SkyCoord([120, 140], [40, 50], unit="deg"))
    profile, reference = (shear_profile(catalog, p, edges * u.arcmin) for p in (lenses, randoms))
    assert profile.meta["n_positions"] == reference.meta["n_positions"] == 500
    boost = boost_factor(profile, reference)
    assert boost["boost"][0] == profile["n_pairs"][0] / reference["n_pairs"][0]
    assert boost["boost"][0] == pytest.approx(2, abs=4 * boost["boost_err"][0])


def test_the_weights_of_lenses_are_in_the_boost(cluster):
    catalog, _, center, empty = cluster
    bins = [2, 4, 8] * u.arcmin
    profiles = [
        shear_profile(catalog, SkyCoord([center, empty]), bins, lens_weight=weight)
        for weight in ([3.0, 1.0], [0.0, 5.0])
    ]
    boost = boost_factor(*profiles)
    np.testing.assert_allclose(boost["boost"], (3 * 1.5 + 1) / 4, rtol=0.03)


def test_random_positions_remove_the_shear_of_a_constant_bias():
    rng = np.random.default_rng(5)
    n = 60_000  # lenses at the edge of the field see the half of each ring
    sky = SkyCoord(rng.uniform(40, 41, n), rng.uniform(-2, 2, n), unit="deg")
    lenses = SkyCoord(np.full(12, 40.02), np.linspace(-1.9, 1.9, 12), unit="deg")
    randoms = SkyCoord(np.full(300, 40.02), rng.uniform(-1.9, 1.9, 300), unit="deg")
    e = np.full(n, 0.03 + 0j)
    for lens in lenses:
        rows = np.flatnonzero(sky.separation(lens) < 10 * u.arcmin)
        e[rows] += np.clip(shear_of(sky[rows], [(lens, SIS(0.2))])[0], -1, 1)
    catalog = _catalog(sky, e)
    bins = [2, 4, 6] * u.arcmin
    options = {"z_lens": 0.3, "z_source": 1.0, "errors": "jackknife", "rng": 0}
    profile, reference = (shear_profile(catalog, p, bins, **options) for p in (lenses, randoms))
    without = shear_profile(_catalog(sky, e - 0.03), lenses, bins)
    assert np.all(np.abs(profile["g_t"] - without["g_t"]) > 0.004)
    clean = subtract_random(profile, reference)
    # The random positions see the lenses, too.
    lensed = shear_profile(_catalog(sky, e - 0.03), randoms, bins)
    np.testing.assert_allclose(clean["g_t"], without["g_t"] - lensed["g_t"], atol=1.5e-3)
    np.testing.assert_allclose(clean["delta_sigma"] / (clean["g_t"] * clean["sigma_crit"]), 1)
    np.testing.assert_allclose(clean["g_err"], np.hypot(profile["g_err"], reference["g_err"]))
    np.testing.assert_allclose(np.sqrt(np.diag(clean.meta["covariance"])), clean["g_err"])
    assert clean.meta["n_random_positions"] == 300
    for name in ("g_t", "g_x", "g_err", "n_pairs", "delta_sigma", "delta_sigma_err"):
        np.testing.assert_array_equal(clean[f"{name}_random"], reference[name])
    np.testing.assert_allclose(clean["g_t"] + clean["g_t_random"], profile["g_t"], rtol=1e-12)
    with pytest.raises(ValueError, match="from which no random positions are subtracted, not one"):
        subtract_random(clean, reference)
    with pytest.raises(ValueError, match="'g_t_random': apply the boost factor first"):
        apply_boost(clean, boost_factor(profile, reference))
    with pytest.raises(ValueError, match="reference must have the column 'delta_sigma'"):
        subtract_random(profile, without)
    with pytest.raises(ValueError, match="reference must have the same bins"):
        subtract_random(profile, reference[:-1])


def _by_hand(lens_weight, n_pairs, weight, density, g_t, error, excess, covariance=None):
    """Return the profile of two bins with given numbers."""
    unit = u.solMass / u.Mpc**2
    table = QTable({
        "radius_low": [1, 2] * u.arcmin, "radius_high": [2, 4] * u.arcmin, "n_pairs": n_pairs,
        "weight": weight, "weight_delta_sigma": density / unit**2, "g_t": g_t,
        "g_x": np.array([0.01, -0.02]), "g_err": error, "delta_sigma": excess * unit,
        "delta_sigma_x": [1.0, 2.0] * unit, "delta_sigma_err": 1e3 * error * unit,
    })
    for i, name in enumerate(("sigma_crit", "efficiency_ratio", "sigma_crit_kappa")):
        table[name] = np.array([1.0, 2.0]) * lens_weight + i
    table.meta |= {"lens_weight": lens_weight, "n_positions": 7}
    if covariance is not None:
        table.meta |= {"covariance": covariance.tolist(),
                       "covariance_delta_sigma": (1e6 * covariance).tolist()}
    return table


def test_by_hand():
    covariance = np.array([[4.0, 1.0], [1.0, 9.0]]) * 1e-6
    profile = _by_hand(2.0, [25, 16], np.array([30.0, 20.0]), np.array([8.0, 6.0]),
                       np.array([0.1, 0.05]), np.array([2e-3, 3e-3]), np.array([50.0, 40.0]),
                       covariance)
    reference = _by_hand(5.0, [100, 64], np.array([50.0, 40.0]), np.array([10.0, 12.0]),
                         np.array([0.01, -0.01]), np.array([1e-3, 4e-3]), np.array([3.0, -4.0]))
    boost = boost_factor(profile, reference)
    of_g, of_density = np.array([15 / 10, 10 / 8]), np.array([4 / 2, 3 / 2.4])
    relative = np.sqrt([1 / 25 + 1 / 100, 1 / 16 + 1 / 64])
    np.testing.assert_allclose(boost["boost"], of_g)
    np.testing.assert_allclose(boost["boost_err"], of_g * relative)
    np.testing.assert_allclose(boost["boost_delta_sigma"], of_density)
    np.testing.assert_allclose(boost["boost_delta_sigma_err"], of_density * relative)
    fixed = apply_boost(profile, boost)
    for names, factor in ((("g_t", "g_x", "g_err"), of_g),
                          (("delta_sigma", "delta_sigma_x", "delta_sigma_err"), of_density)):
        for name in names:
            np.testing.assert_allclose(fixed[name] / profile[name], factor)
    np.testing.assert_allclose(fixed.meta["covariance"], covariance * np.outer(of_g, of_g))
    np.testing.assert_allclose(
        fixed.meta["covariance_delta_sigma"], 1e6 * covariance * np.outer(of_density, of_density)
    )
    for name in ("sigma_crit", "efficiency_ratio", "sigma_crit_kappa"):
        np.testing.assert_array_equal(fixed[name], reference[name])
    # Without a covariance, that of the random positions is diagonal.
    clean = subtract_random(profile, reference)
    np.testing.assert_allclose(clean["g_t"], [0.09, 0.06])
    np.testing.assert_allclose(clean["g_x"], 0, atol=1e-15)
    np.testing.assert_allclose(clean["g_err"], [np.sqrt(5e-6), 5e-3])
    np.testing.assert_allclose(clean["delta_sigma"].value, [47, 44])
    np.testing.assert_allclose(clean["delta_sigma_err"].value, [np.sqrt(5), 5])
    added = covariance + np.diag([1e-6, 16e-6])
    np.testing.assert_allclose(clean.meta["covariance"], added)
    np.testing.assert_allclose(clean.meta["covariance_delta_sigma"], 1e6 * added)
    assert clean.meta["n_random_positions"] == 7
    reference.meta |= {"covariance": (2 * covariance).tolist(),
                       "covariance_delta_sigma": (2e6 * covariance).tolist()}
    clean = subtract_random(profile, reference)
    np.testing.assert_allclose(clean.meta["covariance"], 3 * covariance)
    # Profiles without redshifts have no excess surface density.
    of_shear = ["radius_low", "radius_high", "n_pairs", "weight", "g_t", "g_x", "g_err"]
    plain = boost_factor(profile[of_shear], reference)
    assert plain.colnames == ["radius_low", "radius_high", "boost", "boost_err"]
    np.testing.assert_allclose(apply_boost(profile[of_shear], plain)["g_t"], fixed["g_t"])
    np.testing.assert_allclose(subtract_random(profile[of_shear], reference)["g_t"], clean["g_t"])


@pytest.mark.parametrize("column", ["radius_low", "radius_high"])
def test_bins_that_differ_by_one_edge(column):
    numbers = [np.array([2.0, 3.0])] * 6
    profile, other = _by_hand(1.0, *numbers), _by_hand(1.0, *numbers)
    other[column][1] *= 1.01
    for function in (boost_factor, subtract_random):
        with pytest.raises(ValueError, match="the same bins as profile, not other bin edges"):
            function(profile, other)
    # The unit does not matter.
    other = _by_hand(1.0, *numbers)
    for name in ("radius_low", "radius_high"):
        other[name] = other[name].to(u.deg)
    np.testing.assert_allclose(boost_factor(profile, other)["boost"], 1)
