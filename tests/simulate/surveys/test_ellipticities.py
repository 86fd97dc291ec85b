# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Intrinsic ellipticities have the dispersion that was asked for, and are sheared exactly."""

import numpy as np
import pytest

from lensmap.simulate import IntrinsicEllipticities, compose

N = 2_000_000
SHEARS = [0.05 - 0.02j, 0.3 + 0.4j, -0.7j, 0.97 + 0j, 1.5 + 1j, -4j]


@pytest.mark.parametrize("sigma_e", [0.05, 0.24, 0.3, 0.4, 0.47])
def test_the_dispersion_per_component_is_the_one_asked_for(sigma_e):
    intrinsic = IntrinsicEllipticities(sigma_e)
    # The integral over the disc, without lensmap's moments.
    r = np.linspace(0, 1, 200_001)
    weight = r * np.exp(-(r**2) / (2 * intrinsic.width**2))
    mean_square = np.trapezoid(weight * r**2, r) / np.trapezoid(weight, r)
    assert np.sqrt(mean_square / 2) == pytest.approx(sigma_e, rel=1e-6)
    e = intrinsic.draw(N, 1)
    for component in (e.real, e.imag):
        # the standard error of a dispersion is its part 1 / sqrt(2 N), 5e-4
        assert component.std() == pytest.approx(sigma_e, rel=2e-3)
        assert abs(component.mean()) < 5 * sigma_e / np.sqrt(N)
    assert np.abs(e).max() < 1
    assert np.corrcoef(e.real, e.imag)[0, 1] == pytest.approx(0, abs=5 / np.sqrt(N))


def test_moments_are_those_of_the_draws():
    intrinsic = IntrinsicEllipticities(0.3)
    modulus = np.abs(intrinsic.draw(N, 2))
    assert intrinsic.moment(0) == pytest.approx(1)
    assert intrinsic.moment(1) == pytest.approx(2 * 0.3**2)
    for k in (2, 3):
        assert intrinsic.moment(k) == pytest.approx(np.mean(modulus ** (2 * k)), rel=0.01)


@pytest.mark.parametrize("g", SHEARS)
def test_the_mean_ellipticity_is_the_reduced_shear(g):
    e_s = IntrinsicEllipticities(0.3).draw(N, 3)
    e = compose(e_s, g)
    expected = g if abs(g) <= 1 else 1 / np.conj(g)
    rounding = 5 * 0.3 / np.sqrt(N)
    assert e.mean().real == pytest.approx(expected.real, abs=rounding)
    assert e.mean().imag == pytest.approx(expected.imag, abs=rounding)
    assert np.abs(e).max() < 1


@pytest.mark.parametrize("g", SHEARS)
def test_the_variance_under_shear_is_that_of_the_series(g):
    intrinsic = IntrinsicEllipticities(0.3)
    e = compose(intrinsic.draw(N, 4), g)
    expected = 0.3**2 * intrinsic.variance_factor(abs(g) ** 2)
    assert e.real.var() == pytest.approx(expected, rel=0.01)
    assert e.imag.var() == pytest.approx(expected, rel=0.01)


def test_the_table_of_the_variance_is_the_series():
    intrinsic = IntrinsicEllipticities(0.24)
    g_squared = np.linspace(0, 3, 2001)
    one_by_one = [float(intrinsic.variance_factor(value)) for value in g_squared[::50]]
    np.testing.assert_allclose(intrinsic.variance_factor(g_squared)[::50], one_by_one, atol=1e-4)
    assert intrinsic.variance_factor(0.0) == pytest.approx(1)
    assert intrinsic.variance_factor(1.0) == pytest.approx(0, abs=1e-9)


def test_composition_of_two_shears_of_a_round_source():
    # A round source becomes the shear itself, and a shear undoes its opposite.
    assert compose(0, 0.3 + 0.1j) == pytest.approx(0.3 + 0.1j)
    assert compose(-0.3 - 0.1j, 0.3 + 0.1j) == pytest.approx(0)
    # An ellipse under a matrix, without the formula: the images of its principal axes.
    e_s, kappa, gamma = 0.3 - 0.1j, 0.4, 0.2 + 0.9j  # |g| = 1.5
    for gamma_now in (gamma, 0.2j):
        assert compose(e_s, gamma_now / (1 - kappa)) == pytest.approx(
            _ellipse_after(e_s, kappa, gamma_now)
        )


def _ellipse_after(e_s, kappa, gamma):
    """Return the ellipticity of an image from its matrix of second moments."""
    size, angle = abs(e_s), np.angle(e_s) / 2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = turn @ np.diag([(1 + size) ** 2, (1 - size) ** 2]) @ turn.T
    jacobian = np.array(
        [[1 - kappa - gamma.real, -gamma.imag], [-gamma.imag, 1 - kappa + gamma.real]]
    )
    inverse = np.linalg.inv(jacobian)
    q = inverse @ source @ inverse.T
    root = 2 * np.sqrt(np.linalg.det(q))
    return (q[0, 0] - q[1, 1] + 2j * q[0, 1]) / (q[0, 0] + q[1, 1] + root)


def test_seeds_reproduce():
    intrinsic = IntrinsicEllipticities(0.24)
    np.testing.assert_array_equal(
        intrinsic.draw(10, 7), intrinsic.draw(10, np.random.default_rng(7))
    )
    assert not np.array_equal(intrinsic.draw(10, 7), intrinsic.draw(10, 8))


@pytest.mark.parametrize("sigma_e", [0, -0.1, 0.5, np.nan])
def test_impossible_dispersions_are_refused(sigma_e):
    with pytest.raises(ValueError, match="sigma_e must be above 0 and at most 0.49"):
        IntrinsicEllipticities(sigma_e)


@pytest.mark.parametrize("sigma_e", ["0.2", None, True])
def test_dispersions_are_numbers(sigma_e):
    with pytest.raises(TypeError, match="sigma_e must be a number, above 0 and at most 0.49"):
        IntrinsicEllipticities(sigma_e)
