# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Halos with units against published values, and what is said of impossible ones."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from astropy.table import QTable

from lensmap.cosmology import SourceRedshifts, sigma_crit
from lensmap.halos import NFWHalo, NFWLens

REFERENCE = Path(__file__).parents[1] / "data" / "nfw_values.ecsv"
CLUSTER = NFWHalo(1e15 * u.solMass, 4.0, 0.3)


def test_shear_and_convergence_are_those_of_two_public_codes():
    table = QTable.read(REFERENCE)
    radius = table["radius"]
    np.testing.assert_allclose(CLUSTER.tangential_shear(radius, 1.0), table["gamma_t"], rtol=2e-3)
    np.testing.assert_allclose(CLUSTER.kappa(radius, 1.0), table["kappa"], rtol=2e-3)
    g = table["gamma_t"] / (1 - table["kappa"])
    np.testing.assert_allclose(CLUSTER.reduced_shear(radius, 1.0), g, rtol=2e-3)


def test_plain_numbers_are_those_of_the_halo():
    table = QTable.read(REFERENCE)
    critical = sigma_crit(0.3, 1.0).value
    distance = CLUSTER.cosmology.angular_diameter_distance(0.3)
    theta = (table["radius"] / distance).to_value(u.one)
    lens = NFWLens(0.3, CLUSTER.cosmology)
    sigma, excess = lens.surface_density(theta, np.log(1e15), np.log(4.0))
    np.testing.assert_allclose(sigma, critical * table["kappa"], rtol=2e-3)
    np.testing.assert_allclose(excess, critical * table["gamma_t"], rtol=2e-3)
    # Of another mass and concentration, and next to the center, where the profile diverges as a
    # logarithm.
    halo = NFWHalo(2e13 * u.solMass, 9.0, 0.3)
    sigma, excess = lens.surface_density(theta, np.log(2e13), np.log(9.0))
    np.testing.assert_allclose(sigma, halo.surface_density(table["radius"]).value, rtol=1e-9)
    mean = halo.mean_surface_density(table["radius"]).value
    np.testing.assert_allclose(excess, mean - sigma, rtol=1e-9)
    x = (halo.scale_radius / distance).to_value(u.one) * np.array([0.0, 1e-6, 1e-5])
    at_center, at_floor, near = lens.surface_density(x, np.log(2e13), np.log(9.0))[0]
    assert at_center == at_floor and near / at_floor == pytest.approx(
        np.log(1e-5 / 2 * np.e) / np.log(1e-6 / 2 * np.e), rel=1e-6
    )


def test_an_angle_is_a_length_at_the_lens():
    scale = 267 * u.kpc / u.arcmin  # z = .3
    assert CLUSTER.kappa(1 * u.arcmin, 1.0) == pytest.approx(
        CLUSTER.kappa(scale * u.arcmin, 1.0), rel=2e-3
    )


def test_m200c_is_the_mass_within_r200c():
    radius = CLUSTER.r200c
    density = 3 * CLUSTER.m200c / (4 * np.pi * radius**3)
    critical = CLUSTER.cosmology.critical_density(0.3)
    assert (density / critical).to_value(u.one) == pytest.approx(200)
    # far out, the mass in a cylinder grows as ln(x / 2)
    far = 1000 * radius
    mass = np.pi * far**2 * CLUSTER.mean_surface_density(far)
    ratio = np.log(4000 / 2) / (np.log(5) - 0.8)
    assert (mass / CLUSTER.m200c).to_value(u.one) == pytest.approx(ratio, rel=1e-3)


def test_a_truncated_halo_has_all_its_mass():
    halo = NFWHalo(1e14 * u.solMass, 5.0, 0.2, truncation=2.0)
    far = 300 * halo.r200c
    mass = np.pi * far**2 * halo.mean_surface_density(far)
    assert (mass / halo.total_mass).to_value(u.one) == pytest.approx(1, abs=1e-3)
    assert np.isinf(CLUSTER.total_mass) and CLUSTER.total_mass.unit == u.solMass
    assert halo.kappa(0.01 * u.Mpc, 1.0) == pytest.approx(
        NFWHalo(1e14 * u.solMass, 5.0, 0.2).kappa(0.01 * u.Mpc, 1.0), rel=0.02
    )


