# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Shear about positions of lenses of which all is known."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import CENTERS, NFW, SIS, catalog_columns, shear_of, uniform_sky

from lensmap import NFWHalo, ShearCatalog, SourceRedshifts
from lensmap.cosmology import distance_ratio, sigma_crit
from lensmap.profiles import shear_profile
from lensmap.utils import CatalogWarning, LensmapWarning

BINS = [1, 2, 4, 8, 16] * u.arcmin


def _catalog(center, lenses, n=40_000, radius=0.4, noise=0.0, seed=0, reduced=False, **more):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(center, radius, n, rng)
    gamma, kappa = shear_of(sky, lenses)
    e = gamma / (1 - kappa) if reduced else gamma
    e = np.where(np.abs(e) < 0.9, e, 0)  # at the very center, inside of all bins
    e = e + noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return ShearCatalog(catalog_columns(sky, e, **more), "generic", "celestial", "shear")


@pytest.mark.parametrize("name", CENTERS)
def test_an_isothermal_sphere_anywhere_on_the_sky(name):
    center = CENTERS[name]
    lens = SIS(0.5)
    profile = shear_profile(_catalog(center, [(center, lens)]), center, BINS)
    low, high = profile["radius_low"], profile["radius_high"]
    # The mean of theta_E / (2 theta) over a ring.
    expected = 0.5 / (low + high).to_value(u.arcmin)
    np.testing.assert_allclose(profile["g_t"], expected, rtol=0.02)
    assert np.abs(profile["g_x"]).max() < 1e-4 * profile["g_t"].min()
    assert profile["n_pairs"].sum() > 10_000
    assert profile.meta["n_positions"] == 1


def test_the_cross_shear_is_the_tangential_shear_turned_by_45_degrees():
    center = CENTERS["dec 45"]
    catalog = _catalog(center, [(center, SIS())])
    turned = catalog.table
    turned["e1"], turned["e2"] = -catalog.e2, catalog.e1  # times i
    profile = shear_profile(catalog, center, BINS)
    other = shear_profile(ShearCatalog(turned, convention="celestial", kind="shear"), center, BINS)
    np.testing.assert_allclose(other["g_x"], profile["g_t"], rtol=1e-6)
    np.testing.assert_allclose(other["g_t"], -profile["g_x"], atol=1e-6)


def test_weights_and_noise():
    center = CENTERS["equator"]
    n, rng = 20_000, np.random.default_rng(3)
    weight = rng.uniform(0.2, 2.0, n)
    profile = shear_profile(_catalog(center, [], n=n, noise=0.25, weight=weight), center, BINS)
    pull = np.concatenate([
        np.concatenate([p["g_t"], p["g_x"]]) / np.tile(p["g_err"], 2)
        for p in (
            shear_profile(_catalog(center, [], n=n, noise=0.25, seed=seed, weight=weight),
                          center, BINS)
            for seed in range(12)
        )
    ])
    assert abs(np.mean(pull)) < 3 / np.sqrt(len(pull))
    assert np.std(pull) == pytest.approx(1, abs=3 / np.sqrt(2 * len(pull)))
    boot = shear_profile(
        _catalog(center, [], n=n, noise=0.25, weight=weight), center, BINS, errors="bootstrap",
        rng=0,
    )
    np.testing.assert_allclose(boot["g_err"], profile["g_err"], rtol=0.25)
    covariance = np.array(boot.meta["covariance"])
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), boot["g_err"])


def test_errors_of_rings_with_few_galaxies():
    """They are those of all galaxies of the weight, not those of the few in the ring."""
    center, n, rng = CENTERS["equator"], 6000, np.random.default_rng(4)
    sky = uniform_sky(center, 0.3, n, rng)
    sigma = 0.1 * 5 ** rng.random(n)
    e = sigma * (rng.normal(size=n) + 1j * rng.normal(size=n))
    columns = catalog_columns(sky, e, weight=sigma**-2)
    catalog = ShearCatalog(columns, "generic", "celestial", "shear", max_ellipticity=np.inf)
    bins = np.linspace(2, 12, 201) * u.arcmin
    profile = shear_profile(catalog, center, bins)
    assert 3 < np.median(profile["n_pairs"]) < 20
    ring = np.searchsorted(bins.value, sky.separation(center).arcmin) - 1
    inside = (ring >= 0) & (ring < 200)
    inverse = np.bincount(ring[inside], sigma[inside] ** -2, minlength=200)
    full = inverse > 0
    np.testing.assert_allclose(profile["g_err"][full], inverse[full] ** -0.5, rtol=0.06)
    # Columns that state the noise come first.
    columns |= {"sigma_e": np.full(n, 0.3), "sigma_m": np.full(n, 0.4), "weight": np.ones(n)}
    profile = shear_profile(ShearCatalog(columns, "generic", "celestial", "shear",
                                         max_ellipticity=np.inf), center, bins)
    expected = 0.5 / np.sqrt(profile["n_pairs"][full])
    np.testing.assert_allclose(profile["g_err"][full], expected, rtol=1e-6)


