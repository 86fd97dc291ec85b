# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The parts of a simulated sky have the power of the theory together."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.cosmology import convergence_power, get_cosmology
from lensmap.halos import nfw_mass, radius_200c, truncated_nfw_fourier, truncated_nfw_mass
from lensmap.simulate.halo_model import HaloPhysics, mass_to_kappa
from lensmap.simulate.sky._powers import MIN_HALO_REDSHIFT, SkyPowers, _lognormal_power

PHYSICS = HaloPhysics(3e13, 2.5, 0.37, 1.0, 0.0, 0.0)

LMAX = 3000


@pytest.fixture(scope="module", params=[0.5, 1.0])
def powers(request):
    return SkyPowers(get_cosmology(None), request.param, PHYSICS, LMAX), request.param


def test_sum_is_the_theory(powers):
    powers, z_source = powers
    top = powers.tracer_lmax + 1
    total = powers.one_halo + powers.residual
    for one in powers.planes:
        compensation = powers.compensation[:top]
        weight = one.plane.weights[0]
        # The halos and the matter between them follow the same field.
        total[:top] += (weight * compensation) ** 2 * one.tracers
        between = powers.between_halos(one)
        total[:top] += 2 * between * weight * compensation * one.response * one.field
        total[:top] += between**2 * one.field
    ell = np.array([30, 60, 100, 200, 400, 800, 1500, 2500, 3000])
    assert np.allclose(total[ell], convergence_power(ell, z_source), rtol=0.002)
    assert np.all(powers.residual >= 0) and np.all(powers.residual[:2] == 0)


def test_drawn_halos_have_the_power_that_the_field_lacks(powers):
    """The mean power of the halos, from the tables from which `draw_halos` draws them."""
    powers, z_source = powers
    cosmology, ell = get_cosmology(None), np.array([60, 200, 600, 1500, 3000])
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    places, shares = np.polynomial.legendre.leggauss(3)
    total = np.zeros(len(ell))
    for plane in (one.plane for one in powers.planes):
        inner = max(plane.near, cosmology.comoving_distance(MIN_HALO_REDSHIFT).value)
        if plane.far <= inner:
            continue
        cubes = inner**3 + (places + 1) / 2 * (plane.far**3 - inner**3)
        share = (plane.far**3 - inner**3) / (plane.far**3 - plane.near**3)
        z = np.interp(
            np.cbrt(cubes), cosmology.comoving_distance(np.linspace(0, 1.2, 3000)).value,
            np.linspace(0, 1.2, 3000),
        )
        fraction = (np.arange(150) + 0.5) / 150
        fraction = fraction**4  # most halos have the lowest mass, most power has a high one
        step = np.diff(np.concatenate([[0], (fraction[1:] + fraction[:-1]) / 2, [1]]))
        log_mass = np.interp(1 - fraction, plane.cumulative, plane.log_mass)
        mass, step = np.exp(log_mass), step[:, np.newaxis]
        median = np.interp(log_mass, plane.log_mass, plane.log_concentration)
        for one, part in zip(z, shares / 2, strict=True):
            distance = cosmology.angular_diameter_distance(one)
            radius = (radius_200c(mass * u.solMass, one, cosmology) / distance).value
            for node, weight in zip(nodes, weights / weights.sum(), strict=True):
                c = np.exp(median + 0.37 * node)[:, np.newaxis]
                m = mass[:, np.newaxis] * truncated_nfw_mass(2.5 * c) / nfw_mass(c)
                m = m * mass_to_kappa(np.array([one]), z_source, cosmology)
                profile = m * truncated_nfw_fourier(
                    (ell + 0.5) * radius[:, np.newaxis] / c, 2.5 * c
                )
                number = plane.group_numbers.sum() * share * part * weight
                total += number * np.sum(step * profile**2, axis=0)
    expected = powers.one_halo[ell] / powers.compensation[ell] ** 2
    np.testing.assert_allclose(total, expected, rtol=0.01)


def test_halos_dominate_small_scales_only(powers):
    powers, _ = powers
    share = powers.one_halo[2:] / powers.theory[2:]
    assert share[:30].max() < 0.01 and 0.4 < share[1000] < 0.8


def test_smooth_field_has_no_small_scales(powers):
    powers, _ = powers
    for one in powers.planes:
        assert one.field[-1] < 1e-6 * one.field.max()
        assert 0.01 < one.variance < 0.5


def test_lognormal_power():
    lmax = 300
    ell = np.arange(lmax + 1.0)
    field = 0.2 / (ell + 5) ** 2 * np.exp(-ell * (ell + 1) / 60**2)
    field[0] = 0
    variance = np.sum((2 * ell + 1) * field) / (4 * np.pi)
    ones = np.ones((1, lmax + 1))
    weak = _lognormal_power(field, np.array([0.01]), ones)
    # The mean, at l = 0, is of the second order of the field.
    assert np.allclose(weak[1:], 1e-4 * field[1:], rtol=1e-3, atol=1e-12 * field.max())
    # The variance of exp(b g) in units of its mean is exp(b^2 sigma^2) - 1.
    for bias in (1.0, 3.0):
        power = _lognormal_power(field, np.array([bias]), ones)
        found = np.sum((2 * ell + 1) * power) / (4 * np.pi)
        assert found == pytest.approx(np.expm1(bias**2 * variance), rel=1e-3)
    # Two groups with the same bias are one.
    both = _lognormal_power(field, np.array([2.0, 2.0]), np.array([[0.3], [0.7]]) * ones)
    assert np.allclose(both, _lognormal_power(field, np.array([2.0]), ones), rtol=1e-10)
