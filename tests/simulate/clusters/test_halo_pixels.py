# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Halos on pixels, where their center is far from the field."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.halos import NFWHalo
from lensmap.simulate import ClusterField
from lensmap.simulate.clusters._halo_pixels import radial_nodes

SHAPE, SCALE = (32, 32), 0.2 * u.arcmin
# A subhalo of Coma: twenty times as far from its center as the field is wide.
SMALL = {"c200c": 8.0, "z_lens": 0.0231}


@pytest.mark.parametrize("x, y", [(315.5, 15.5), (-300.0, -120.0), (15.5, -284.5)])
def test_a_halo_far_outside_of_the_field_has_its_shear(x, y):
    halo = NFWHalo(2e13 * u.solMass, truncation=2.5, **SMALL)
    model = ClusterField(halo, shape=SHAPE, pixel_scale=SCALE, dtype="float64")
    kappa, gamma = model._lensing(halo, 0, x, y)
    dy, dx = np.mgrid[: SHAPE[0], : SHAPE[1]] - np.array([y, x])[:, None, None]
    r, angle = np.hypot(dx, dy) * SCALE, np.arctan2(dy, dx)
    expected = halo.tangential_shear(r, model.z_source)
    np.testing.assert_allclose(-gamma * np.exp(-2j * angle), expected, rtol=1e-3)
    np.testing.assert_allclose(kappa.real, halo.kappa(r, model.z_source), rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("x, y", [(15.5, 15.5), (315.5, 15.5), (-300.0, -120.0)])
def test_tables_reach_as_far_as_elliptical_radii_do(x, y):
    corners = np.array([[0, 0], [0, 31], [31, 0], [31, 31]])
    farthest = np.hypot(*(corners - [x, y]).T).max()
    # the axis ratio of the most elliptical halo of a ClusterField is 1/4
    assert radial_nodes(SHAPE, x, y)[-1] > farthest * np.sqrt(4)


def test_a_seed_sequence_is_not_used_up():
    halo = NFWHalo(5e14 * u.solMass, 4.0, 0.3)
    model = ClusterField(halo, shape=SHAPE, pixel_scale=SCALE, substructure=0.1)
    seed = np.random.SeedSequence(3, spawn_key=(1,))
    first = model.draw(seed)
    seed.spawn(2)
    np.testing.assert_array_equal(model.draw(seed).gamma, first.gamma)
