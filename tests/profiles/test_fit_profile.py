# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Bins of a profile as data of a fit: their selection, covariance and model, by hand."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from lensmap import NFWHalo, SourceRedshifts
from lensmap.cosmology import distance_ratio, get_cosmology, sigma_crit
from lensmap.halos import MiscenteredLens
from lensmap.profiles._fit_profile import lens_model, profile_data
from lensmap.profiles._halo_parameters import HaloValues

COSMOLOGY, Z = get_cosmology(None), np.array([0.3])
HALO = NFWHalo(8e14 * u.solMass, 4.0, 0.3)
VALUES = [HaloValues(np.log(8e14), np.log(4.0), 0.0, 0.0)]
EDGES = np.array([1.0, 1.5, 2.0, 3.0, 4.0]) * u.arcmin
UNIT = u.solMass / u.Mpc**2


def _profile(**more):
    profile = QTable({
        "radius_low": EDGES[:-1], "radius_high": EDGES[1:],
        "radius": [1.3, 1.75, 2.5, 3.5] * u.arcmin,
        "g_t": [0.2, 0.15, 0.1, 0.08], "g_err": [0.02, 0.015, 0.01, 0.03],
        "sigma_crit": [4.0e15, 3.8e15, 3.7e15, 4.2e15] * UNIT,
        "efficiency_ratio": [1.0, 1.2, 1.1, 1.3],
    })
    for name, values in more.items():
        profile[name] = values
    return profile


def _data(profile, z_source=None, radii=None, covariance=None, miscentering=None):
    return profile_data(profile, Z, z_source, radii, covariance, miscentering, COSMOLOGY)


def _expected(sigma_critical, ratio):
    """Return the mean reduced shear over the area of each ring."""
    low, high = EDGES[:-1] ** 2, EDGES[1:] ** 2
    theta = np.sqrt(low + (np.arange(2000)[:, np.newaxis] + 0.5) / 2000 * (high - low))
    sigma = HALO.surface_density(theta)
    excess = HALO.mean_surface_density(theta) - sigma
    return np.mean(excess / sigma_critical / (1 - ratio * sigma / sigma_critical), axis=0).value


def test_the_model_is_the_mean_over_a_ring():
    profile = _profile()
    data = _data(profile)
    model = data.model(VALUES)
    np.testing.assert_allclose(
        model, _expected(profile["sigma_crit"], profile["efficiency_ratio"]), rtol=1e-6
    )
    np.testing.assert_allclose(data.residuals(VALUES), (profile["g_t"] - model) / profile["g_err"])
    inverse, ratio = data.efficiency(0)
    assert inverse == pytest.approx(np.mean(1 / profile["sigma_crit"].value))
    assert ratio == pytest.approx(1.15) and not data.adapts and data.n == data.n_independent == 4


def test_sources_of_many_redshifts_have_one_efficiency():
    sources = SourceRedshifts([0.5, 1.0, 2.0], [1.0, 2.0, 1.0])
    data = _data(_profile(), sources)
    z = 0.5 + 1.5 * (np.arange(600) + 0.5) / 600
    density = np.interp(z, [0.5, 1.0, 2.0], [1.0, 2.0, 1.0])
    beta = distance_ratio([0.3], z, COSMOLOGY)[0]
    mean, square = (np.average(beta**k, weights=density) for k in (1, 2))
    critical = sigma_crit(0.3, 1.0, COSMOLOGY) * distance_ratio([0.3], [1.0], COSMOLOGY) / mean
    np.testing.assert_allclose(
        data.model(VALUES), _expected(critical.ravel(), square / mean**2), rtol=2e-6
    )


@pytest.mark.parametrize(("change", "radii", "used"), [
    ({}, [1.75, 2.5] * u.arcmin, [1, 2]),
    ({}, [1.76, 2.49] * u.deg / 60, []),
    ({"g_t": [np.nan, 0.15, 0.1, 0.08]}, None, [1, 2, 3]),
    ({"g_err": [0.02, np.nan, 0.0, 2.0]}, None, [0, 3]),
    ({"radius": [np.nan, 1.75, 2.5, 3.5] * u.arcmin, "g_t": [np.nan, 0.15, 0.1, 0.08]},
     [0.0, 4.0] * u.arcmin, [1, 2, 3]),
])
def test_which_bins_are_used(change, radii, used):
    profile = _profile(**change)
    if not used:
        with pytest.raises(ValueError, match="data must have at least one bin"):
            _data(profile, radii=radii)
        return
    data = _data(profile, radii=radii)
    np.testing.assert_array_equal(data.measured, profile["g_t"][used])
    model = _data(_profile()).model(VALUES)[used]
    residuals = (profile["g_t"][used] - model) / profile["g_err"][used]
    np.testing.assert_allclose(data.residuals(VALUES), residuals)
    assert data.efficiency(0)[1] == pytest.approx(np.mean(profile["efficiency_ratio"][used]))


