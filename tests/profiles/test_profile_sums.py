# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Every column of a shear profile against a plain loop over the pairs of galaxies and lenses."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import catalog_columns, uniform_sky

from lensmap import ShearCatalog, SourceRedshifts
from lensmap.cosmology import distance_ratio, get_cosmology, sigma_crit
from lensmap.profiles import shear_profile

LENSES = SkyCoord([150.0, 150.05], [60.0, 60.03], unit="deg")
Z_LENS, LENS_WEIGHT = np.array([0.3, 0.4]), np.array([1.0, 2.5])
LENGTHS, ANGLES = [0.5, 1.5, 2.3, 3.2] * u.Mpc, [2, 5, 8, 11] * u.arcmin
SOURCES = SourceRedshifts([0.35, 0.9, 1.5], [1, 2, 0.5])
UNIT = u.solMass / u.Mpc**2
N, RESPONSE = 8000, 0.8


def _columns():
    rng = np.random.default_rng(8)
    sky = uniform_sky(LENSES[0], 0.25, N, rng)
    e = 0.3 * (rng.normal(size=N) + 1j * rng.normal(size=N))
    redshift = rng.choice(np.linspace(0.1, 1.5, 40), N)
    redshift[:50] = np.nan
    return sky, e, {
        "redshift": redshift, "weight": rng.uniform(0.5, 2, N), "m": rng.uniform(-0.3, 0.1, N),
        "c1": rng.normal(0.02, 0.1, N), "c2": rng.normal(-0.03, 0.1, N),
        "sigma_e": rng.uniform(0.2, 0.4, N), "sigma_m": rng.uniform(0.1, 0.2, N),
    }


def _inverse(z_source, redshift):
    """Return the means of 1 / Sigma_cr and of its square, of all galaxies for each lens."""
    if z_source is None:
        inverse = np.zeros((2, N))
        for i, lens in enumerate(Z_LENS):
            for z in np.unique(redshift[redshift > lens]):
                inverse[i, redshift == z] = 1 / sigma_crit(lens, z).value
        return inverse, inverse**2
    if isinstance(z_source, float):
        inverse = np.array([1 / sigma_crit(lens, z_source).value for lens in Z_LENS])
        return np.repeat(inverse, N).reshape(2, N), np.repeat(inverse**2, N).reshape(2, N)
    z = np.linspace(0.35, 1.5, 20_001)
    density = np.interp(z, [0.35, 0.9, 1.5], [1, 2, 0.5])
    beta = distance_ratio(Z_LENS, z, get_cosmology(None))
    mean, square = (np.average(beta**k, axis=1, weights=density) for k in (1, 2))
    inverse = np.array([1 / sigma_crit(lens, z_source).value for lens in Z_LENS])
    square *= (inverse / mean) ** 2
    return np.repeat(inverse, N).reshape(2, N), np.repeat(square, N).reshape(2, N)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("z_source", ["not known", None, 1.2, SOURCES], ids=str)
