# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fits of halos that are known."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from astropy.table import QTable
from catalogs import shear_catalog
from lenses import CENTERS, catalog_columns, tangent_wcs, uniform_sky

from lensmap import ConvergenceMap, KaiserSquires, NFWHalo, ShearCatalog, SourceRedshifts
from lensmap.cosmology import distance_ratio
from lensmap.halos import concentration
from lensmap.profiles import fit_nfw, shear_profile, structure_covariance
from lensmap.utils import LensmapWarning

CENTER = CENTERS["dec 75"]
BINS = np.geomspace(0.3, 2.5, 9) * u.Mpc
RADII = [0.3, 2.5] * u.Mpc


def _halo(mass=8e14, c=None, z=0.3):
    mass = mass * u.solMass
    return NFWHalo(mass, float(concentration(mass, z)) if c is None else c, z)


def _catalog(lenses, n=15_000, noise=0.25, seed=0, z_source=1.0, redshift=None, radius=0.2):
    """Galaxies behind ``[(position, halo), ...]``, with the noise composed as ellipses do."""
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, radius, n, rng)
    gamma, kappa = 0.0, 0.0
    for position, halo in lenses:
        theta = sky.separation(position)
        toward = np.pi / 2 - sky.position_angle(position).rad
        if redshift is None:
            factor = 1.0
        else:
            factor = distance_ratio([halo.z_lens], redshift)[0] / (
                distance_ratio([halo.z_lens], [z_source])[0, 0]
            )
        gamma = gamma - factor * halo.tangential_shear(theta, z_source) * np.exp(2j * toward)
        kappa = kappa + factor * halo.kappa(theta, z_source)
    g = gamma / (1 - kappa)
    g = np.where(np.abs(g) < 0.7, g, 0)  # at the very center
    e = noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    e = np.where(np.abs(e) < 0.95, e, 0)
    e = (e + g) / (1 + np.conj(g) * e)
    more = {} if redshift is None else {"redshift": redshift}
    return ShearCatalog(catalog_columns(sky, e, **more), "generic", "celestial", "shear")


def _profile(catalog, **more):
    return shear_profile(
        catalog, CENTER, BINS, **({"z_lens": 0.3, "z_source": 1.0, "rng": 0} | more)
    )


@pytest.mark.parametrize("mass", [3e14, 1e15])
def test_without_noise_the_halo_comes_back(mass):
    halo = _halo(mass, c=5.0)
    bins = np.geomspace(0.2, 2.5, 5) * u.Mpc  # wide: the model must be the mean over rings
    catalog = _catalog([(CENTER, halo)], n=300_000, noise=0.0)
    profile = shear_profile(catalog, CENTER, bins, z_lens=0.3, z_source=1.0)
    some = catalog.select(slice(None, None, 20))  # the model is exact for any number of galaxies
    fits = [
        fit_nfw(profile, z_lens=0.3, concentration="free"),
        fit_nfw(some, CENTER, z_lens=0.3, z_source=1.0, radii=RADII, concentration="free"),
    ]
    for fit, accuracy in zip(fits, (0.01, 1e-4)):
        assert fit.success
        assert fit.m200c.to_value(u.solMass) == pytest.approx(mass, rel=accuracy)
        assert fit.c200c == pytest.approx(5.0, rel=3 * accuracy)
    assert fits[0].r200c.to_value(u.Mpc) == pytest.approx(halo.r200c.to_value(u.Mpc), rel=0.01)


@pytest.mark.slow
def test_noise_neither_biases_nor_fools_the_interval():
    halo, logs, inside = _halo(), [], 0
    n = 60
    for seed in range(n):
        fit = fit_nfw(_profile(_catalog([(CENTER, halo)], seed=seed)), z_lens=0.3)
        logs.append(np.log(fit.m200c / halo.m200c))
        inside += fit.m200c_low < halo.m200c < fit.m200c_high
    assert abs(np.mean(logs)) < 3 * np.std(logs) / np.sqrt(n) + 0.01
    assert abs(inside / n - 0.68) < 3 * np.sqrt(0.68 * 0.32 / n)


