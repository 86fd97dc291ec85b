# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Halos, masses and stacks against CLMM with CCL, whose values ``scripts/clmm_values.py`` wrote."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from astropy.table import QTable

from lensmap import NFWHalo, ShearCatalog, fit_nfw
from lensmap.cosmology import distance_ratio
from lensmap.halos import MiscenteredLens, convert_mass
from lensmap.profiles import Efficiency, shear_profile

CLMM = json.loads((Path(__file__).parents[1] / "data" / "clmm.json").read_text("utf-8"))
RADIUS, OF_HALO = np.array(CLMM["radius"]) * u.Mpc, CLMM["of_halo"]
MASS, C, Z_LENS = CLMM["halo"]["m200c"], CLMM["halo"]["c200c"], CLMM["halo"]["z_lens"]
Z_SOURCE = CLMM["z_source"]

# CLMM always has one neutrino of 0.06 eV.
COSMOLOGY = FlatLambdaCDM(
    70, 0.3, Ob0=0.046, Tcmb0=2.7255, Neff=3.046, m_nu=[0, 0, 0.06] * u.eV
)
HALO = NFWHalo(MASS * u.solMass, C, Z_LENS, cosmology=COSMOLOGY)


def test_critical_surface_density():
    ours = {"H0": COSMOLOGY.H0.value, "Omega_dm0": COSMOLOGY.Odm0, "Omega_b0": COSMOLOGY.Ob0,
            "Omega_k0": 0.0}
    assert ours == pytest.approx(CLMM["cosmology"])
    inverse, _ = Efficiency.from_sources(
        Z_SOURCE, np.array([Z_LENS]), COSMOLOGY
    ).inverse_sigma_crit(0, np.zeros(1, dtype=int))
    assert 1 / inverse[0] == pytest.approx(OF_HALO["sigma_crit"], rel=1e-3)


def test_profiles_of_a_halo():
    sigma = HALO.surface_density(RADIUS)
    found = {
        "sigma": sigma.value,
        "delta_sigma": (HALO.mean_surface_density(RADIUS) - sigma).value,
        "gamma_t": HALO.tangential_shear(RADIUS, Z_SOURCE),
        "kappa": HALO.kappa(RADIUS, Z_SOURCE),
        "g_t": HALO.reduced_shear(RADIUS, Z_SOURCE),
    }
    for name, values in found.items():
        np.testing.assert_allclose(values, OF_HALO[name], rtol=1e-3, err_msg=name)


def test_wrong_centers():
    distance = COSMOLOGY.angular_diameter_distance(Z_LENS).value
    lens = MiscenteredLens(Z_LENS, COSMOLOGY, 1.0, CLMM["offset"] / distance)
    _, excess = lens.surface_density(RADIUS.value / distance, np.log(MASS), np.log(C))
    # CLMM has single offsets, of which the script takes the mean.
    np.testing.assert_allclose(excess, OF_HALO["delta_sigma_miscentered"], rtol=1e-3)


@pytest.mark.parametrize("definition", ["500c", "200m"])
def test_other_definitions_of_the_mass(definition):
    mass, _, c = convert_mass(MASS * u.solMass, C, Z_LENS, "200c", definition, COSMOLOGY)
    expected = CLMM["masses"][definition]
    np.testing.assert_allclose([mass.to_value(u.solMass), c], expected, rtol=1e-3)


def test_the_fit_of_a_profile_of_clmm_has_its_mass():
    """At single radii: rings as narrow as these have no gradient of the shear."""
    width = 1e-4
    profile = QTable({
        "radius": RADIUS, "radius_low": RADIUS * (1 - width), "radius_high": RADIUS * (1 + width),
        "g_t": OF_HALO["g_t"], "g_err": np.full(len(RADIUS), 1e-3),
    })
    fit = fit_nfw(profile, z_lens=Z_LENS, z_source=Z_SOURCE, concentration=C, cosmology=COSMOLOGY)
    assert fit.m200c.value == pytest.approx(MASS, rel=1e-3)
    # Sources at several redshifts count with <beta^2> / <beta>^2, in CLMM to first order in kappa.
    beta, square = CLMM["betas"]["beta"], CLMM["betas"]["beta_square"]
    infinite = OF_HALO["sigma_crit"] * _beta(Z_SOURCE)
    profile["g_t"] = OF_HALO["g_t_of_betas"]
    profile["sigma_crit"] = np.full(len(RADIUS), infinite / beta) * u.solMass / u.Mpc**2
    profile["efficiency_ratio"] = np.full(len(RADIUS), square / beta**2)
    fit = fit_nfw(profile, z_lens=Z_LENS, concentration=C, cosmology=COSMOLOGY,
                  radii=[0.5, 4] * u.Mpc)
    assert fit.m200c.value == pytest.approx(MASS, rel=1e-3)


def _beta(z_source):
    """Return the lensing efficiency relative to sources at redshift 1000, CLMM's infinity."""
    near, far = distance_ratio([Z_LENS], [z_source, 1000.0], COSMOLOGY)[0]
    return near / far


@pytest.mark.parametrize("convention", ["celestial", "euclidean"])
def test_a_stack(convention):
    stack = CLMM["stack"]
    catalog = ShearCatalog(stack["galaxies"], "generic", convention, "shear")
    lenses = SkyCoord(stack["lenses"]["ra"], stack["lenses"]["dec"], unit="deg")
    edges = stack["profiles"]["edges_arcmin"] * u.arcmin
    profile = shear_profile(catalog, lenses, edges, z_lens=stack["lenses"]["z"],
                            cosmology=COSMOLOGY)
    expected = stack["profiles"][convention]
    np.testing.assert_allclose(profile["g_t"], expected["g_t"], rtol=1e-3)
    np.testing.assert_allclose(profile["delta_sigma"].value, expected["delta_sigma"], rtol=1e-3)
    # CLMM's cross shear is that of the basis of its input, lensmap's always that of x to the east.
    sign = -1 if convention == "euclidean" else 1
    np.testing.assert_allclose(profile["g_x"], sign * np.array(expected["g_x"]), rtol=1e-3)