def test_surface_densities_with_a_redshift_for_each_galaxy():
    halo = NFWHalo(1e14 * u.solMass, 4.0, 0.3)  # so weak that shear is not far from reduced
    center, n = CENTERS["dec 75"], 60_000
    rng = np.random.default_rng(1)
    sky = uniform_sky(center, 0.3, n, rng)
    redshift = rng.uniform(0.1, 2.0, n)
    redshift[:100] = np.nan
    theta = sky.separation(center)
    away = np.pi / 2 - sky.position_angle(center).rad
    beta = distance_ratio([0.3], np.nan_to_num(redshift, nan=0.2))[0]
    gamma = halo.tangential_shear(theta, 1.0) * beta / distance_ratio([0.3], [1.0])[0, 0]
    columns = catalog_columns(sky, -gamma * np.exp(2j * away), redshift=redshift)
    catalog = ShearCatalog(columns, "generic", "celestial", "shear")
    bins = np.geomspace(0.3, 3, 5) * u.Mpc
    profile = shear_profile(catalog, center, bins, z_lens=0.3)
    distance = halo.cosmology.angular_diameter_distance(0.3)
    lengths = theta.to_value(u.rad) * distance
    for row in profile:
        here = (lengths >= row["radius_low"]) & (lengths < row["radius_high"])
        excess = (halo.mean_surface_density(lengths[here]) - halo.surface_density(lengths[here]))
        behind = redshift[here] > 0.3
        assert row["n_pairs"] == np.count_nonzero(behind)
        truth = np.average(excess[behind].value, weights=beta[here][behind] ** 2)
        assert row["delta_sigma"].value == pytest.approx(truth, rel=2e-3)
    assert np.all(np.abs(profile["delta_sigma_x"]) < 1e-3 * profile["delta_sigma"])
    # the critical density is that of the galaxies behind
    inverse = np.mean(beta[beta > 0]) / distance_ratio([0.3], [1.0])[0, 0]
    expected = sigma_crit(0.3, 1.0) / inverse
    np.testing.assert_allclose(profile["sigma_crit"] / expected, 1, rtol=0.02)
    ratio = np.mean(beta[beta > 0] ** 2) / np.mean(beta[beta > 0]) ** 2
    np.testing.assert_allclose(profile["efficiency_ratio"], ratio, rtol=0.03)


def test_a_declared_distribution_of_sources():
    center = CENTERS["equator"]
    catalog = _catalog(center, [(center, SIS(0.2))])
    sources = SourceRedshifts.preset("lsst_y10")
    profile = shear_profile(catalog, center, BINS, z_lens=0.3, z_source=sources)
    critical = sigma_crit(0.3, sources)
    np.testing.assert_allclose(profile["sigma_crit"] / critical, 1, rtol=1e-6)
    np.testing.assert_allclose(profile["delta_sigma"] / (profile["g_t"] * critical), 1, rtol=1e-6)
    z = sources.quantile((np.arange(20_000) + 0.5) / 20_000)
    beta = distance_ratio([0.3], z)[0]
    expected = np.mean(beta**2) / np.mean(beta) ** 2
    np.testing.assert_allclose(profile["efficiency_ratio"], expected, rtol=2e-3)


