# Licensed under a 3-clause BSD style license - see LICENSE.rst
import numpy as np
import pytest

from lensmap.flatsky import isolated_shear


@pytest.mark.parametrize("shape", [(48, 48), (40, 57)])
def test_shear_of_a_disk_is_analytic(shape):
    """Outside a compact mass, the tangential shear is M / (pi r^2), also at the edges."""
    ny, nx = shape
    y, x = np.indices(shape, dtype=float)
    x0, y0, sigma, mass = 12.0, 13.0, 2.0, 3.0
    dx, dy = x - x0, y - y0
    radius = np.hypot(dx, dy)
    kappa = np.exp(-(radius**2) / (2 * sigma**2))
    kappa *= mass / kappa.sum()
    gamma = isolated_shear(kappa)
    outside = radius > 5 * sigma
    expected = -mass / np.pi / (dx - 1j * dy)[outside] ** 2
    error = np.abs(gamma[outside] - expected) / np.abs(expected)
    assert error.max() < 2e-3