def test_lengths_are_those_at_the_lens():
    mpc = COSMOLOGY.angular_diameter_distance(0.3) / u.rad
    profile = _profile(**{
        name: (_profile()[name] * mpc).to(u.Mpc) for name in ("radius", "radius_low", "radius_high")
    })
    np.testing.assert_allclose(_data(profile).model(VALUES), _data(_profile()).model(VALUES))


def test_chi_squared_with_a_covariance():
    profile = _profile()
    added = 1e-4 * np.array([[4, 2, 1, 0], [2, 5, 1, 1], [1, 1, 3, -1], [0, 1, -1, 2.0]])
    for radii, used in ((None, [0, 1, 2, 3]), ([1.7, 4] * u.arcmin, [1, 2, 3])):
        data = _data(profile, covariance=added, radii=radii)
        residual = data.measured - data.model(VALUES)
        matrix = (added + np.diag(np.asarray(profile["g_err"]) ** 2))[np.ix_(used, used)]
        expected = residual @ np.linalg.inv(matrix) @ residual
        assert np.sum(data.residuals(VALUES) ** 2) == pytest.approx(expected)


@pytest.mark.parametrize(("meta", "n", "radii", "factor"), [
    # (n - 1) / (n - p - 2), and 1 + B (p - 2) with B of Dodelson & Schneider, p of 4 and 1 bins
    ({"n_bootstrap": 300, "n_patches": 60}, 50, None, 49 / 44 * (1 + 44 / 45 / 42 * 2)),
    ({"n_patches": 10}, 10, None, 9 / 4 * (1 + 4 / 5 / 2 * 2)),
    ({"n_bootstrap": 50}, 50, [1.7, 2.0] * u.arcmin, 49 / 47),
])
def test_covariances_of_few_samples_are_widened(meta, n, radii, factor):
    profile = _profile()
    matrix = np.diag([4.0, 3, 2, 5]) * 1e-4 + 5e-5
    profile.meta |= {"covariance": matrix.tolist()} | meta
    data = _data(profile, radii=radii)
    used = [1] if radii is not None else [0, 1, 2, 3]
    residual = data.measured - data.model(VALUES)
    expected = residual @ np.linalg.inv(matrix[np.ix_(used, used)] * factor) @ residual
    assert np.sum(data.residuals(VALUES) ** 2) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("meta", "cause"), [
    ({"n_patches": 9}, "not one from 9 positions or patches:"),
    ({"n_bootstrap": 9}, "not one from 9 bootstrap samples:"),
    ({"n_bootstrap": 40, "n_patches": 12}, "12 positions or patches and 40 bootstrap samples:"),
])
def test_too_few_samples(meta, cause):
    profile = _profile()
    profile.meta |= {"covariance": (np.eye(4) * 1e-4).tolist()} | meta
    with pytest.raises(ValueError, match=cause):
        _data(profile)


def test_the_redshift_is_that_of_the_profile():
    profile = _profile()
    profile.meta["z_lens"] = 0.3005
    _data(profile)
    profile.meta["z_lens"] = 0.302
    with pytest.raises(ValueError, match="z_lens must be 0.302"):
        _data(profile)


@pytest.mark.parametrize("fraction", [0.25, 1.0])
def test_wrong_centers(fraction):
    theta = EDGES.to_value(u.rad)
    sigma = 0.2 / COSMOLOGY.angular_diameter_distance(0.3).value
    expected = MiscenteredLens(0.3, COSMOLOGY, fraction, sigma)
    expected = expected.surface_density(theta, np.log(8e14), np.log(4))
    for offset in (0.2 * u.Mpc, sigma * u.rad):
        lens = lens_model(Z, (fraction, offset), COSMOLOGY)
        found = lens.surface_density(theta, np.log(8e14), np.log(4))
        np.testing.assert_allclose(found, expected)
    for bad in (-0.1, 1.5):
        with pytest.raises(ValueError, match="a fraction of the centers, 0 to 1"):
            lens_model(Z, (bad, 0.2 * u.Mpc), COSMOLOGY)


def test_the_shear_of_right_and_wrong_centers_is_averaged():
    profile = _profile()
    data = _data(profile, miscentering=(0.25, 0.2 * u.Mpc))
    wrong = _data(profile, miscentering=(1.0, 0.2 * u.Mpc))
    expected = 0.75 * _data(profile).model(VALUES) + 0.25 * wrong.model(VALUES)
    np.testing.assert_allclose(data.model(VALUES), expected)