def test_profile_and_galaxies_agree():
    catalog = _catalog([(CENTER, _halo())], seed=3)
    one = fit_nfw(_profile(catalog), z_lens=0.3)
    other = fit_nfw(catalog, CENTER, z_lens=0.3, z_source=1.0, radii=RADII)
    assert abs(np.log(one.m200c / other.m200c)) < 0.5 * np.log(one.m200c_high / one.m200c)
    assert (other.m200c_err / one.m200c_err).value == pytest.approx(1, rel=0.15)
    assert other.chi2 / other.degrees_of_freedom == pytest.approx(1, abs=0.03)
    assert 0 < one.chi2 < 30 and one.n_data == 8


def test_galaxies_at_many_redshifts():
    n = 40_000
    redshift = np.random.default_rng(5).uniform(0.1, 2.0, n)
    halo = _halo()
    catalog = _catalog([(CENTER, halo)], n=n, noise=0.0, redshift=redshift)
    fit = fit_nfw(catalog, CENTER, z_lens=0.3, radii=RADII, concentration="free")
    assert fit.m200c.to_value(u.solMass) == pytest.approx(8e14, rel=1e-3)
    # Their distribution, declared, does nearly as well (Seitz & Schneider 1997).
    behind = catalog.behind(0.3, margin=0.0)
    hist, edges = np.histogram(behind["redshift"], 60)
    sources = SourceRedshifts((edges[1:] + edges[:-1]) / 2, hist)
    columns = {k: behind.table[k] for k in ("ra", "dec", "e1", "e2")}
    unknown = ShearCatalog(columns, "generic", "celestial", "shear")
    fit = fit_nfw(unknown, CENTER, z_lens=0.3, z_source=sources, radii=RADII, concentration="free")
    assert fit.m200c.to_value(u.solMass) == pytest.approx(8e14, rel=0.04)


def test_two_halos_at_once_and_a_free_center():
    second = CENTER.directional_offset_by(60 * u.deg, 5 * u.arcmin)
    halos = [_halo(8e14), _halo(4e14, z=0.4)]
    catalog = _catalog([(CENTER, halos[0]), (second, halos[1])], n=10_000, noise=0.0)
    wrong = CENTER.directional_offset_by(200 * u.deg, 0.5 * u.arcmin)
    fit = fit_nfw(catalog, SkyCoord([wrong, second]), z_lens=[0.3, 0.4], z_source=1.0,
                  radii=[0.2, 3] * u.Mpc, concentration="relation", center="free")
    np.testing.assert_allclose(fit.m200c.to_value(u.solMass), [8e14, 4e14], rtol=0.02)
    assert np.all(fit.position.separation(SkyCoord([CENTER, second])) < 0.05 * u.arcmin)
    alone = fit_nfw(catalog, CENTER, z_lens=0.3, z_source=1.0, radii=RADII)
    assert alone.m200c > 1.1 * fit.m200c[0]
    assert fit.names[:3] == ["ln_m200c_1", "east_1", "north_1"] and fit.halo(1).z_lens == 0.4


def test_a_smoothed_map():
    halo = _halo()
    wcs = tangent_wcs(CENTER, (160, 160), 0.25)
    y, x = np.indices((160, 160))
    theta = wcs.pixel_to_world(x, y).separation(CENTER)
    rng = np.random.default_rng(0)
    masses, chi2 = [], []
    for _ in range(25):
        noise = 0.2 * rng.normal(size=theta.shape)
        data = halo.kappa(np.maximum(theta, 0.06 * u.arcmin), 1.0) + noise + 0.02
        smooth = ConvergenceMap(data, wcs=wcs).smooth(0.8 * u.arcmin)
        error = np.full(theta.shape, 0.2 / np.sqrt(4 * np.pi * 3.2**2))
        kappa = ConvergenceMap(smooth.data, error, None, wcs, smooth.meta)
        fit = fit_nfw(kappa, CENTER, z_lens=0.3, z_source=1.0, concentration="relation")
        masses.append(fit.m200c.to_value(u.solMass))
        chi2.append(fit.chi2 / fit.degrees_of_freedom)
    scatter = np.std(masses)
    assert abs(np.mean(masses) - 8e14) < 3 * scatter / 5 + 1e13
    assert fit.m200c_err.to_value(u.solMass) == pytest.approx(scatter, rel=0.3)
    assert np.mean(chi2) == pytest.approx(1, abs=0.1) and len(fit.measured()) == fit.n_data


