# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The table of halos: its columns and units."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.halos import halo_positions, halo_table

SKY = SkyCoord([10, 11], [1, 2], unit="deg")


def test_columns_of_the_table():
    table = halo_table(SKY.galactic, [0.1, 0.2], [1e14, 2e14] * u.solMass, [4, 5])
    assert table.colnames == ["ra", "dec", "redshift", "m200c", "c200c", "ellipticity", "angle"]
    assert np.all(halo_positions(table).separation(SKY) < 1e-9 * u.deg)
    assert table["redshift"].tolist() == [0.1, 0.2] and table["m200c"].unit == u.solMass
    assert not table["ellipticity"].any() and table["angle"].unit == u.deg


def test_without_halos_the_columns_are_the_same():
    assert len(halo_table()) == 0
    full = halo_table(SKY, [0.1, 0.2], [1e14, 2e14] * u.solMass, [4, 5])
    assert halo_table().colnames == full.colnames


def test_what_is_refused():
    with pytest.raises(ValueError, match="a unit such as solMass in the column 'm200c', not 'Mpc'"):
        halo_table(SKY, [0.1, 0.2], [1, 2] * u.Mpc, [4, 4])
    with pytest.raises(ValueError, match="a unit .* in the column 'm200c'"):
        halo_table(SKY, [0.1, 0.2], [1, 2], [4, 4])
    with pytest.raises(TypeError, match="positions must be a SkyCoord or None, not list"):
        halo_table([1, 2])
