# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Rotations that depend on the galaxy alone."""

import numpy as np
from scipy import stats

from lensmap.survey._keyed_noise import keyed_angles

KEYS = np.arange(200_000, dtype=np.uint64) * np.uint64(7)


def test_angles_are_uniform():
    angles = keyed_angles(KEYS, 3, 0)
    assert stats.kstest(angles / (2 * np.pi), "uniform").pvalue > 1e-3
    assert angles.dtype == np.float32


def test_realizations_seeds_and_neighboring_keys_are_independent():
    first = np.exp(1j * keyed_angles(KEYS, 3, 0))
    neighbors = np.roll(keyed_angles(KEYS, 3, 0), 1)
    others = [keyed_angles(KEYS, 3, 1), keyed_angles(KEYS, 4, 0), neighbors]
    for other in others:
        assert abs(np.mean(first * np.exp(-1j * other))) < 4 / np.sqrt(len(KEYS))


def test_an_angle_depends_on_the_galaxy_alone():
    rows = np.array([5, 100_000, 17])
    np.testing.assert_array_equal(keyed_angles(KEYS[rows], 3, 5), keyed_angles(KEYS, 3, 5)[rows])
