# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The shear of halos against GalSim and colossus, which were written by others."""

import numpy as np
import pytest
import treecorr
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from lenses import catalog_columns, uniform_sky

from lensmap import NFWHalo, ShearCatalog
from lensmap.profiles import shear_profile

galsim = pytest.importorskip("galsim")

# GalSim has the factor of r200 (1.63e-5) in few digits.
ROUNDED = 2e-3

# GalSim's masses are in units of 1 / h.
COSMOLOGY = FlatLambdaCDM(H0=100, Om0=0.3)

# It fills only parts of some arrays, which numpy 2.4 does not like.
pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")


@pytest.mark.parametrize("z_source", [0.6, 2.0])
def test_shear_and_convergence_of_a_halo(z_source):
    cosmology = COSMOLOGY
    halo = NFWHalo(6e14 * u.solMass, 4.0, 0.3, cosmology=cosmology)
    other = galsim.NFWHalo(mass=6e14, conc=4.0, redshift=0.3, omega_m=0.3, omega_lam=0.7)
    theta = np.geomspace(0.2, 30, 25) * u.arcmin
    position = (theta.to_value(u.arcsec), np.zeros(25))
    shear = -other.getShear(position, z_source, reduced=False)[0]
    np.testing.assert_allclose(halo.tangential_shear(theta, z_source), shear, rtol=ROUNDED)
    np.testing.assert_allclose(
        halo.kappa(theta, z_source), other.getConvergence(position, z_source), rtol=ROUNDED
    )
    reduced = -other.getShear(position, z_source)[0]
    np.testing.assert_allclose(halo.reduced_shear(theta, z_source), reduced, rtol=ROUNDED)


def test_shear_and_convergence_with_the_numbers_of_galsim():
    """The same scale radius, and GalSim's c / H0, critical density and Sigma_c, rounded there."""
    from astropy import constants

    other = galsim.NFWHalo(mass=6e14, conc=4.0, redshift=0.3, omega_m=0.3, omega_lam=0.7)
    distance = COSMOLOGY.angular_diameter_distance(0.3).value
    scale_radius = (other.rs_arcsec * u.arcsec).to_value(u.rad) * distance
    density = 200 * COSMOLOGY.critical_density(0.3).to_value(u.solMass / u.Mpc**3)
    mass = 4 * np.pi / 3 * density * (4.0 * scale_radius) ** 3
    halo = NFWHalo(mass * u.solMass, 4.0, 0.3, cosmology=COSMOLOGY)
    critical = COSMOLOGY.critical_density0.to_value(u.solMass / u.Mpc**3)
    surface = constants.c * COSMOLOGY.H0 / (4 * np.pi * constants.G)
    factor = 2.7722e11 / critical * surface.to_value(u.solMass / u.Mpc**2) / 5.5444e14
    factor *= other.rs / scale_radius
    assert factor == pytest.approx(1, abs=3e-3)
    theta = np.geomspace(0.2, 30, 25) * u.arcmin
    position = (theta.to_value(u.arcsec), np.zeros(25))
    gamma, kappa = factor * halo.tangential_shear(theta, 1.0), factor * halo.kappa(theta, 1.0)
    for reduced, expected in ((False, gamma), (True, gamma / (1 - kappa))):
        shear = -other.getShear(position, 1.0, reduced=reduced)[0]
        np.testing.assert_allclose(shear, expected, rtol=2e-4)
    np.testing.assert_allclose(other.getConvergence(position, 1.0), kappa, rtol=2e-4)


