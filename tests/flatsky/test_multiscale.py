# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps at several smoothings are those of each smoothing alone."""

import numpy as np
import pytest

from lensmap.flatsky import gaussian_smooth, multiscale_convergence, shear_to_convergence

RNG = np.random.default_rng(1)
GAMMA = RNG.standard_normal((40, 56)) + 1j * RNG.standard_normal((40, 56))


@pytest.mark.parametrize("padding", [1.5, 2.0])
def test_unsmoothed_is_the_inversion(padding):
    (found,) = multiscale_convergence(GAMMA, [0], padding=padding)
    np.testing.assert_allclose(found, shear_to_convergence(GAMMA, padding=padding), atol=1e-12)


def test_smoothing_is_that_of_the_map():
    """In the middle: at the edges the transform sees its own padding."""
    found = list(multiscale_convergence(GAMMA, [1.5, 3.0], padding=3))
    kappa = shear_to_convergence(np.pad(GAMMA, 40), padding=2)
    for sigma, one in zip((1.5, 3.0), found, strict=True):
        expected = gaussian_smooth(kappa, sigma)[40:-40, 40:-40]
        assert np.abs(one - expected)[8:-8, 8:-8].max() < 0.02 * expected.std()


def test_precision_is_kept():
    single = next(iter(multiscale_convergence(GAMMA.astype(np.complex64), [2.0])))
    double = next(iter(multiscale_convergence(GAMMA, [2.0])))
    assert single.dtype == np.complex64 and double.dtype == np.complex128
    np.testing.assert_allclose(single, double, atol=1e-5)
