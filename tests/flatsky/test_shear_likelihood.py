# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Likelihoods of shear: their derivatives, and the scatter of lensed ellipticities."""

import numpy as np
import pytest

from lensmap.flatsky._shear_likelihood import ReducedShearLikelihood, ShearLikelihood
from lensmap.simulate import IntrinsicEllipticities, compose

SHAPE = (5, 6)


def _data(seed=1):
    rng = np.random.default_rng(seed)
    shear = 0.3 * (rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE))
    variance = rng.uniform(0.01, 0.04, SHAPE)
    variance[1, 2:4] = np.inf
    return rng, shear, variance


def test_shear_is_chi_square():
    rng, shear, variance = _data()
    gamma = shear + rng.normal(size=SHAPE) - 0.5j
    value, by_gamma = ShearLikelihood(shear, variance).evaluate(gamma)
    good = np.isfinite(variance)
    chi_square = np.sum(np.abs(gamma - shear)[good] ** 2 / variance[good])
    assert value == pytest.approx(chi_square / 2)
    assert ShearLikelihood(shear, variance).chi_square(gamma, gamma.real) == pytest.approx(
        chi_square
    )
    np.testing.assert_allclose(by_gamma[good], ((gamma - shear) / variance)[good])
    assert np.all(by_gamma[~good] == 0)


@pytest.mark.parametrize("strong", [False, True])
def test_derivatives_of_the_reduced_shear(strong):
    """In weak lenses, and in lenses with a reduced shear above 1."""
    rng, shear, variance = _data(2)
    likelihood = ReducedShearLikelihood(shear, 0.7 * variance, 0.3 * variance)
    kappa = rng.uniform(0.5, 1.5, SHAPE) if strong else rng.uniform(-0.2, 0.4, SHAPE)
    gamma = (0.9 if strong else 0.2) * (1 + rng.uniform(size=SHAPE)) * np.exp(
        2j * np.pi * rng.uniform(size=SHAPE)
    )
    above = np.abs(gamma) > np.abs(1 - kappa)
    assert above.mean() > 0.8 if strong else not above.any()
    _, by_gamma, by_kappa = likelihood.evaluate(gamma, kappa)
    assert np.all(by_gamma[1, 2:4] == 0) and np.all(by_kappa[1, 2:4] == 0)
    step = 1e-6
    for j, i in np.ndindex(SHAPE):
        for factor, expected in ((1, by_gamma[j, i].real), (1j, by_gamma[j, i].imag),
                                 (0, by_kappa[j, i])):
            change = np.zeros(SHAPE, complex)
            change[j, i] = step
            shifted = [
                likelihood.evaluate(gamma + sign * factor * change,
                                    kappa + (sign * change.real if factor == 0 else 0))[0]
                for sign in (1, -1)
            ]
            assert (shifted[0] - shifted[1]) / (2 * step) == pytest.approx(
                expected, rel=1e-4, abs=1e-4 * np.abs(by_kappa).max()
            )


def test_weak_lensing_is_the_likelihood_of_shear():
    rng, shear, variance = _data(3)
    gamma = 1e-4 * (rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE))
    kappa = np.zeros(SHAPE)
    reduced = ReducedShearLikelihood(shear, variance, np.zeros(SHAPE))
    assert reduced.evaluate(gamma, kappa)[0] == pytest.approx(
        ShearLikelihood(shear, variance).evaluate(gamma)[0], rel=1e-3
    )


@pytest.mark.parametrize("g", [0.1, 0.4, 0.7, 1.6])
def test_mean_and_scatter_are_those_of_lensed_galaxies(g):
    """The residual of sheared galaxies has a chi^2 of 1 a component, for both parities."""
    intrinsic = IntrinsicEllipticities(0.2)
    e = compose(intrinsic.draw(200_000, 4), g).reshape(200, 1000)
    kappa = np.full(e.shape, 0.3)
    gamma = np.full(e.shape, g * 0.7 + 0j)
    likelihood = ReducedShearLikelihood(e, np.full(e.shape, 0.04), np.zeros(e.shape))
    per_component = likelihood.chi_square(gamma, kappa) / (2 * e.size)
    # The likelihood has (1 - g^2)^2 with a floor of 0.01, which is right up to 2 sigma_e^2 g^2.
    assumed = ((1 - min(g, 1 / g) ** 2) ** 2 + 0.01) / 1.01
    expected = intrinsic.variance_factor(g**2) / assumed
    assert per_component == pytest.approx(expected, abs=0.012)
    assert expected == pytest.approx(1, abs=0.08)
    _, by_gamma, _ = likelihood.evaluate(gamma, kappa)
    error = np.sqrt(np.sum(np.abs(by_gamma) ** 2) / 2)
    if g < 0.5:  # the derivative of the logarithm of the variance vanishes on average
        assert abs(by_gamma.sum()) < 4 * error


def test_a_critical_curve_is_no_division_by_zero():
    _, shear, variance = _data(5)
    likelihood = ReducedShearLikelihood(shear, variance, np.zeros(SHAPE))
    for gamma in (np.zeros(SHAPE, complex), np.full(SHAPE, 1e-300 + 0j), np.full(SHAPE, 0.5 + 0j)):
        with np.errstate(all="raise", under="ignore"):
            value, by_gamma, by_kappa = likelihood.evaluate(gamma, np.ones(SHAPE))
        assert np.isfinite(value) and np.isfinite(by_gamma).all() and np.isfinite(by_kappa).all()
