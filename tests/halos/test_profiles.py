# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Profiles against direct integrals of their density."""

import numpy as np
import pytest
from lenses import NFW
from scipy.integrate import quad

from lensmap.halos import (
    nfw_mass,
    nfw_mean_sigma,
    nfw_sigma,
    truncated_nfw_fourier,
    truncated_nfw_mass,
    truncated_nfw_mean_sigma,
    truncated_nfw_sigma,
)

X = np.array([1e-3, 0.03, 0.5, 0.99995, 1.0, 1.00005, 1.2, 7.0, 60.0])
TAUS = [0.5, 1.0, 3.0, 12.0]


def _density(x, tau):
    return tau**2 / (x * (1 + x) ** 2 * (tau**2 + x**2))


def test_nfw_is_that_of_another_code():
    lens = NFW(kappa_s=1.0, theta_s=1.0)
    np.testing.assert_allclose(nfw_sigma(X), lens.kappa(X), rtol=1e-4)
    other = X[X != 1.0]  # which that code does not know
    np.testing.assert_allclose(nfw_mean_sigma(other), lens.mean_kappa(other), rtol=1e-5)


@pytest.mark.parametrize("x", [1e-8, 1e-3, 0.2, 1.0, 30.0])
def test_the_mean_is_the_integral(x):
    integral = quad(lambda t: 2 * np.exp(2 * t) * nfw_sigma(np.exp(t)), np.log(x) - 25, np.log(x))
    assert nfw_mean_sigma(x) == pytest.approx(integral[0] / x**2, rel=2e-6)
    assert nfw_mass(4.0) == pytest.approx(np.log(5) - 0.8)


@pytest.mark.parametrize("tau", TAUS)
def test_truncated_surface_density_is_the_integral_along_the_line_of_sight(tau):
    for x in X:
        pieces = [quad(lambda s: 2 * _density(np.hypot(x, s), tau), a, b, limit=200)[0]
                  for a, b in ((0, x), (x, 30 * x), (30 * x, np.inf))]
        assert truncated_nfw_sigma(x, tau) == pytest.approx(sum(pieces), rel=1e-6)


@pytest.mark.parametrize("tau", TAUS)
def test_truncated_mean_and_mass_are_integrals(tau):
    total = quad(lambda x: x**2 * _density(x, tau), 0, np.inf)[0]
    assert truncated_nfw_mass(tau) == pytest.approx(total, rel=1e-8)
    for x in (1e-5, 0.3, 1.0, 8.0):
        integral = quad(
            lambda t: 2 * np.exp(2 * t) * truncated_nfw_sigma(np.exp(t), tau),
            np.log(x) - 25, np.log(x), limit=200,
        )[0]
        assert truncated_nfw_mean_sigma(x, tau) == pytest.approx(integral / x**2, rel=1e-5)
    # all of it: pi x^2 of the mean, in units of 4 pi
    assert 1e6 * truncated_nfw_mean_sigma(1e3, tau) / 4 == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("k", [1e-7, 1e-3, 0.1, 1.0, 10.0, 300.0])
def test_the_transform_is_the_integral(tau, k):
    if k < 1e-5:
        assert truncated_nfw_fourier(k, tau) == pytest.approx(1, abs=1e-6)
        return
    integral = quad(lambda x: tau**2 / ((1 + x) ** 2 * (tau**2 + x**2)), 0, np.inf, weight="sin",
                    wvar=k, limlst=400, limit=400)[0] / k
    assert truncated_nfw_fourier(k, tau) == pytest.approx(
        integral / truncated_nfw_mass(tau), rel=1e-5, abs=1e-8
    )


def test_a_truncation_far_out_changes_nothing():
    np.testing.assert_allclose(truncated_nfw_sigma(X, 1e5), nfw_sigma(X), rtol=2e-3)
    np.testing.assert_allclose(truncated_nfw_mean_sigma(X, 1e5), nfw_mean_sigma(X), rtol=1e-4)
