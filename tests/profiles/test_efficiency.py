# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Inverse critical surface densities of galaxies in front of a lens, at it and behind it."""

import numpy as np
import pytest

from lensmap.cosmology import get_cosmology, sigma_crit
from lensmap.profiles._efficiency import Efficiency

COSMOLOGY = get_cosmology(None)


def test_only_galaxies_behind_the_lens_count():
    z = np.array([0.3, 0.5, np.nan, 0.2, 1.5, 5e-5])
    efficiency = Efficiency.from_redshifts(z, np.array([0.4, 0.3]), None, COSMOLOGY)
    inverse, square = efficiency.inverse_sigma_crit(1, np.arange(6))
    expected = [0, 1 / sigma_crit(0.3, 0.5).value, 0, 0, 1 / sigma_crit(0.3, 1.5).value, 0]
    np.testing.assert_allclose(inverse, expected, rtol=1e-5)
    np.testing.assert_allclose(square, np.square(expected), rtol=2e-5)
    rows = np.array([4, 1])
    np.testing.assert_array_equal(efficiency.inverse_sigma_crit(1, rows)[0], inverse[rows])


def test_redshifts_that_are_all_missing():
    with pytest.raises(ValueError, match="no galaxy has a redshift; give z_source"):
        Efficiency.from_redshifts(np.full(3, np.nan), np.array([0.3]), None, COSMOLOGY)
