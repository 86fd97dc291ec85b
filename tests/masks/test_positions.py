# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Neighbors with and without a tree."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from lensmap.masks._positions import Positions, chord


def test_chord():
    angle = np.radians([0, 60, 90, 180])
    np.testing.assert_allclose(chord(angle), [0, 1, np.sqrt(2), 2], atol=1e-15)
    assert chord(10.0) == 2  # no chord is longer than the sphere is wide


@pytest.mark.parametrize("use_tree", [False, True])
def test_near(use_tree):
    rng = np.random.default_rng(2)
    sky = SkyCoord(rng.uniform(0, 360, 500), rng.uniform(60, 90, 500), unit="deg")
    sky = SkyCoord(np.append(sky.ra, np.nan), np.append(sky.dec, np.nan), unit="deg")
    where = Positions.from_sky(sky)
    center = SkyCoord(200, 80, unit="deg")
    found = where.near(center.cartesian.xyz.value, chord(np.radians(7)), use_tree=use_tree)
    expected = np.flatnonzero(center.separation(sky).deg < 7)
    assert sorted(found) == expected.tolist() and len(expected) > 20


def test_behind_the_tangent_plane():
    """Pixels that are not on the sky are near nothing, and break nothing."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.cdelt = [-1, 1]
    where = Positions.from_pixels([0, 200.0], [0, 200.0], wcs)
    for use_tree in (False, True):
        found = where.near(np.array([1.0, 0, 0]), 2.0, use_tree=use_tree)
        assert found.tolist() == [0]
