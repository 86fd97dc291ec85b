# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Columns and meta of shear profiles for a few galaxies at known separations."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from lenses import catalog_columns

from lensmap import ShearCatalog
from lensmap.profiles import _shear_profile, shear_profile
from lensmap.utils import LensmapWarning

CENTER, N = SkyCoord(150, 60, unit="deg"), 60
UNIT = u.solMass / u.Mpc**2
COSMOLOGY = FlatLambdaCDM(70, 0.3)  # without the parameters of structure formation
LENGTHS, Z = np.array([0.2, 0.5, 1.0, 1.6]), 0.3
MPC = 1 / COSMOLOGY.angular_diameter_distance(Z).value  # radians
# The galaxies around a lens: 20 in each bin, and the last 6 of these are not behind it.
BIN = np.repeat([0, 1, 2], 20)
RNG = np.random.default_rng(5)
RADIUS = LENGTHS[BIN] + RNG.uniform(0.05, 0.95, N) * np.diff(LENGTHS)[BIN]
SHEAR = RNG.normal(0.1, 0.1, N) + 1j * RNG.normal(0, 0.1, N)
WEIGHT, SIGMA = RNG.uniform(0.5, 2, N), RNG.uniform(0.2, 0.4, N)
INVERSE = np.append(RNG.uniform(1, 3, N - 6), np.zeros(6)) * 1e-16


def _catalog(radius=RADIUS * MPC, *, z_grid=None, **more):
    angle = 2.4 * np.arange(N)  # in all directions
    sky = CENTER.directional_offset_by(angle * u.rad, radius * u.rad)
    to_center = np.pi / 2 - sky.position_angle(CENTER).rad  # from east through north
    columns = catalog_columns(sky, -SHEAR * np.exp(2j * to_center), weight=WEIGHT, sigma_e=SIGMA,
                              **more)
    names = {"preset": "generic"} | ({} if z_grid is None else {"pz": "pz"})
    return ShearCatalog(columns, names, "celestial", "shear", z_grid=z_grid,
                        max_ellipticity=np.inf)


def _profile(**options):
    return shear_profile(_catalog(), CENTER, LENGTHS * u.Mpc, z_lens=Z, cosmology=COSMOLOGY,
                         inverse_sigma_crit=INVERSE, **options)


def _sums(values, used):
    return np.bincount(BIN[used], np.asarray(values)[used], minlength=3)


def test_every_column_with_critical_densities():
    profile, used = _profile(), INVERSE > 0
    w, wb, wbb, wbbb = (_sums(WEIGHT * INVERSE**k, used) for k in range(4))
    expected = {
        "radius_low": LENGTHS[:-1] * u.Mpc, "radius_high": LENGTHS[1:] * u.Mpc,
        "radius": _sums(WEIGHT * RADIUS, used) / w * u.Mpc,
        "n_pairs": [20, 20, 14], "weight": w,
        "g_t": _sums(WEIGHT * SHEAR.real, used) / w, "g_x": _sums(WEIGHT * SHEAR.imag, used) / w,
        "g_err": np.sqrt(_sums((WEIGHT * SIGMA) ** 2, used)) / w,
        "delta_sigma": _sums(WEIGHT * INVERSE * SHEAR.real, used) / wbb * UNIT,
        "delta_sigma_x": _sums(WEIGHT * INVERSE * SHEAR.imag, used) / wbb * UNIT,
        "delta_sigma_err": np.sqrt(_sums((WEIGHT * INVERSE * SIGMA) ** 2, used)) / wbb * UNIT,
        "sigma_crit": w / wb * UNIT, "efficiency_ratio": wbb * w / wb**2,
        "sigma_crit_kappa": wbb / wbbb * UNIT, "weight_delta_sigma": wbb / UNIT**2,
    }
    assert profile.colnames == list(expected)
    for name, values in expected.items():
        assert getattr(profile[name], "unit", None) == getattr(values, "unit", None), name
        np.testing.assert_allclose(np.asarray(profile[name]), np.asarray(values), rtol=1e-6,
                                   err_msg=name)
    assert profile.meta == {
        "n_positions": 1, "errors": "shape noise", "lens_weight": 1.0, "n_effective_positions": 1.0,
        "z_lens": Z, "delta_sigma_of": "reduced shear", "n_pairs_left_out": 6,
    }


def test_without_redshifts_there_is_only_shear():
    edges = LENGTHS * MPC * u.rad
    profile, used = shear_profile(_catalog(), CENTER, edges), np.full(N, True)
    assert profile.colnames == [
        "radius_low", "radius_high", "radius", "n_pairs", "weight", "g_t", "g_x", "g_err"
    ]
    expected = _sums(WEIGHT * SHEAR.real, used) / _sums(WEIGHT, used)
    np.testing.assert_allclose(profile["g_t"], expected, rtol=1e-6)
    assert profile.meta == {"n_positions": 1, "errors": "shape noise", "lens_weight": 1.0,
                            "n_effective_positions": 1.0}


