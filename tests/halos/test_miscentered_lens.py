# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Wrong centers of a Gaussian surface density, whose average is a Gaussian again."""

import numpy as np
import pytest

from lensmap.cosmology import get_cosmology
from lensmap.halos import MiscenteredLens, NFWLens

OFFSET = 3e-4  # radians


def _gaussian(monkeypatch, width):
    """Replace the halo by a Gaussian; return its convolved value and mean within a radius."""

    def halo(self, theta, ln_m200c, ln_c200c):
        sigma = ln_m200c * np.exp(-((theta / width) ** 2) / 2)
        return sigma, ln_c200c * theta

    monkeypatch.setattr(NFWLens, "surface_density", halo)
    total = width**2 + OFFSET**2

    def expected(theta):
        value = np.exp(-(theta**2) / (2 * total))
        return width**2 / total * value, 2 * width**2 / theta**2 * (1 - value)

    return expected


@pytest.mark.parametrize(("width", "low", "high", "rtol"), [
    (1.5, 0.3, 6, 1e-6), (1.0, 1.0, 1.6, 1e-6), (0.3, 0.1, 3.0, 1e-4), (200, 1, 150, 3e-5),
])
def test_a_gaussian_stays_one(monkeypatch, width, low, high, rtol):
    expected = _gaussian(monkeypatch, width * OFFSET)
    lens = MiscenteredLens(0.3, get_cosmology(None), 0.25, OFFSET)
    for scale in (1.0, 0.7):  # the weights are computed again for other radii
        theta = scale * OFFSET * np.geomspace(low, high, 6).reshape(2, 3)
        (f, sigma, excess), (g, wrong, wrong_excess) = lens.by_center(theta, 2.0, 5.0)
        value, within = expected(theta)
        assert (f, g) == (0.75, 0.25)
        np.testing.assert_allclose(sigma, 2 * np.exp(-((theta / width / OFFSET) ** 2) / 2))
        np.testing.assert_allclose(excess, 5 * theta)
        np.testing.assert_allclose(wrong, 2 * value, rtol=rtol)
        np.testing.assert_allclose(wrong + wrong_excess, 2 * within, rtol=rtol)


def test_the_mean_over_centers():
    lens = MiscenteredLens(0.3, get_cosmology(None), 0.25, OFFSET)
    theta = OFFSET * np.array([0.5, 2.0])
    (f, sigma, excess), (g, wrong, wrong_excess) = lens.by_center(theta, np.log(3e14), np.log(4))
    found = lens.surface_density(theta, np.log(3e14), np.log(4))
    np.testing.assert_allclose(found, [f * sigma + g * wrong, f * excess + g * wrong_excess])
    right = NFWLens(0.3, get_cosmology(None)).surface_density(theta, np.log(3e14), np.log(4))
    np.testing.assert_allclose([sigma, excess], right)