def test_a_map_of_reduced_shear():
    halo = _halo(1e15, c=4.0)
    catalog = _catalog([(CENTER, halo)], n=150_000, noise=0.0, radius=0.5)
    estimator = KaiserSquires(smoothing=0.7 * u.arcmin, uncertainty="analytic")
    kappa = estimator.reconstruct(catalog, tangent_wcs(CENTER, (200, 200), 0.25))
    error = np.full(kappa.shape, 0.02)
    kappa = ConvergenceMap(kappa.data, error, kappa.mask, kappa.wcs, kappa.meta)
    fit = fit_nfw(kappa, CENTER, z_lens=0.3, z_source=1.0, concentration=4.0)
    assert fit.m200c.to_value(u.solMass) == pytest.approx(1e15, rel=0.035)
    # Reduced shear taken for shear would make it heavier by per cents.
    plain = {key: value for key, value in kappa.meta.items() if key != "estimator"}
    kappa = ConvergenceMap(kappa.data, error, kappa.mask, kappa.wcs, plain)
    other = fit_nfw(kappa, CENTER, z_lens=0.3, z_source=1.0, concentration=4.0)
    assert other.m200c > 1.03 * fit.m200c


@pytest.mark.slow
def test_a_covariance_from_a_bootstrap():
    rng = np.random.default_rng(3)
    n, inside, logs = 30, 0, []
    bins = np.geomspace(0.3, 2.5, 6) * u.Mpc
    radius = np.sqrt(bins[1:] * bins[:-1])
    truth = _halo().reduced_shear(radius, 1.0)
    for _ in range(60):
        # Lenses with independent noise; their mean, and a covariance from draws of them.
        each = truth + 0.03 * rng.normal(size=(n, 5))
        draws = [each[rng.integers(n, size=n)].mean(axis=0) for _ in range(300)]
        profile = QTable({"radius_low": bins[:-1], "radius_high": bins[1:], "radius": radius,
                          "g_t": each.mean(axis=0), "g_err": np.std(draws, axis=0)})
        profile.meta |= {"covariance": np.cov(np.transpose(draws)).tolist(), "n_patches": n,
                         "n_bootstrap": 300}
        fit = fit_nfw(profile, z_lens=0.3, z_source=1.0, concentration="free")
        inside += fit.m200c_low < 8e14 * u.solMass < fit.m200c_high
        logs.append(np.log(fit.m200c.value / 8e14))
    assert 0.55 < inside / 60 < 0.85
    profile.meta["n_patches"] = 8
    message = "to fit 5 bins, not one from 8 positions or patches and 300 bootstrap samples"
    with pytest.raises(ValueError, match=message):
        fit_nfw(profile, z_lens=0.3, z_source=1.0)


def test_the_center_is_in_the_frame_of_the_user():
    halo = _halo()
    catalog = _catalog([(CENTER, halo)], n=8_000, noise=0.0)
    start = CENTER.directional_offset_by(70 * u.deg, 0.8 * u.arcmin)
    for position in (start, start.galactic):
        fit = fit_nfw(catalog, position, z_lens=0.3, z_source=1.0, radii=RADII, center="free")
        assert fit.position.frame.name == position.frame.name
        assert fit.position.separation(CENTER) < 0.01 * u.arcmin


