# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`true_clusters`: the peaks of a true map that are heavy enough in projection."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import ConvergenceMap, NFWHalo
from lensmap.simulate import ClusterField
from lensmap.validation import true_clusters

MASSES = (5e14, 1.5e14, 0.5e14)
PLACES = np.array([[-20.0, 0.0], [15.0, 10.0], [10.0, -18.0]]) * u.arcmin


@pytest.fixture(scope="module")
def field():
    halos = [NFWHalo(mass * u.solMass, 4.0, 0.3) for mass in MASSES]
    return ClusterField(halos, positions=PLACES, shape=(200, 200), z_source=2.5).draw(0)


def test_heavy_peaks_have_the_mass_of_their_cylinder(field):
    # The third halo has less than 1e14 in its cylinder.
    found = true_clusters(field.kappa, z_source=2.5)
    assert len(found) == 2
    halos = SkyCoord(field.halos["ra"], field.halos["dec"])
    where = SkyCoord(found["ra"], found["dec"])
    assert np.all(where.separation(halos[:2]) < 0.2 * u.arcmin)
    own = [
        (np.pi * u.Mpc**2 * NFWHalo(mass * u.solMass, 4.0, 0.3).mean_surface_density(1 * u.Mpc))
        for mass in MASSES[:2]
    ]
    # The others add what they have there, some per cent of the heaviest.
    ratio = found["mass"] / u.Quantity(own)
    assert np.all((ratio > 0.99) & (ratio < [1.06, 1.25]))
    masses = found["kappa_mean"] * 2.277e15 * np.pi
    np.testing.assert_allclose(masses, found["mass"].value, rtol=5e-3)
    lighter = true_clusters(field.kappa, z_source=2.5, min_mass=3e13 * u.solMass)
    assert len(lighter) == 3


def test_no_cluster_at_all(field):
    empty = true_clusters(field.kappa, z_source=2.5, min_mass=1e16 * u.solMass)
    assert len(empty) == 0 and "mass" in empty.colnames
    flat = ConvergenceMap(np.full((20, 20), -0.1), wcs=field.kappa[:20, :20].wcs)
    assert len(true_clusters(flat, z_source=2.5)) == 0


def test_bad_input(field):
    with pytest.raises(TypeError, match="min_mass must be a mass with a unit, not 1e14|1000"):
        true_clusters(field.kappa, z_source=2.5, min_mass=1e14)
    with pytest.raises(ValueError, match="min_mass"):
        true_clusters(field.kappa, z_source=2.5, min_mass=-1 * u.solMass)
    with pytest.raises(ValueError, match="z_source"):
        true_clusters(field.kappa, z_source=0.2)
