# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The smooth and the compact part of a halo add up to the halo."""

import numpy as np
import pytest
from scipy.special import j0

from lensmap.halos import truncated_nfw_fourier
from lensmap.simulate.sky import _profiles
from lensmap.simulate.sky._profiles import DividedProfiles, _exact

SIZES = [(0.02, 10.0), (0.3, 12.0), (1.7, 9.0), (8.0, 7.3), (0.05, 40.0)]


@pytest.fixture(scope="module")
def profiles():
    return DividedProfiles(1.0)


@pytest.mark.parametrize(("scale", "tau"), SIZES)
def test_smooth_part_is_the_convolution(profiles, scale, tau):
    smooth = profiles.smooth(np.array([2.0]), np.array([scale]), np.array([tau]))
    k = np.linspace(1e-6, 8, 200001)
    transform = k / (2 * np.pi) * truncated_nfw_fourier(k * scale, tau) * np.exp(-0.5 * k**2)
    for t in (0.1, 0.7, 1.5, 3.0):
        true = 2 * np.trapezoid(transform * j0(k * t), k)
        found = profiles.smooth_kappa(smooth.values[0], np.array([t]))[0]
        assert found == pytest.approx(true, rel=8e-3)
    t = np.linspace(0, smooth.radius[0], 20001)
    mass = np.trapezoid(2 * np.pi * t * profiles.smooth_kappa(smooth.values[0], t), t)
    assert mass == pytest.approx(2.0, rel=0.012)


@pytest.mark.parametrize(("scale", "tau"), SIZES)
def test_parts_add_up(profiles, scale, tau):
    arrays = np.array([5e-3]), np.array([scale]), np.array([tau])
    smooth, compact = profiles.smooth(*arrays), profiles.compact(*arrays)
    for t in (0.01, 0.1, 0.5, 1.0, 2.0):
        if t > compact.radius[0]:
            continue
        kappa, _ = _exact(np.array([t]), scale, tau)
        found = profiles.compact_lensing(compact.values[0], np.array([t])).real
        found = found + profiles.smooth_kappa(smooth.values[0], np.array([t]))
        assert found[0] == pytest.approx(5e-3 * kappa[0], rel=2e-3, abs=1e-6)


def test_compact_part_has_no_mass_and_ends(profiles):
    arrays = np.array([1e-2]), np.array([0.3]), np.array([12.0])
    compact = profiles.compact(*arrays)
    t = np.exp(_profiles._LN_COMPACT)
    # Its enclosed mass is the mean convergence, the sum of convergence and tangential shear.
    values = compact.values[0]
    enclosed = np.pi * t**2 * (values.real + values.imag)
    # At the end, the mean convergence is some 1e-9, but t^2 is large.
    assert abs(enclosed[-1]) < 0.01 * np.abs(enclosed).max()
    beyond = t > compact.radius[0]
    assert np.abs(values[beyond].real).max() < 2e-5 and np.abs(values[beyond].imag).max() < 2e-5
    assert 2 < compact.radius[0] < 6
    assert profiles.compact(np.array([1e-9]), *arrays[1:]).radius[0] == 0


def test_scale_with_the_gaussian(profiles):
    narrow = DividedProfiles(0.1)
    arrays = np.array([1e-2]), np.array([0.3]), np.array([12.0])
    small = np.array([1e-4]), np.array([0.03]), np.array([12.0])
    assert narrow.compact(*small).radius[0] == pytest.approx(
        0.1 * profiles.compact(*arrays).radius[0]
    )
    assert np.allclose(narrow.smooth(*small).values, profiles.smooth(*arrays).values)
