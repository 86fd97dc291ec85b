# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of `lensmap.sphere.random_modes`."""

import numpy as np
import pytest

from lensmap.sphere import HealpixPixels, SphericalTransform, random_modes

pytest.importorskip("ducc0")


def test_the_power_and_the_variance_of_random_fields():
    transform = SphericalTransform(HealpixPixels(64), lmax=100)
    power = 1e-3 / (1 + np.arange(101.0)) ** 1.5
    power[:2] = 0
    rng = np.random.default_rng(2)
    fields = [random_modes(transform, power, rng) for _ in range(20)]
    measured = np.mean([transform.power(one) for one in fields], axis=0)
    assert np.all(measured[:2] == 0)
    # The power of a multipole has the relative scatter sqrt(2 / (2 l + 1)), over 20 fields.
    error = np.sqrt(2 / (2 * np.arange(2, 101) + 1) / 20)
    deviation = (measured[2:] / power[2:] - 1) / error
    assert np.abs(deviation).max() < 4 and np.mean(deviation**2) == pytest.approx(1, abs=0.5)
    # The modes with m = 0 are real, and have the same power as each of the others.
    assert np.all(fields[0][:101].imag == 0)
    m_zero = np.mean([one[2:101].real ** 2 / power[2:] for one in fields])
    assert m_zero == pytest.approx(1, abs=0.15)
    ell = np.arange(101)
    variance = np.mean([np.var(transform.to_map(one)) for one in fields])
    assert variance == pytest.approx(np.sum((2 * ell + 1) * power) / (4 * np.pi), rel=0.1)
    again = random_modes(transform, power, np.random.default_rng(2))
    np.testing.assert_array_equal(again, fields[0])