def test_every_column(z_source, with_bias):
    sky, e, columns = _columns()
    if not with_bias:
        columns |= {"m": np.zeros(N), "c1": np.zeros(N), "c2": np.zeros(N)}
    known = z_source != "not known"
    bins = LENGTHS if known else ANGLES
    names = columns if with_bias else ["redshift", "weight", "sigma_e", "sigma_m"]
    table = catalog_columns(sky, e, **{name: columns[name] for name in names})
    catalog = ShearCatalog(table, "generic", "celestial", "shear", max_ellipticity=np.inf,
                           response=RESPONSE)
    options = {"z_lens": Z_LENS, "z_source": z_source} if known else {}
    profile = shear_profile(catalog, LENSES, bins, lens_weight=LENS_WEIGHT, **options)

    w, c = columns["weight"], columns["c1"] + 1j * columns["c2"]
    variance = (columns["sigma_e"] ** 2 + columns["sigma_m"] ** 2) / RESPONSE**2
    inverse, square = _inverse(z_source, columns["redshift"]) if known else np.ones((2, 2, N))
    distance = get_cosmology(None).angular_diameter_distance(Z_LENS).to_value(u.Mpc)
    sums = {}
    for i, lens in enumerate(LENSES):
        theta = sky.separation(lens)
        radius = theta.rad * distance[i] if known else theta.arcmin
        psi = np.pi / 2 - sky.position_angle(lens).rad  # from east through north
        shear, bias = (-values * np.exp(-2j * psi) for values in (e / RESPONSE, c))
        b, ww = inverse[i], LENS_WEIGHT[i] * w
        used = b > 0
        terms = {
            "n": np.ones(N), "w": ww, "wr": ww * radius, "wg": ww * (shear - bias), "wb": ww * b,
            "wbm": ww * b * columns["m"], "wbb": ww * b**2, "wbbm": ww * b**2 * columns["m"],
            "wbg": ww * b * (shear - bias), "wq": ww * square[i], "wbq": ww * b * square[i],
            "noise": ww**2 * variance, "noise_b": (ww * b) ** 2 * variance,
        }
        for name, values in terms.items():
            parts = [np.histogram(radius[used], bins.value, weights=part[used])[0]
                     for part in (np.real(values), np.imag(values))]
            sums[name] = sums.get(name, 0) + parts[0] + 1j * parts[1]
    total = {name: np.real(values) for name, values in sums.items()}
    assert total["n"].min() > 1000  # each bin is calibrated by its own pairs
    g = sums["wg"] / total["w"] / (1 + total["wbm"] / total["wb"])
    expected = {
        "n_pairs": total["n"], "weight": total["w"], "radius": total["wr"] / total["w"],
        "g_t": g.real, "g_x": g.imag,
        "g_err": np.sqrt(total["noise"]) / total["w"] / (1 + total["wbm"] / total["wb"]),
    }
    if known:
        m = 1 + total["wbbm"] / total["wbb"]
        excess = sums["wbg"] / total["wbb"] / m
        expected |= {
            "delta_sigma": excess.real, "delta_sigma_x": excess.imag,
            "delta_sigma_err": np.sqrt(total["noise_b"]) / total["wbb"] / m,
            "sigma_crit": total["w"] / total["wb"],
            "efficiency_ratio": total["wq"] * total["w"] / total["wb"] ** 2,
            "sigma_crit_kappa": total["wbb"] / total["wbq"],
            "weight_delta_sigma": total["wbb"],
        }
        assert profile["delta_sigma"].unit == UNIT
        assert profile["weight_delta_sigma"].unit == UNIT**-2
    assert set(profile.colnames) == {"radius_low", "radius_high", *expected}
    for name, values in expected.items():
        rtol = 1e-9 if name in ("n_pairs", "weight") else 2e-4
        np.testing.assert_allclose(np.asarray(profile[name]), values, rtol=rtol, err_msg=name)
    np.testing.assert_array_equal(profile["radius_low"], bins[:-1])
    np.testing.assert_array_equal(profile["radius_high"], bins[1:])
    assert profile.meta["n_positions"] == 2 and profile.meta["lens_weight"] == 3.5
    if known:
        assert profile.meta["z_lens"] == pytest.approx((0.3 + 2.5 * 0.4) / 3.5)


def test_a_bootstrap_about_one_lens_has_the_errors_of_the_noise():
    """Also where the bias of the pairs is not that of the catalog."""
    sky, e, columns = _columns()
    columns["m"] = np.where(sky.separation(LENSES[0]) < 6 * u.arcmin, 0.5, -0.3)
    columns["c1"], columns["c2"] = np.zeros((2, N))
    scatter = np.hypot(columns["sigma_e"], columns["sigma_m"])
    table = catalog_columns(sky, e / 0.3 * scatter, **columns)
    catalog = ShearCatalog(table, "generic", "celestial", "shear", max_ellipticity=np.inf,
                           response=RESPONSE)
    profiles = [
        shear_profile(catalog, LENSES[0], LENGTHS, z_lens=0.3, errors=errors, n_bootstrap=300,
                      rng=2)
        for errors in ("shape noise", "bootstrap")
    ]
    for name, matrix in (("g_err", "covariance"), ("delta_sigma_err", "covariance_delta_sigma")):
        error = np.sqrt(np.diag(profiles[1].meta[matrix]))
        np.testing.assert_allclose(np.asarray(profiles[1][name]), error)
        ratio = np.asarray(profiles[1][name] / profiles[0][name])
        np.testing.assert_allclose(ratio, 1, rtol=0.15)  # 300 samples give 4 per cent


def test_a_jackknife_leaves_one_lens_out():
    """Its covariance from the profiles of all lenses but one."""
    rng = np.random.default_rng(9)
    center = SkyCoord(150, 2, unit="deg")
    sky = uniform_sky(center, 0.4, 12_000, rng)
    e = 0.3 * (rng.normal(size=12_000) + 1j * rng.normal(size=12_000))
    catalog = ShearCatalog(catalog_columns(sky, e), "generic", "celestial", "shear",
                           max_ellipticity=np.inf)
    angle = 30 * u.deg * np.arange(12)
    lenses = center.directional_offset_by(angle, 12 * u.arcmin)
    bins = [1, 3, 5] * u.arcmin
    options = {"z_lens": 0.3, "z_source": 1.0}
    profile = shear_profile(catalog, lenses, bins, errors="jackknife", rng=1, **options)
    parts = [shear_profile(catalog, lenses[np.arange(12) != i], bins, **options) for i in range(12)]
    for name, error, matrix in (("g_t", "g_err", "covariance"),
                                ("delta_sigma", "delta_sigma_err", "covariance_delta_sigma")):
        values = np.array([np.asarray(part[name]) for part in parts])
        change = values - values.mean(axis=0)
        covariance = 11 / 12 * change.T @ change
        np.testing.assert_allclose(profile.meta[matrix], covariance, rtol=1e-6)
        np.testing.assert_allclose(np.asarray(profile[error]), np.sqrt(np.diag(covariance)))
    assert profile.meta["n_patches"] == 12 and profile.meta["bins_with_noise_errors"] == []
