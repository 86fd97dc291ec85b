# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The excess surface density of reduced shear, corrected to that of shear."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from lenses import CENTERS, catalog_columns

from lensmap import NFWHalo, ShearCatalog, fit_nfw
from lensmap.profiles import correct_reduced_shear, shear_profile

CENTER = CENTERS["dec 45"]
BINS = [0.1, 0.15, 0.3, 0.6, 1.2, 2.4] * u.Mpc


@pytest.mark.parametrize("spread", [False, True])
def test_delta_sigma_is_that_of_shear_after_the_correction(spread):
    rng, n = np.random.default_rng(0), 60_000
    halo = NFWHalo(1e15 * u.solMass, 4.0, 0.3)
    distance = halo.cosmology.angular_diameter_distance(0.3).to_value(u.Mpc)
    radius = np.sqrt(rng.uniform(0.1**2, 2.4**2, n))
    sky = CENTER.directional_offset_by(2 * np.pi * rng.random(n) * u.rad, radius / distance * u.rad)
    z = rng.choice([0.4, 1.0, 2.0], n) if spread else np.full(n, 1.0)
    g = np.zeros(n)
    for redshift in np.unique(z):
        same = z == redshift
        g[same] = halo.reduced_shear(radius[same] * u.Mpc, redshift)
    usable = np.abs(g) < 1
    e = -g * np.exp(2j * (np.pi / 2 - sky.position_angle(CENTER).rad))
    table = catalog_columns(sky[usable], e[usable], redshift=z[usable])
    catalog = ShearCatalog(table, "generic", "celestial", "shear")
    profile = shear_profile(catalog, CENTER, BINS, z_lens=0.3, errors="bootstrap", n_bootstrap=20,
                            rng=0)
    inside = np.sqrt(np.linspace(BINS[:-1] ** 2, BINS[1:] ** 2, 400))
    truth = np.mean(halo.mean_surface_density(inside) - halo.surface_density(inside), axis=0)
    assert profile.meta["delta_sigma_of"] == "reduced shear"
    assert profile["delta_sigma"][0] > 1.2 * truth[0]
    fit = fit_nfw(profile, z_lens=0.3, concentration="free", radii=[0.2, 2.4] * u.Mpc)
    for model in (halo, fit):
        fixed = correct_reduced_shear(profile, model)
        # With a spread of redshifts, the first order in the convergence is exact.
        tolerance = [0.2, 0.06, 0.03, 0.02, 0.02] if spread else [0.03, 0.02, 0.01, 0.01, 0.01]
        assert np.all(np.abs((fixed["delta_sigma"] / truth).value - 1) < tolerance)
        assert fixed.meta["delta_sigma_of"] == "shear"
        factor = fixed["delta_sigma"] / profile["delta_sigma"]
        np.testing.assert_allclose(fixed["delta_sigma_err"] / profile["delta_sigma_err"], factor)
        matrix = np.array(fixed.meta["covariance_delta_sigma"])
        np.testing.assert_allclose(np.sqrt(np.diag(matrix)), fixed["delta_sigma_err"].value)
        np.testing.assert_array_equal(fixed["g_t"], profile["g_t"])
    with pytest.raises(ValueError, match="profile must have a delta_sigma of reduced shear, not"):
        correct_reduced_shear(fixed, halo)
    with pytest.raises(ValueError, match="halo must be at the lens redshift of the profile, 0.3"):
        correct_reduced_shear(profile, NFWHalo(1e15 * u.solMass, 4.0, 0.4))
    with pytest.raises(TypeError, match="halo must be an NFWFit or an NFWHalo, not float"):
        correct_reduced_shear(profile, 1e15)
    with pytest.raises(ValueError, match="profile must have the column 'delta_sigma'"):
        correct_reduced_shear(profile["radius", "g_t"], halo)


def test_the_factor_of_a_ring_by_hand():
    """The mean excess of a ring over that of reduced shear, by a fine sum over its area."""
    halo, unit = NFWHalo(1e15 * u.solMass, 4.0, 0.3), u.solMass / u.Mpc**2
    low, high = np.array([0.3, 0.5, 1.0]), np.array([0.301, 1.0, 3.0])
    critical = np.array([3e15, 2e15, 4e15])
    profile = QTable({
        "radius_low": low * u.Mpc, "radius_high": high * u.Mpc, "sigma_crit_kappa": critical * unit,
        "delta_sigma": [5e14, 3e14, 1e14] * unit, "delta_sigma_x": [1e13, 2e13, 3e13] * unit,
        "delta_sigma_err": [4e13, 3e13, 2e13] * unit, "g_t": [0.2, 0.1, 0.05],
    })
    matrix = np.array([[4.0, 1, 2], [1, 9, 3], [2, 3, 16]])
    profile.meta = {"z_lens": 0.3, "delta_sigma_of": "reduced shear",
                    "covariance_delta_sigma": matrix.tolist()}
    fixed = correct_reduced_shear(profile, halo)
    radius = np.sqrt(low**2 + (np.arange(2000)[:, np.newaxis] + 0.5) / 2000 * (high**2 - low**2))
    sigma = halo.surface_density(radius * u.Mpc).value
    excess = halo.mean_surface_density(radius * u.Mpc).value - sigma
    factor = np.mean(excess, axis=0) / np.mean(excess / (1 - sigma / critical), axis=0)
    assert 0.5 < factor[0] < 0.9  # next to 1 - kappa, as in a thin ring
    assert factor[0] == pytest.approx(1 - sigma[1000, 0] / critical[0], rel=1e-4)
    for name in ("delta_sigma", "delta_sigma_x", "delta_sigma_err"):
        np.testing.assert_allclose(fixed[name] / profile[name], factor, rtol=1e-6)
    covariance = matrix * factor * factor[:, np.newaxis]
    np.testing.assert_allclose(fixed.meta["covariance_delta_sigma"], covariance, rtol=1e-6)
    np.testing.assert_array_equal(fixed["g_t"], profile["g_t"])
    # Redshifts of lens and halo that differ by less than 0.001 are the same.
    profile.meta["z_lens"] = 0.3011
    with pytest.raises(ValueError, match="halo must be at the lens redshift of the profile"):
        correct_reduced_shear(profile, halo)
    profile.meta["z_lens"] = 0.3009
    del profile.meta["covariance_delta_sigma"]
    again = correct_reduced_shear(profile, halo)
    np.testing.assert_array_equal(again["delta_sigma"], fixed["delta_sigma"])