def test_the_shear_of_the_best_halo():
    halo = _halo(c=5.0)
    radius = [0.5, 1.0, 2.0] * u.Mpc
    expected = halo.reduced_shear(radius, 1.0)
    catalog = _catalog([(CENTER, halo)], n=40_000, noise=0.0)
    of_galaxies = fit_nfw(catalog, CENTER, z_lens=0.3, z_source=1.0, radii=RADII,
                          concentration="free")
    np.testing.assert_allclose(of_galaxies.tangential_shear(radius), expected, rtol=2e-3)
    of_profile = fit_nfw(_profile(catalog), z_lens=0.3, concentration="free")
    np.testing.assert_allclose(of_profile.tangential_shear(radius), expected, rtol=0.02)
    angle = (radius / halo.cosmology.angular_diameter_distance(0.3)).to_value(u.one) * u.rad
    np.testing.assert_allclose(of_galaxies.tangential_shear(angle), expected, rtol=2e-3)


def test_a_search_that_stopped_beside_the_best_goes_on(monkeypatch):
    from lensmap.profiles import _nfw_search as nfw_search

    profile = _profile(_catalog([(CENTER, _halo())]))
    expected = fit_nfw(profile, z_lens=0.3)
    search, calls = nfw_search._minimum, []

    def poor(data, parameters, held=None, start=None):
        calls.append(held)
        found, lowest = search(data, parameters, held, start)
        if len(calls) == 1:  # as if in a minimum beside the lowest
            found.x = found.x + [0.5, 0.0]
            lowest += 5.0
        return found, lowest

    monkeypatch.setattr(nfw_search, "_minimum", poor)
    fit = fit_nfw(profile, z_lens=0.3)
    assert fit.success and calls.count(None) == 2
    assert (fit.m200c / expected.m200c).value == pytest.approx(1, rel=1e-3)
    assert (fit.m200c_low / expected.m200c_low).value == pytest.approx(1, rel=1e-3)

    def never(data, parameters, held=None, start=None):
        found, lowest = search(data, parameters, held, start)
        return found, lowest + (5.0 if held is None else 0.0)

    monkeypatch.setattr(nfw_search, "_minimum", never)
    with pytest.warns(LensmapWarning, match="chi.2 has several minima"):
        assert not fit_nfw(profile, z_lens=0.3).success


def test_other_definitions_of_mass():
    fit = fit_nfw(_profile(_catalog([(CENTER, _halo())])), z_lens=0.3)
    (m500, low, high), (m200m, _, _) = fit.mass("500c"), fit.mass("200m")
    assert low < m500 < high and m500 < fit.m200c < m200m
    assert 0.6 < m500 / fit.m200c < 0.75
    from lensmap.halos import convert_mass

    again = convert_mass(fit.m200c, fit.c200c, 0.3, "200c", "500c")[0]
    assert (m500 / again).value == pytest.approx(1)


def test_other_definitions_of_mass_need_no_sigma8():
    profile = _profile(_catalog([(CENTER, _halo())]))
    fit = fit_nfw(profile, z_lens=0.3, concentration=4.0, cosmology=FlatLambdaCDM(70, 0.3))
    assert (fit.mass("500c")[0] / fit.m200c).value == pytest.approx(0.6919, rel=2e-4)


def test_concentration_is_what_was_asked_for():
    profile = _profile(_catalog([(CENTER, _halo(c=8.0))], n=60_000))
    relation, prior, free, fixed = (
        fit_nfw(profile, z_lens=0.3, concentration=c) for c in ("relation", "prior", "free", 8)
    )
    assert relation.c200c < prior.c200c < free.c200c
    assert relation.c200c == pytest.approx(float(concentration(relation.m200c, 0.3)), rel=3e-3)
    assert fixed.c200c == pytest.approx(8.0) and len(fixed.values) == 1
    assert free.names == ["ln_m200c", "ln_c200c"] and free.covariance.shape == (2, 2)