def test_an_elliptical_halo_keeps_its_mass_and_points_where_it_is_told():
    halo = NFWHalo(1e15 * u.solMass, 4.0, 0.3, truncation=1.5, ellipticity=0.3, angle=30 * u.deg)
    grid = (np.arange(-400, 400) + 0.5) * 0.05
    x, y = np.meshgrid(grid, grid) * u.arcmin
    kappa = halo.elliptical_kappa(x, y, 1.0)
    circle = NFWHalo(1e15 * u.solMass, 4.0, 0.3, truncation=1.5).kappa(np.hypot(x, y), 1.0)
    assert kappa.sum() == pytest.approx(circle.sum(), rel=0.01)
    near = np.hypot(x, y) < 5 * u.arcmin
    angle = np.angle(np.sum((kappa * (x.value + 1j * y.value) ** 2)[near]), deg=True) / 2
    assert angle == pytest.approx(30, abs=0.1)
    # along and across: the same density at distances in the ratio of the axes, .7 : 1.3
    along, across = 2.6 * u.arcmin, 1.4 * u.arcmin
    a = halo.elliptical_kappa(along * np.cos(30 * u.deg), along * np.sin(30 * u.deg), 1.0)
    b = halo.elliptical_kappa(-across * np.sin(30 * u.deg), across * np.cos(30 * u.deg), 1.0)
    assert a == pytest.approx(b, rel=1e-6)
    assert np.isinf(halo.elliptical_kappa(0 * u.arcmin, 0 * u.arcmin, 1.0))


def test_the_major_axis_is_along_x_unless_an_angle_is_given():
    halo = NFWHalo(1e15 * u.solMass, 4.0, 0.3, ellipticity=0.3)
    x, y = [2, 2, 1] * u.arcmin, [1, -1, 2] * u.arcmin
    kappa = halo.elliptical_kappa(x, y, 1.0)
    assert kappa[0] == pytest.approx(kappa[1], rel=1e-12) and kappa[0] > 1.2 * kappa[2]
    one = halo.elliptical_kappa(x[0], y[0], 1.0)
    assert isinstance(one, float) and one == pytest.approx(kappa[0], rel=1e-12)


def test_no_sigma8_is_needed():
    plain = FlatLambdaCDM(70, 0.3)
    halo = NFWHalo(1e15 * u.solMass, 4.0, 0.3, cosmology=plain)
    # 200 critical densities, and the angle of a length.
    volume = 4 / 3 * np.pi * halo.r200c**3
    density = (halo.m200c / volume / plain.critical_density(0.3)).to_value(u.one)
    assert density == pytest.approx(200)
    scale = plain.angular_diameter_distance(0.3) / u.rad
    angle = (1 * u.Mpc / scale).to(u.arcmin)
    assert halo.kappa(angle, 1.0) == pytest.approx(halo.kappa(1 * u.Mpc, 1.0), rel=1e-9)


def test_a_distribution_of_sources_is_weaker_than_its_far_end():
    sources = SourceRedshifts([0.2, 1.0], [1, 1])
    assert 0 < CLUSTER.kappa(1 * u.Mpc, sources) < CLUSTER.kappa(1 * u.Mpc, 1.0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1e15, 4, 0.3), TypeError, "m200c must be a mass with a unit"),
        ((1 * u.Mpc, 4, 0.3), TypeError, "m200c must be a mass with a unit"),
        ((-1 * u.solMass, 4, 0.3), ValueError, "m200c must be one positive finite number"),
        ((1e15 * u.solMass, 0, 0.3), ValueError, "c200c must be one positive finite number, not 0"),
        ((1e15 * u.solMass, 4, -0.3), ValueError, "z_lens must be one positive finite number"),
        ((1e15 * u.solMass, 4, 0.3, 0), ValueError, "truncation must be one positive"),
        ((1e15 * u.solMass, 4, 0.3, None, 1.0), ValueError, "ellipticity must be at least 0"),
        ((1e15 * u.solMass, 4, 0.3, None, 0.3, 30), TypeError, "angle must be one angle with a"),
    ],
)
def test_impossible_halos_say_why(arguments, error, message):
    with pytest.raises(error, match=message):
        NFWHalo(*arguments)


@pytest.mark.parametrize(
    ("radius", "z_source", "error", "message"),
    [
        (1.0, 1.0, TypeError, "radius must be a length or an angle with a unit"),
        (1 * u.s, 1.0, TypeError, "radius must be a length or an angle, not a quantity in s"),
        (0 * u.Mpc, 1.0, ValueError, "radius must be positive"),
        (1 * u.Mpc, 0.2, ValueError, "z_lens must be lower than z_source"),
    ],
)
def test_impossible_questions_say_why(radius, z_source, error, message):
    with pytest.raises(error, match=message):
        CLUSTER.kappa(radius, z_source)


def test_all_centers_of_a_lens_are_right():
    lens, theta = NFWLens(0.3, CLUSTER.cosmology), np.array([1e-4, 1e-3])
    (fraction, *densities), = lens.by_center(theta, np.log(5e14), np.log(4))
    assert fraction == 1
    np.testing.assert_array_equal(densities, lens.surface_density(theta, np.log(5e14), np.log(4)))
