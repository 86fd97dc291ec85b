# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The resolution of a simulation against its published power."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from lensmap.simulate.halo_model._resolution import resolution_transfer

REFERENCE = Path(__file__).parents[2] / "data" / "massivenus_power_ratio.ecsv"


def test_massivenus_loses_what_its_power_lacks():
    table = Table.read(REFERENCE)
    ell = np.array(table["ell"], dtype=float)
    ratio = np.array(table["massivenus"] / table["halofit"])
    np.testing.assert_allclose(resolution_transfer(ell, "massivenus") ** 2, ratio, rtol=2e-3)


def test_beyond_its_table_it_goes_on():
    ell = np.array([0.0, 10.0, 20_000.0, 40_000.0])
    transfer = resolution_transfer(ell, "massivenus")
    assert transfer[0] == transfer[1] and np.all(np.diff(transfer[1:]) < 0)


def test_none_and_a_function():
    ell = np.array([1.0, 100.0])
    np.testing.assert_array_equal(resolution_transfer(ell, None), 1)
    np.testing.assert_allclose(resolution_transfer(ell, lambda x: 1 / x), 1 / ell)


@pytest.mark.parametrize(
    ("resolution", "message"),
    [
        ("kappatng", "a function of the multipoles or one of 'massivenus', not 'kappatng'"),
        (lambda ell: np.ones(3), "must return one factor for each multipole"),
        (lambda ell: ell * np.nan, "must return a finite factor for each multipole"),
    ],
)
def test_what_is_no_resolution_says_why(resolution, message):
    with pytest.raises(ValueError, match=message):
        resolution_transfer(np.array([1.0, 2.0]), resolution)
