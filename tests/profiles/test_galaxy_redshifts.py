# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""p(z) of each galaxy, or its mean inverse critical surface density, in profiles and fits."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import CENTERS, catalog_columns, uniform_sky

from lensmap import NFWHalo, ShearCatalog, fit_nfw
from lensmap.cosmology import distance_ratio, get_cosmology, sigma_crit
from lensmap.profiles import shear_profile
from lensmap.profiles._galaxy_redshifts import catalog_efficiency

CENTER = CENTERS["equator"]
GRID = np.linspace(0.0, 3.0, 61)
BINS = [1, 2, 4, 8] * u.arcmin


@pytest.fixture(scope="module")
def galaxies():
    """Galaxies whose true redshifts are drawn from their p(z), and the shear of a light halo."""
    rng, n = np.random.default_rng(0), 60_000
    sky = uniform_sky(CENTER, 0.14, n, rng)
    center = rng.uniform(0.2, 1.2, n)
    pz = np.exp(-0.5 * ((GRID - center[:, np.newaxis]) / 0.2) ** 2)
    pz[:, 0] = 0
    z = np.abs(center + 0.2 * rng.normal(size=n))
    halo = NFWHalo(1e14 * u.solMass, 4.0, 0.5)
    nodes = np.linspace(0.5, 3, 400)
    beta = np.interp(z, nodes, distance_ratio([0.5], nodes)[0], left=0)
    beta /= distance_ratio([0.5], [3.0])[0, 0]
    g = halo.tangential_shear(sky.separation(CENTER), 3.0) * beta
    e = -g * np.exp(2j * (np.pi / 2 - sky.position_angle(CENTER).rad))
    table = catalog_columns(sky, e, redshift=center, pz=pz.astype(np.float32))
    columns = {"preset": "generic", "pz": "pz"}
    catalog = ShearCatalog(table, columns, "celestial", "shear", z_grid=GRID)
    return catalog, halo


def test_the_efficiency_of_a_density(galaxies):
    catalog, _ = galaxies
    cosmology, rows = get_cosmology(None), np.arange(5)
    efficiency = catalog_efficiency(catalog, np.array([0.3, 0.5]), None, cosmology)
    z = np.linspace(0.001, 3, 6000)
    for i, z_lens in enumerate((0.3, 0.5)):
        first, second = efficiency.inverse_sigma_crit(i, rows)
        critical = sigma_crit(z_lens, 3.0).to_value(u.solMass / u.Mpc**2)
        ratio = distance_ratio([z_lens], z)[0]
        inverse = ratio / ratio[-1] / critical
        for row in rows:
            density = np.interp(z, GRID, catalog["pz"][row])
            density /= np.trapezoid(density, z)
            assert first[row] == pytest.approx(np.trapezoid(density * inverse, z), rel=1e-3)
            assert second[row] == pytest.approx(np.trapezoid(density * inverse**2, z), rel=1e-3)


def test_profiles_and_fits_by_the_density_of_each_galaxy(galaxies):
    catalog, halo = galaxies
    options = {"z_lens": 0.5}
    profile = shear_profile(catalog, CENTER, BINS, **options)
    low, high = profile["radius_low"], profile["radius_high"]
    radius = np.sqrt(np.linspace(low**2, high**2, 200))
    truth = np.mean(halo.mean_surface_density(radius) - halo.surface_density(radius), axis=0)
    np.testing.assert_allclose(profile["delta_sigma"] / truth, 1, atol=0.03)
    # The most likely redshift alone is wrong for galaxies near the lens.
    by_point = ShearCatalog(catalog.table, "generic", "celestial", "shear")
    assert by_point.pz is None
    point = shear_profile(by_point, CENTER, BINS, z_lens=0.5)
    assert np.all(point["delta_sigma"] < 0.97 * profile["delta_sigma"])
    options |= {"radii": [1, 8] * u.arcmin, "concentration": 4.0}
    assert (fit_nfw(catalog, CENTER, **options).m200c.value / 1e14) == pytest.approx(1, abs=0.05)
    # The same from a column of means
    efficiency = catalog_efficiency(catalog, np.array([0.5]), None, get_cosmology(None))
    inverse, _ = efficiency.inverse_sigma_crit(0, np.arange(len(catalog)))
    same = shear_profile(catalog, CENTER, BINS, z_lens=0.5, inverse_sigma_crit=inverse)
    np.testing.assert_allclose(same["delta_sigma"] / profile["delta_sigma"], 1, rtol=1e-6)
    inverse = (inverse * u.Mpc**2 / u.solMass).to(u.m**2 / u.kg)
    same = shear_profile(catalog, CENTER, BINS, z_lens=0.5, inverse_sigma_crit=inverse)
    np.testing.assert_allclose(same["delta_sigma"] / profile["delta_sigma"], 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"z_source": 1.0, "inverse_sigma_crit": [1.0]}, "None if z_source is given"),
        ({"inverse_sigma_crit": [1.0], "z_lens": None}, "z_lens must be given with inverse"),
        ({"z_lens": 3.5}, "lower than the last redshift of z_grid"),
        ({"margin": -0.1}, "margin must be 0 or more"),
        ({"margin": 0.1, "min_probability": 2.0}, "min_probability must be from 0 to 1"),
        ({"margin": 0.1, "z_source": 1.0}, "margin must be None if z_source is given"),
        ({"margin": 0.1, "z_lens": None}, "z_lens must be given with margin"),
        ({"inverse_sigma_crit": [1.0]}, "one value for each of the"),
        ({"inverse_sigma_crit": [1.0] * u.s}, "a number for each galaxy in Mpc2 / solMass, not in"),
        ({"inverse_sigma_crit": "pz"}, "one value for each of the"),
    ],
)
def test_bad_input(galaxies, options, message):
    with pytest.raises(ValueError, match=message):
        shear_profile(galaxies[0], CENTER, BINS, **{"z_lens": 0.5} | options)


def test_bad_combinations(galaxies):
    catalog, _ = galaxies
    ones = np.ones(len(catalog))
    two = SkyCoord([CENTER, CENTER])
    with pytest.raises(ValueError, match="inverse_sigma_crit must be None for lenses at several"):
        shear_profile(catalog, two, BINS, z_lens=[0.4, 0.5], inverse_sigma_crit=ones)
    with pytest.raises(ValueError, match="inverse_sigma_crit must be positive for some galaxy"):
        shear_profile(catalog, CENTER, BINS, z_lens=0.5, inverse_sigma_crit=0 * ones)
    profile = shear_profile(catalog, CENTER, BINS, z_lens=0.5)
    with pytest.raises(ValueError, match="inverse_sigma_crit must be None if data is a profile"):
        fit_nfw(profile, z_lens=0.5, inverse_sigma_crit=ones)