def test_which_positions_are_stacked():
    """Off the survey; without a weight; in the galaxies; at a distance from all of them."""
    arcmin = np.radians(1 / 60)
    radius = np.linspace(0.3, 0.9, N) * arcmin  # each has ten neighbors within 1 arcmin
    distance = [20, 0, 0, 6] * u.arcmin
    positions = CENTER.directional_offset_by(0 * u.deg, distance)
    edges = [0.6, 2, 4, 8] * u.arcmin
    profile = shear_profile(_catalog(radius), positions, edges, z_lens=[0.9, 0.7, 0.2, 0.4],
                            lens_weight=[1.0, 0.0, 2.0, 0.5])
    near = radius > 0.6 * arcmin
    np.testing.assert_array_equal(profile["n_pairs"], [np.count_nonzero(near), 0, N])
    expected = [2 * WEIGHT[near].sum(), 0, 0.5 * WEIGHT.sum()]
    np.testing.assert_allclose(profile["weight"], expected)
    assert profile.meta["n_positions"] == 2 and profile.meta["lens_weight"] == 2.5
    assert profile.meta["n_effective_positions"] == pytest.approx(2.5**2 / (4 + 0.25))
    assert profile.meta["z_lens"] == pytest.approx((2 * 0.2 + 0.5 * 0.4) / 2.5)


def test_meta_of_galaxies_behind_a_margin():
    by_redshift = _catalog(redshift=np.linspace(0.3, 1, N))
    options = {"z_lens": Z, "margin": 0.1}
    meta = shear_profile(by_redshift, CENTER, LENGTHS * u.Mpc, **options).meta
    assert meta["margin"] == 0.1 and "min_probability" not in meta
    grid = np.linspace(0, 2, 21)
    pz = np.where((grid > 0.55) & (grid < 1.25), 1.0, 0.0) * np.ones((N, 1))
    by_density = _catalog(z_grid=grid, pz=pz)
    meta = shear_profile(by_density, CENTER, LENGTHS * u.Mpc, **options).meta
    assert meta["margin"] == 0.1 and meta["min_probability"] == 0.98


COVARIANCES = {"g_t": np.diag([0.04, 0.09, 0.01]) + 0.002,
               "delta_sigma": np.diag([4.0, 9, 1]) * 1e28 + 2e26}


def _check_errors(profile):
    for name, matrix, unit in (("g_err", "covariance", None),
                               ("delta_sigma_err", "covariance_delta_sigma", UNIT)):
        covariance = COVARIANCES["g_t" if unit is None else "delta_sigma"]
        assert profile.meta[matrix] == covariance.tolist()
        assert getattr(profile[name], "unit", None) == unit
        np.testing.assert_allclose(np.asarray(profile[name]), np.sqrt(np.diag(covariance)))


@pytest.mark.parametrize(("given", "n"), [({}, 200), ({"n_bootstrap": 2}, 2)])
def test_a_bootstrap_about_one_position_resamples_its_pairs(given, n, monkeypatch):
    def covariances(sums, terms, sources, n_bootstrap, rng):
        assert n_bootstrap == n and isinstance(rng, np.random.Generator)
        assert len(sources) == N
        np.testing.assert_array_equal(sums.of_bins(terms)[0], [20, 20, 14])
        return COVARIANCES

    monkeypatch.setattr(_shear_profile, "noise_covariances", covariances)
    profile = _profile(errors="bootstrap", rng=3, **given)
    _check_errors(profile)
    assert profile.meta["n_bootstrap"] == n and profile.meta["seed"] == 3
    assert "n_patches" not in profile.meta


@pytest.mark.parametrize(("n", "given", "n_patches", "n_bootstrap"), [
    (101, {"errors": "jackknife"}, 100, None),
    (12, {"errors": "jackknife"}, 12, None),
    (2, {"errors": "jackknife"}, 2, None),
    (12, {"errors": "bootstrap"}, None, 200),
    (12, {"errors": "bootstrap", "n_patches": 2, "n_bootstrap": 2}, 2, 2),
])
def test_patches_that_are_resampled(n, given, n_patches, n_bootstrap, monkeypatch):
    asked = []

    def sky_patches(positions, number, rng):
        assert len(positions) == n
        asked.append(number)
        return np.arange(n) % number

    def patch_covariances(sums, patch_sums, samples, rng):
        asked.extend([len(patch_sums), samples])
        np.testing.assert_array_equal(patch_sums[:, 0].sum(axis=0), n * np.array([20, 20, 14]))
        return COVARIANCES, np.array([True, False, True])

    monkeypatch.setattr(_shear_profile, "sky_patches", sky_patches)
    monkeypatch.setattr(_shear_profile, "patch_covariances", patch_covariances)
    options = {"z_lens": Z, "inverse_sigma_crit": INVERSE, "cosmology": COSMOLOGY} | given
    arguments = _catalog(), SkyCoord([CENTER] * n), LENGTHS * u.Mpc
    if n_patches == 2:
        with pytest.warns(LensmapWarning, match="over only 2 positions or patches"):
            profile = shear_profile(*arguments, **options)
    else:
        profile = shear_profile(*arguments, **options)
    number = n if n_patches is None else n_patches
    assert asked == [*([] if n_patches is None else [n_patches]), number, n_bootstrap]
    _check_errors(profile)
    assert profile.meta["n_patches"] == number and "seed" in profile.meta
    assert profile.meta.get("n_bootstrap") == n_bootstrap
    assert profile.meta["bins_with_noise_errors"] == [0, 2]