def test_the_excess_surface_density_of_colossus():
    from colossus.halo.profile_nfw import NFWProfile

    from lensmap.cosmology import colossus_cosmology

    halo = NFWHalo(6e14 * u.solMass, 4.0, 0.3)
    radius = np.geomspace(0.1, 5, 25)
    with colossus_cosmology() as colossus:
        h = colossus.h
        other = NFWProfile(M=6e14 * h, c=4.0, z=0.3, mdef="200c")
        excess = other.deltaSigma(radius * 1000 * h, interpolate=False) * h * 1e6
        sigma = other.surfaceDensity(radius * 1000 * h, interpolate=False) * h * 1e6
    ours = halo.surface_density(radius * u.Mpc)
    np.testing.assert_allclose(ours.value, sigma, rtol=1e-3)
    np.testing.assert_allclose(
        (halo.mean_surface_density(radius * u.Mpc) - ours).value, excess, rtol=1e-3
    )


def test_the_profile_of_a_catalog_that_galsim_sheared():
    cosmology = COSMOLOGY
    center = SkyCoord(40.0, 0.0, unit="deg")
    sky = uniform_sky(center, 0.2, 20_000, np.random.default_rng(0))
    lon, lat = center.spherical_offsets_to(sky)
    other = galsim.NFWHalo(mass=6e14, conc=4.0, redshift=0.3, omega_m=0.3, omega_lam=0.7)
    # x to the east, as in the celestial convention
    g1, g2 = other.getShear((lon.arcsec, lat.arcsec), 1.0)
    e = g1 + 1j * g2
    keep = np.hypot(lon.arcmin, lat.arcmin) > 0.5
    catalog = ShearCatalog(catalog_columns(sky[keep], e[keep]), "generic", "celestial", "shear")
    bins = np.geomspace(1, 10, 40) * u.arcmin
    profile = shear_profile(catalog, center, bins, z_lens=0.3, z_source=1.0, cosmology=cosmology)
    halo = NFWHalo(6e14 * u.solMass, 4.0, 0.3, cosmology=cosmology)
    theta = center.separation(sky[keep]).arcmin
    ring = np.digitize(theta, bins.value) - 1
    g_t = halo.reduced_shear(theta * u.arcmin, 1.0)
    expected = [g_t[ring == i].mean() for i in range(39)]
    np.testing.assert_allclose(profile["g_t"], expected, rtol=ROUNDED)