def test_a_stack_is_the_mean_of_its_parts():
    one, other = SkyCoord([10.0, 12.0], [5.0, 5.0], unit="deg")
    lenses = [(one, SIS(0.4)), (other, SIS(0.8))]
    rng = np.random.default_rng(0)
    sky = uniform_sky(SkyCoord(11, 5, unit="deg"), 2.0, 200_000, rng)
    gamma, _ = shear_of(sky, lenses)
    catalog = ShearCatalog(catalog_columns(sky, gamma), "generic", "celestial", "shear")
    bins = BINS[1:]
    stack = shear_profile(catalog, SkyCoord([one, other]), bins)
    parts = [shear_profile(catalog, position, bins) for position in (one, other)]
    total = sum(part["weight"] for part in parts)
    mean = sum(part["weight"] * part["g_t"] for part in parts) / total
    np.testing.assert_allclose(stack["g_t"], mean)
    np.testing.assert_allclose(stack["weight"], total)
    with pytest.warns(LensmapWarning, match="a bootstrap over only 2 positions"):
        boot = shear_profile(catalog, SkyCoord([one, other]), bins, errors="bootstrap",
                             n_bootstrap=400, rng=0)
    # of two lenses: half the difference, over root 2
    half = np.abs(parts[0]["g_t"] - parts[1]["g_t"]) / 2 / np.sqrt(2)
    np.testing.assert_allclose(boot["g_err"], half, rtol=0.15)


def test_lenses_at_different_redshifts_have_the_same_lengths():
    positions = SkyCoord([10.0, 13.0], [0.0, 0.0], unit="deg")
    redshift = np.array([0.2, 0.5])
    halos = [NFWHalo(2e14 * u.solMass, 4.0, z) for z in redshift]
    rng = np.random.default_rng(0)
    sky = uniform_sky(SkyCoord(11.5, 0, unit="deg"), 2.2, 300_000, rng)
    gamma = np.zeros(len(sky), dtype=complex)
    for position, halo in zip(positions, halos):
        away = np.pi / 2 - sky.position_angle(position).rad
        shear = halo.tangential_shear(sky.separation(position), 1.5)
        gamma -= shear * np.exp(2j * away)
    catalog = ShearCatalog(catalog_columns(sky, gamma), "generic", "celestial", "shear")
    bins = [0.5, 0.7, 1.0, 1.4] * u.Mpc
    profile = shear_profile(catalog, positions, bins, z_lens=redshift, z_source=1.5)
    truth = np.mean([
        (h.mean_surface_density(profile["radius"]) - h.surface_density(profile["radius"])).value
        for h in halos
    ], axis=0)
    np.testing.assert_allclose(profile["delta_sigma"].value, truth, rtol=0.06)


def test_reduced_shear_is_what_galaxies_have():
    center, lens = CENTERS["equator"], NFW()
    bins = np.geomspace(1, 16, 17) * u.arcmin
    profile = shear_profile(_catalog(center, [(center, lens)], reduced=True), center, bins)
    theta = profile["radius"].to_value(u.arcmin)
    np.testing.assert_allclose(profile["g_t"], lens.gamma_t(theta) / (1 - lens.kappa(theta)),
                               rtol=0.03)


@pytest.mark.parametrize(
    ("arguments", "change", "error", "message"),
    [
        ((BINS.value,), {}, TypeError, "bins must be angles or lengths with a unit"),
        ((BINS[::-1],), {}, ValueError, "two radii, non-negative and strictly increasing"),
        (([0.1, 1] * u.Mpc,), {}, ValueError, "given if bins has a unit of length .Mpc."),
        ((BINS,), {"z_lens": -0.1}, ValueError, "z_lens must be positive"),
        ((BINS,), {"z_lens": [0.1, 0.2]}, ValueError, "one redshift, or one for each position"),
        ((BINS,), {"z_lens": 0.9, "z_source": 0.5}, ValueError, "z_lens must be lower than"),
        ((BINS,), {"errors": "scatter"}, ValueError, "errors must be one of"),
        ((BINS,), {"errors": "jackknife"}, ValueError, "errors must be .* for one position, not"),
        ((BINS,), {"n_patches": 2}, ValueError, "n_patches must be at most the number of posit"),
        ((BINS,), {"lens_weight": [1, 2]}, ValueError, "one weight for each position .1., not"),
        ((BINS,), {"lens_weight": [-1]}, ValueError, "lens_weight must be finite and not neg"),
        (([50, 100] * u.deg,), {}, ValueError, "at most 60 degrees on the sky, not 100 degrees"),
        (([20, 30] * u.deg,), {}, ValueError, "no source galaxy is within"),
    ],
)
def test_bad_input(arguments, change, error, message):
    center = CENTERS["equator"]
    catalog = _catalog(center, [(center, SIS())], n=200)
    with pytest.raises(error, match=message):
        shear_profile(catalog, center, *arguments, **change)


