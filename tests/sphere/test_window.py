# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of `lensmap.sphere.pixel_window`."""

import numpy as np
import pytest

from lensmap.sphere import HealpixPixels, SphericalTransform, pixel_window

pytest.importorskip("ducc0")


def test_the_power_of_averaged_pixels():
    """Average a fine map of a random field over coarse pixels, for which the window is known."""
    fine, coarse = HealpixPixels(256), HealpixPixels(32)
    transform = SphericalTransform(fine, lmax=128)
    window = pixel_window(32, 128)
    rng = np.random.default_rng(1)
    for ell in (32, 64, 96, 128):
        modes = np.where(transform.ell == ell, rng.standard_normal(len(transform.ell))
                         + 1j * rng.standard_normal(len(transform.ell)), 0)
        values = transform.to_map(modes)
        means = values.reshape(coarse.n_pixels, -1).mean(axis=1)
        assert np.std(means) / np.std(values) == pytest.approx(window[ell], rel=0.01)


def test_limits():
    window = pixel_window(1024, 4096)
    assert window[0] == pytest.approx(1, abs=1e-12)
    assert np.all(np.diff(window[2:]) < 0)
    # A square of the same area, averaged over directions, for small multipoles.
    x = 400 * np.sqrt(HealpixPixels(1024).area)
    assert 1 - window[400] == pytest.approx(x**2 / 24, rel=0.12)
    np.testing.assert_allclose(pixel_window(512, 2048), window[::2], rtol=1e-4)
