# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Filters of the aperture mass: closed forms, compensation, normalization, response."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import j0

from lensmap.flatsky import (
    convergence_filter,
    filter_transfer,
    schirmer_filter,
    schneider_filter,
    tabulated_filter,
)

_X = np.linspace(0.0, 1.0, 400) ** 2
FILTERS = {
    "schneider 1": schneider_filter(1),
    "schneider 3": schneider_filter(3),
    "schirmer": schirmer_filter(0.12),
    "schirmer wide": schirmer_filter(0.5),
    "table": tabulated_filter(_X, _X * (1 - _X) ** 2, np.exp(-3 * _X)),
}
every = pytest.mark.parametrize("filter", FILTERS.values(), ids=FILTERS)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_schneiders_filters_belong_together(order):
    x = np.linspace(0.01, 0.999, 200)
    expected = (2 + order) ** 2 / np.pi * (1 - x**2) ** order * (1 / (2 + order) - x**2)
    u = convergence_filter(schneider_filter(order), x)
    np.testing.assert_allclose(u, expected, atol=2e-5 * expected[0])


def test_schirmers_filter_has_its_published_form():
    x = np.array([0.02, 0.1, 0.5, 0.95])
    expected = np.tanh(x / 0.12) / (x / 0.12)
    expected /= 1 + np.exp(6 - 150 * x) + np.exp(-47 + 50 * x)
    np.testing.assert_allclose(schirmer_filter().weight(x), expected, rtol=1e-12)


@every
def test_filters_end_at_the_radius(filter):
    outside = np.array([1.0001, 2.0])
    assert not filter.weight(outside).any() and not filter.template_weight(outside).any()
    assert not convergence_filter(filter, outside).any()


@every
def test_a_mass_sheet_has_no_effect(filter):
    x = (np.arange(200_000) + 0.5) / 200_000
    u = convergence_filter(filter, x)
    assert abs(np.mean(x * u)) < 1e-5 * np.mean(x * np.abs(u))


@every
@pytest.mark.parametrize("scale", [0.1, 0.3])
def test_shear_and_convergence_give_the_same_signal(filter, scale):
    """A Gaussian lens, of which mean and local convergence have closed forms."""
    def shear(x):
        s = x**2 / (2 * scale**2)
        return -np.expm1(-s) / s - np.exp(-s)

    x = (np.arange(100_000) + 0.5) / 100_000
    of_shear = 2 * np.pi * np.mean(x * filter.weight(x) * shear(x))
    of_template = 2 * np.pi * np.mean(x * filter.template_weight(x))
    expected = filter.factor * of_shear / (of_template if filter.template else np.pi)
    kappa = np.exp(-(x**2) / (2 * scale**2))
    signal = 2 * np.pi * np.mean(x * convergence_filter(filter, x) * kappa)
    assert signal == pytest.approx(expected, rel=2e-4)


@every
def test_the_response_is_the_transform_of_the_filter(filter):
    k = np.array([0.5, 3.0, 10.0, 30.0])
    x = (np.arange(100_000) + 0.5) / 100_000
    u = convergence_filter(filter, x)
    expected = [2 * np.pi * np.mean(x * u * j0(one * x)) for one in k]
    np.testing.assert_allclose(
        filter_transfer(filter, k), expected, atol=1e-3 * np.max(np.abs(expected))
    )


def test_the_template_gives_one():
    filter = schirmer_filter()
    norm = quad(lambda x: x * filter.template_weight(x), 0, 1)[0]
    assert quad(lambda x: x * filter.weight(x) * filter.weight(x), 0, 1)[0] / norm == 1