def test_structure_widens_the_interval():
    profile = _profile(_catalog([(CENTER, _halo())]))
    structure = structure_covariance(BINS, z_lens=0.3, z_source=1.0)
    plain = fit_nfw(profile, z_lens=0.3)
    fit = fit_nfw(profile, z_lens=0.3, covariance=structure)
    assert 1.05 < fit.m200c_err / plain.m200c_err < 2


@pytest.mark.slow
def test_samples_of_the_posterior():
    pytest.importorskip("emcee")
    fit = fit_nfw(_profile(_catalog([(CENTER, _halo())])), z_lens=0.3)
    samples = fit.sample(8000, rng=1)
    assert samples.colnames == ["m200c", "c200c"] and len(samples) >= 8000
    # A chain as short as this knows its quantiles to 2 per cent, differently on each machine.
    low, high = np.quantile(samples["m200c"].value, [0.16, 0.84])
    assert low == pytest.approx(fit.m200c_low.value, rel=0.08)
    assert high == pytest.approx(fit.m200c_high.value, rel=0.08)
    samples = fit.sample(500, rng=1)
    again = fit.sample(500, rng=1)
    np.testing.assert_array_equal(samples["m200c"], again["m200c"])


def test_the_interval_at_any_confidence():
    profile = _profile(_catalog([(CENTER, _halo())]))
    fit = fit_nfw(profile, z_lens=0.3, concentration=4.0)
    one_sigma = [fit.m200c_low.value, fit.m200c_high.value]
    np.testing.assert_allclose([m.value for m in fit.interval(0.682689492)], one_sigma, rtol=3e-4)
    # In a fit of one parameter, chi^2 itself increases by 1.96^2 at the ends of 95 per cent.
    for mass in fit.interval():
        halo = NFWHalo(mass, 4.0, 0.3)
        nodes = np.sqrt(np.linspace(profile["radius_low"] ** 2, profile["radius_high"] ** 2, 401))
        model = halo.reduced_shear(nodes, 1.0).mean(0)
        increase = np.sum(((profile["g_t"] - model) / profile["g_err"]) ** 2) - fit.chi2
        assert increase == pytest.approx(3.8415, abs=0.05)
    free = fit_nfw(profile, z_lens=0.3)
    assert free.interval(0.5)[0] > free.m200c_low > free.interval()[0]
    with pytest.raises(ValueError, match="confidence must be between 0.01 and 0.9999, not 95"):
        fit.interval(95)


def test_no_halo_is_no_halo():
    catalog = _catalog([(CENTER, _halo())])
    turned = catalog.table
    turned["e1"], turned["e2"] = -catalog.e1, -catalog.e2  # a hole in the sky
    with pytest.warns(LensmapWarning, match="did not converge to a halo .the best fit is at"):
        fit = fit_nfw(_profile(shear_catalog(turned)), z_lens=0.3)
    assert not fit.success and "ln_m200c" in fit.message
    assert fit.m200c < 2e12 * u.solMass and fit.m200c_high < 2e14 * u.solMass


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"z_lens": 1.2}, ValueError, "z_lens must be 0.3, the lens redshift .*, not 1.2"),
        ({"z_source": 0.25}, ValueError, "z_lens must be lower than z_source"),
        ({"position": CENTER}, ValueError, "a profile has its own position"),
        ({"center": "free"}, ValueError, "a profile has its own position"),
        ({"concentration": "duffy"}, ValueError, "concentration must be one of"),
        ({"concentration": -1.0}, ValueError, "concentration must be between 0.05 and 500"),
        ({"radii": [5, 6] * u.Mpc}, ValueError, "data must have at least one bin"),
        ({"radii": [0.3, 0.4] * u.Mpc}, ValueError, "at least 2 bins for 2 free parameters, not 1"),
        ({"covariance": np.eye(3)}, ValueError, r"covariance must have the shape \(8, 8\)"),
        ({"covariance": -np.eye(8)}, ValueError, "errors of the profile is positive definite"),
        ({"covariance": np.full((8, 8), np.nan)}, ValueError, "covariance must be finite"),
        ({"covariance": "small"}, TypeError, "covariance must be an array"),
    ],
)
def test_bad_input(change, error, message):
    profile = _profile(_catalog([(CENTER, _halo())], n=3000))
    with pytest.raises(error, match=message):
        fit_nfw(profile, **({"z_lens": 0.3, "z_source": 1.0} | change))


