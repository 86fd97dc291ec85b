# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Separations and directions of pairs against astropy's, and distances of neighbors by hand."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lenses import catalog_columns, uniform_sky

from lensmap import ShearCatalog
from lensmap.profiles._pairs import Sources
from lensmap.utils import CatalogWarning, without_warnings


def sources_at(ra, dec, **columns):
    zero = np.zeros(len(ra))
    table = catalog_columns(SkyCoord(ra, dec, unit="deg"), zero + 0j, **columns)
    with without_warnings(CatalogWarning):  # about few galaxies for a map
        return Sources(ShearCatalog(table, "generic", "celestial", "shear"))


@pytest.mark.parametrize("center", [(0.0, 0.0), (359.9, 45.0), (30.0, 89.7), (200.0, -60.0)])
@pytest.mark.parametrize("radius", [0.3, 20.0])
def test_directions_are_those_of_astropy(center, radius):
    center = SkyCoord(*center, unit="deg")
    sky = uniform_sky(center, 1.5 * radius, 500, np.random.default_rng(0)).icrs
    sources = sources_at(sky.ra.deg, sky.dec.deg)
    # A position in another frame is converted to that of the galaxies.
    position = sources.coordinates(SkyCoord([center.galactic]))[0]
    np.testing.assert_allclose(np.degrees(position), [center.ra.deg, center.dec.deg], atol=1e-9)
    rows, theta, spin = sources.directions(position, np.radians(radius))
    inside = sky.separation(center).deg < radius
    assert 100 < np.count_nonzero(inside) < 400
    np.testing.assert_array_equal(rows, np.flatnonzero(inside))
    sky = sky[inside]
    np.testing.assert_allclose(theta, sky.separation(center).rad, rtol=1e-9)
    psi = np.pi / 2 - sky.position_angle(center).rad
    np.testing.assert_allclose(spin, np.exp(-2j * psi), atol=1e-7)


def test_a_galaxy_at_the_position_has_no_direction():
    rows, theta, spin = sources_at([0.0, 1.0], [45.0, 45.0]).directions(np.radians([0, 45]), 0.01)
    assert (rows, theta, spin) == (0, 0, 0)


def test_neighbors_on_a_line():
    """Galaxies 1 degree apart on the equator."""
    sources = sources_at(np.arange(101.0), np.zeros(101))
    assert len(sources) == 101
    for n, degrees in ((1, 1), (2, 1), (3, 2), (10, 5)):
        assert np.degrees(sources.spacing(n)) == pytest.approx(degrees)
    few = sources_at(np.arange(5.0), np.zeros(5))
    assert np.degrees(few.spacing(100)) == pytest.approx(3)  # of 4, 3, 2, 3 and 4
    # Every second of 4000 galaxies, of which the others have no neighbor as near.
    ra = np.repeat(np.arange(2000) * 0.1, 2) + np.tile([0, 0.01], 2000)
    assert np.degrees(sources_at(ra, np.zeros(4000)).spacing(1)) == pytest.approx(0.01)
    positions = SkyCoord([3.3, 0.0, 50.5], [0.0, 2.0, 0.0], unit="deg")
    np.testing.assert_allclose(np.degrees(sources.nearest(positions)), [0.3, 2, 0.5])


def test_additive_bias_of_one_component():
    ra, c = np.arange(3.0), np.array([0.1, 0.2, 0.3])
    assert sources_at(ra, ra).additive is None
    np.testing.assert_array_equal(sources_at(ra, ra, c1=c).additive, c)
    np.testing.assert_array_equal(sources_at(ra, ra, c2=c).additive, 1j * c)
    np.testing.assert_array_equal(sources_at(ra, ra, c1=c, c2=2 * c).additive, c + 2j * c)
    np.testing.assert_array_equal(sources_at(ra, ra).weight, 1)
    np.testing.assert_array_equal(sources_at(ra, ra, weight=c).weight, c)
