# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The pixels around positions."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import ConvergenceMap
from lensmap.grid import tangent_wcs
from lensmap.profiles._pixels import pixels_around, places_around


@pytest.fixture(params=[0.0, 89.0], ids=["equator", "pole"])
def kappa(request):
    center = SkyCoord(359.9, request.param, unit="deg")
    wcs = tangent_wcs(center, (60, 70), 2 * u.arcmin)
    rng = np.random.default_rng(1)
    mask = rng.random((60, 70)) < 0.2
    return ConvergenceMap(rng.normal(size=(60, 70)), np.ones((60, 70)), mask, wcs)


def test_they_are_those_that_are_near_on_the_sphere(kappa):
    places = kappa.wcs.pixel_to_world([5.0, 30.2, 69.0, 400.0], [5.0, 31.0, 10.0, 3.0])
    angles = np.radians([0.2, 0.5, 1.5, 0.3])
    y, x = np.indices(kappa.shape)
    sky = kappa.wcs.pixel_to_world(x, y)
    for together in (True, False):
        found = (list(pixels_around(kappa, places, angles)) if together else
                 [next(pixels_around(kappa, places[i : i + 1], angles[i : i + 1]))
                  for i in range(4)])
        for place, angle, (theta, values, errors) in zip(places, angles, found, strict=True):
            distance = place.separation(sky).rad
            near = (distance <= angle) & ~kappa.mask
            assert len(theta) == near.sum() and len(errors) == near.sum()
            np.testing.assert_allclose(theta, distance[near], rtol=1e-10)
            np.testing.assert_array_equal(values, kappa.data[near])
    assert len(found[2][0]) > 100 and len(found[3][0]) == 0


def test_places_are_of_the_same_pixels(kappa):
    place = kappa.wcs.pixel_to_world(20.0, 20.0)
    y, x, theta, direction = places_around(kappa, place, np.radians(0.4))
    expected, values, _ = next(pixels_around(kappa, place.reshape(1), [np.radians(0.4)]))
    np.testing.assert_allclose(theta, expected, rtol=1e-9)
    np.testing.assert_array_equal(kappa.data[y, x], values)
    assert np.ptp(direction) > np.pi


def test_no_position_has_no_pixels(kappa):
    assert list(pixels_around(kappa, SkyCoord([], [], unit="deg"), [])) == []