def test_tangential_and_cross_shear_beside_treecorr():
    """TreeCorr has the shear of an image with x to the west: its cross shear has the other sign."""
    rng = np.random.default_rng(2)
    sky = uniform_sky(SkyCoord(150.0, 60.0, unit="deg"), 0.5, 5000, rng)
    lenses = uniform_sky(SkyCoord(150.0, 60.0, unit="deg"), 0.2, 5, rng)
    e = 0.2 * (rng.normal(size=5000) + 1j * rng.normal(size=5000)) + 0.05j
    weight, lens_weight = rng.uniform(0.5, 2, 5000), rng.uniform(0.5, 2, 5)
    catalog = ShearCatalog(catalog_columns(sky, e, weight=weight), "generic", "celestial", "shear")
    profile = shear_profile(catalog, lenses, [1, 4, 16] * u.arcmin, lens_weight=lens_weight)
    units = {"ra_units": "deg", "dec_units": "deg"}
    other = treecorr.NGCorrelation(min_sep=1, max_sep=16, nbins=2, sep_units="arcmin", brute=True)
    other.process(
        treecorr.Catalog(ra=lenses.ra.deg, dec=lenses.dec.deg, w=lens_weight, **units),
        treecorr.Catalog(ra=sky.ra.deg, dec=sky.dec.deg, g1=e.real, g2=-e.imag, w=weight, **units),
    )
    np.testing.assert_allclose(profile["n_pairs"], other.npairs)
    np.testing.assert_allclose(profile["weight"], other.weight)
    np.testing.assert_allclose(profile["g_t"], other.xi, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(profile["g_x"], -other.xi_im, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("tangential", [True, False])
def test_the_sign_of_cross_shear_in_clmm(tangential):
    """CLMM: g_t = -(g1 cos 2 phi + g2 sin 2 phi), g_x = g1 sin 2 phi - g2 cos 2 phi, x west."""
    center = SkyCoord(40.0, 30.0, unit="deg")
    sky = uniform_sky(center, 0.1, 200, np.random.default_rng(1))
    phi = np.pi / 2 + center.position_angle(sky).rad  # from the west through the north
    g1, g2 = 0.1 * np.ones(200), -0.07 * np.ones(200)  # on an image with x to the west
    g_t = -(g1 * np.cos(2 * phi) + g2 * np.sin(2 * phi))
    g_x = g1 * np.sin(2 * phi) - g2 * np.cos(2 * phi)
    catalog = ShearCatalog(catalog_columns(sky, g1 + 1j * g2), "generic", "euclidean", "shear")
    profile = shear_profile(catalog, center, [0.5, 3, 6] * u.arcmin)
    ring = np.digitize(center.separation(sky).arcmin, [0.5, 3, 6]) - 1
    for i in range(2):
        if tangential:
            assert profile["g_t"][i] == pytest.approx(g_t[ring == i].mean(), rel=1e-3, abs=1e-5)
        else:
            assert profile["g_x"][i] == pytest.approx(-g_x[ring == i].mean(), rel=1e-3, abs=1e-5)


def test_the_excess_surface_density_of_a_stack_beside_treecorr():
    """By hand: one correlation per lens, with weights over Sigma_cr^2 and shears times Sigma_cr."""
    from lensmap.profiles import Efficiency

    rng = np.random.default_rng(6)
    center = SkyCoord(150.0, 60.0, unit="deg")
    sky, lenses = uniform_sky(center, 0.5, 3000, rng), uniform_sky(center, 0.2, 4, rng)
    e = 0.2 * (rng.normal(size=3000) + 1j * rng.normal(size=3000))
    weight, z = rng.uniform(0.5, 2, 3000), rng.uniform(0.1, 1.6, 3000)  # some in front
    z_lens, lens_weight = np.array([0.2, 0.3, 0.4, 0.5]), np.array([1.0, 2.0, 0.5, 1.5])
    catalog = ShearCatalog(catalog_columns(sky, e, weight=weight, redshift=z), "generic",
                           "celestial", "shear")
    profile = shear_profile(catalog, lenses, [1, 4, 16] * u.arcmin, z_lens=z_lens,
                            lens_weight=lens_weight, cosmology=COSMOLOGY)
    units = {"ra_units": "deg", "dec_units": "deg"}
    sums, of_weights = np.zeros(2), np.zeros(2)
    pairs = Efficiency.from_redshifts(z, z_lens, None, COSMOLOGY)
    for i in range(4):
        inverse, _ = pairs.inverse_sigma_crit(i, np.arange(3000))
        assert inverse[z > 1.0][0] == pytest.approx(
            _inverse_sigma_crit(z_lens[i], z[z > 1.0][0]), rel=1e-3
        )
        behind = inverse > 0
        scaled = e[behind] / inverse[behind]
        other = treecorr.NGCorrelation(min_sep=1, max_sep=16, nbins=2, sep_units="arcmin",
                                       brute=True)
        other.process(
            treecorr.Catalog(ra=lenses.ra.deg[i : i + 1], dec=lenses.dec.deg[i : i + 1], **units),
            treecorr.Catalog(ra=sky.ra.deg[behind], dec=sky.dec.deg[behind], g1=scaled.real,
                             g2=-scaled.imag, w=(weight * inverse**2)[behind], **units),
        )
        sums += lens_weight[i] * other.weight * other.xi
        of_weights += lens_weight[i] * other.weight
    np.testing.assert_allclose(profile["delta_sigma"].value, sums / of_weights, rtol=1e-3)


def _inverse_sigma_crit(z_lens, z_source):
    from astropy import constants

    near, far = COSMOLOGY.angular_diameter_distance([z_lens, z_source])
    between = (far * (1 + z_source) - near * (1 + z_lens)) / (1 + z_source)
    factor = 4 * np.pi * constants.G / constants.c**2
    return (factor * near * between / far).to_value(u.Mpc**2 / u.solMass)