def test_no_galaxy_behind_the_lens():
    center = CENTERS["equator"]
    catalog = _catalog(center, [], n=50, redshift=np.full(50, 0.4))
    message = "z_lens must be lower than the redshift of some galaxies, not 0.5"
    with pytest.raises(ValueError, match=message):
        shear_profile(catalog, center, BINS, z_lens=0.5)
    # of any lens
    with pytest.raises(ValueError, match=message):
        shear_profile(catalog, SkyCoord([center, center]), BINS, z_lens=[0.2, 0.5])


def test_a_redshift_of_99_spoils_nothing():
    center = CENTERS["equator"]
    redshift = np.full(5000, 0.4)
    redshift[0] = 99.0
    with pytest.warns(CatalogWarning, match="1 of 5000 rows count as galaxies without a redshift"):
        catalog = _catalog(center, [(center, SIS(0.2))], n=5000, redshift=redshift)
    profile = shear_profile(catalog.select(slice(1, None)), center, BINS, z_lens=0.35)
    same = shear_profile(catalog, center, BINS, z_lens=0.35)
    np.testing.assert_allclose(same["sigma_crit"][:2] / sigma_crit(0.35, 0.4), 1, rtol=5e-3)
    np.testing.assert_allclose(profile["sigma_crit"] / sigma_crit(0.35, 0.4), 1, rtol=5e-3)


def test_positions_off_the_survey_are_not_stacked():
    center = CENTERS["equator"]
    catalog = _catalog(center, [(center, SIS())])
    stack = SkyCoord([center, SkyCoord(200, 50, unit="deg")])
    profile, alone = shear_profile(catalog, stack, BINS), shear_profile(catalog, center, BINS)
    np.testing.assert_array_equal(profile["weight"], alone["weight"])
    assert profile.meta["n_positions"] == 1


def test_lenses_have_weights():
    one, other = SkyCoord([10.0, 12.0], [5.0, 5.0], unit="deg")
    rng = np.random.default_rng(0)
    sky = uniform_sky(SkyCoord(11, 5, unit="deg"), 2.0, 100_000, rng)
    gamma, _ = shear_of(sky, [(one, SIS(0.4)), (other, SIS(0.8))])
    gamma += 0.1 * (rng.normal(size=len(sky)) + 1j * rng.normal(size=len(sky)))
    catalog = ShearCatalog(catalog_columns(sky, gamma), "generic", "celestial", "shear")
    both, redshifts = SkyCoord([one, other]), np.array([0.3, 0.4])
    parts = [shear_profile(catalog, position, BINS, z_lens=z, z_source=1.0)
             for position, z in zip(both, redshifts)]
    options = {"z_lens": redshifts, "z_source": 1.0}
    stack = shear_profile(catalog, both, BINS, lens_weight=[1.0, 3.0], **options)
    weights = [part["weight"] * w for part, w in zip(parts, (1, 3))]
    mean = sum(w * part["g_t"] for w, part in zip(weights, parts)) / sum(weights)
    error = np.sqrt(sum((w * part["g_err"]) ** 2 for w, part in zip(weights, parts)))
    np.testing.assert_allclose(stack["g_t"], mean)
    np.testing.assert_allclose(stack["g_err"], error / sum(weights), rtol=1e-3)
    of_density = [part["weight_delta_sigma"] * w for part, w in zip(parts, (1, 3))]
    mean = sum(w * part["delta_sigma"] for w, part in zip(of_density, parts)) / sum(of_density)
    np.testing.assert_allclose(stack["delta_sigma"] / mean, 1)
    assert stack.meta["lens_weight"] == 4 and stack.meta["z_lens"] == pytest.approx(0.375)
    np.testing.assert_array_equal(stack["n_pairs"], sum(part["n_pairs"] for part in parts))
    alone = shear_profile(catalog, both, BINS, lens_weight=[0.0, 2.0], **options)
    np.testing.assert_allclose(alone["g_t"], parts[1]["g_t"])
    assert alone.meta["n_positions"] == 1