def test_bad_data():
    catalog = _catalog([(CENTER, _halo())], n=3000)
    with pytest.raises(TypeError, match="data must be a profile from shear_profile"):
        fit_nfw(np.zeros(3), CENTER, z_lens=0.3)
    with pytest.raises(ValueError, match="position must be given"):
        fit_nfw(catalog, z_lens=0.3)
    with pytest.raises(ValueError, match="z_source must be given for a catalog"):
        fit_nfw(catalog, CENTER, z_lens=0.3)
    with pytest.raises(ValueError, match="must lie in the survey, not at ra 10.0000, dec"):
        fit_nfw(catalog, SkyCoord(10, 10, unit="deg"), z_lens=0.3, z_source=1.0)
    few = catalog.select(np.argsort(catalog.skycoord.separation(CENTER))[200:201])
    with pytest.raises(ValueError, match="at least 2 galaxies for 2 free parameters, not 1"):
        fit_nfw(few, CENTER, z_lens=0.3, z_source=1.0, radii=[0.1, 3] * u.Mpc)
    with pytest.raises(ValueError, match="n_walkers must be at least 4"):
        fit_nfw(_profile(catalog), z_lens=0.3).sample(10, n_walkers=3)
    without = shear_profile(catalog, CENTER, [1, 3, 9] * u.arcmin)
    with pytest.raises(ValueError, match="z_source must be given for a profile"):
        fit_nfw(without, z_lens=0.3)
    kappa = ConvergenceMap(np.zeros((20, 20)), wcs=tangent_wcs(CENTER, (20, 20), 1.0))
    with pytest.raises(ValueError, match="data must have an uncertainty"):
        fit_nfw(kappa, CENTER, z_lens=0.3, z_source=1.0)
    error = np.ones((20, 20))
    kappa = ConvergenceMap(kappa.data, error, None, kappa.wcs, {"estimator": "WienerFilter"})
    with pytest.raises(ValueError, match="data must have a known Gaussian smoothing"):
        fit_nfw(kappa, CENTER, z_lens=0.3, z_source=1.0)
    kappa.meta["parameters"] = {"smoothing": "1 arcmin"}
    with pytest.raises(ValueError, match="position must lie on the map, not at ra 10.0000"):
        fit_nfw(kappa, SkyCoord(10, 10, unit="deg"), z_lens=0.3, z_source=1.0)


def test_galaxies_have_the_noise_of_their_weight():
    """Half of the galaxies are noisier by a factor of 3, which their weights say only in part."""
    rng, n = np.random.default_rng(5), 8000
    sky = uniform_sky(CENTER, 0.2, n, rng)
    sigma = np.where(rng.random(n) < 0.5, 0.15, 0.45)
    e = sigma * (rng.normal(size=n) + 1j * rng.normal(size=n))
    columns = catalog_columns(sky, e, weight=np.where(sigma < 0.3, 2000.0, 1000.0))
    measured = ShearCatalog(columns, "generic", "celestial", "shear", max_ellipticity=np.inf)
    stated = ShearCatalog(columns | {"sigma_e": sigma}, "generic", "celestial", "shear",
                          max_ellipticity=np.inf)
    options = {"z_lens": 0.3, "z_source": 1.0, "radii": RADII, "concentration": "relation"}
    fit, expected = (fit_nfw(catalog, CENTER, **options) for catalog in (measured, stated))
    assert fit.chi2 == pytest.approx(expected.chi2, rel=0.05)
    assert expected.chi2 / expected.degrees_of_freedom == pytest.approx(1, abs=0.05)
    assert fit.values == pytest.approx(expected.values, abs=0.05)
