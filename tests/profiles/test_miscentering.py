# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Stacks with wrong centers: the mean surface density, and the mass of a fit."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from scipy.integrate import quad
from scipy.special import ive

from lensmap import NFWHalo, ShearCatalog, fit_nfw, shear_profile
from lensmap.cosmology import get_cosmology
from lensmap.halos import MiscenteredLens, NFWLens
from lensmap.profiles import correct_reduced_shear

COSMOLOGY = get_cosmology(None)
HALO = NFWHalo(3e14 * u.solMass, 4.0, 0.3)
MPC = 1 / COSMOLOGY.angular_diameter_distance(0.3).value  # radians
LN_MASS, LN_C = np.log(3e14), np.log(4.0)


def _convolved(radius, sigma):
    """Return the surface density convolved with a Gaussian, by the Hankel form of the integral."""

    def integrand(r):
        kernel = np.exp(-((radius - r) ** 2) / (2 * sigma**2)) * ive(0, radius * r / sigma**2)
        return HALO.surface_density(r * u.Mpc).value * kernel * r / sigma**2

    points = [0.01, radius, radius + sigma]
    return quad(integrand, 1e-9, radius + 9 * sigma, points=points, limit=400)[0]


@pytest.mark.parametrize("sigma", [0.1, 0.4])
def test_rayleigh_offsets_are_a_gaussian_convolution(sigma):
    lens = MiscenteredLens(0.3, COSMOLOGY, 1.0, sigma * MPC)
    radii = np.array([0.03, 0.1, 0.3, 1.0, 2.5])
    found, excess = lens.surface_density(radii * MPC, LN_MASS, LN_C)
    expected = np.array([_convolved(radius, sigma) for radius in radii])
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    # The excess is the mean within the radius minus the value at it.
    nodes = np.linspace(0, 1, 201)[1:]
    inside = [lens.surface_density(r * nodes * MPC, LN_MASS, LN_C)[0] for r in radii]
    mean = np.array([np.trapezoid([0, *(2 * nodes * one)], [0, *nodes]) for one in inside])
    np.testing.assert_allclose(excess, mean - found, atol=3e-3 * found.max())


def test_a_fraction_mixes_right_and_wrong_centers():
    theta = np.array([[0.1, 0.5], [1.0, 2.0]]) * MPC
    right = np.array(NFWLens(0.3, COSMOLOGY).surface_density(theta, LN_MASS, LN_C))
    wrong = np.array(MiscenteredLens(0.3, COSMOLOGY, 1, 0.3 * MPC).surface_density(
        theta, LN_MASS, LN_C))
    mixed = MiscenteredLens(0.3, COSMOLOGY, 0.25, 0.3 * MPC).surface_density(theta, LN_MASS, LN_C)
    none = MiscenteredLens(0.3, COSMOLOGY, 0, 0.3 * MPC).surface_density(theta, LN_MASS, LN_C)
    # The smallest radius of the grid depends on the radii, which are the same here.
    np.testing.assert_allclose(mixed, 0.75 * right + 0.25 * wrong, rtol=1e-12)
    np.testing.assert_allclose(none, right, rtol=1e-12)


def _stack(shear):
    """Return the profile about 400 centers of one halo, of which 40 per cent are wrong, no noise.

    ``shear`` is a function of the distance and the source redshift.
    """
    rng = np.random.default_rng(2)
    center = SkyCoord(150, 2, unit="deg")
    sky = center.directional_offset_by(
        rng.uniform(0, 360, 40_000) * u.deg, np.sqrt(rng.uniform(0, 15**2, 40_000)) * u.arcmin
    )
    angle = np.pi / 2 - sky.position_angle(center).rad
    e = -shear(sky.separation(center), 1.0) * np.exp(2j * angle)
    catalog = ShearCatalog(
        Table({"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e.real, "e2": e.imag}),
        convention="celestial", kind="shear",
    )
    # Quantiles of the Rayleigh distribution, which have no scatter.
    quantiles = (np.arange(160) + 0.5) / 160
    offset = np.append(np.zeros(240), 0.3 * MPC * np.sqrt(-2 * np.log(1 - quantiles)))
    centers = center.directional_offset_by(rng.uniform(0, 360, 400) * u.deg, offset * u.rad)
    bins = np.geomspace(0.1, 2.0, 9) * u.Mpc
    return shear_profile(catalog, centers, bins, z_lens=0.3, z_source=1.0)


@pytest.fixture(scope="module")
def stack():
    """The stack of galaxies with reduced shear."""
    return _stack(HALO.reduced_shear)


def test_the_mass_of_a_stack(stack):
    options = {"z_lens": 0.3, "concentration": 4.0}
    plain = (fit_nfw(stack, **options).m200c / HALO.m200c).value
    right = fit_nfw(stack, miscentering=(0.4, 0.3 * u.Mpc), **options)
    ratio = (right.m200c / HALO.m200c).value
    assert plain < 0.9 and ratio == pytest.approx(1, abs=0.03)
    angle = fit_nfw(stack, miscentering=(0.4, (0.3 * MPC) * u.rad), **options)
    assert (angle.m200c / right.m200c).value == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(right.model(), stack["g_t"], rtol=0.1)
    assert right.miscentering == (0.4, 0.3 * u.Mpc) and right.concentration == 4.0
    # The curve of the fit is that of the stack, not that of a halo with the right center.
    curve = right.tangential_shear(stack["radius"])
    np.testing.assert_allclose(curve, right.model(), rtol=0.03)
    assert np.all(right.halo().tangential_shear(stack["radius"][:3], 1.0) > 1.3 * curve[:3])


def test_shear_of_a_stack_with_wrong_centers(stack):
    """The reduced shear is averaged over centers; it is not that of the mean convergence."""
    fit = fit_nfw(stack, z_lens=0.3, concentration=4.0, miscentering=(0.4, 0.3 * u.Mpc))
    shear = _stack(HALO.tangential_shear)["delta_sigma"]
    ratio = stack["delta_sigma"] / shear
    assert ratio[0] > 1.12
    np.testing.assert_allclose(correct_reduced_shear(stack, fit)["delta_sigma"] / shear, 1,
                               atol=6e-3)


@pytest.mark.parametrize(
    ("miscentering", "message"),
    [
        (0.3, r"miscentering must be a pair, such as \(0.3, 0.2 \* u.Mpc\)"),
        ((1.3, 0.2 * u.Mpc), "miscentering must be a fraction of the centers, 0 to 1, not 1.3"),
        ((0.3, -0.2 * u.Mpc), "miscentering must have a positive offset"),
        ((0.3, 0.2 * u.kg), "miscentering must have an offset .* angle"),
        ((0.3, 0.2), "miscentering must have an offset .* angle"),
    ],
)
def test_bad_values(stack, miscentering, message):
    with pytest.raises((TypeError, ValueError), match=message):
        fit_nfw(stack, z_lens=0.3, miscentering=miscentering)


def test_only_profiles_have_wrong_centers():
    catalog = Table({"ra": [150.0], "dec": [2.0], "e1": [0.1], "e2": [0.0]})
    with pytest.raises(ValueError, match="miscentering must be None if data is a catalog or a map"):
        fit_nfw(catalog, SkyCoord(150, 2, unit="deg"), z_lens=0.3, z_source=1.0,
                miscentering=(0.3, 0.2 * u.Mpc))
