# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Positions in the order of their pixels, and the lensing of halos at them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.simulate.sky._halos import SkyHalos
from lensmap.simulate.sky._points import SortedPoints, add_compact_lensing, halos_near
from lensmap.simulate.sky._profiles import DividedProfiles
from lensmap.sphere import HealpixPixels

FINEST = HealpixPixels(1 << 29)


def sorted_points(lon, lat):
    finest = FINEST.at(lon, lat)
    order = np.argsort(finest)
    return SortedPoints(finest[order], np.asarray(lon)[order], np.asarray(lat)[order])


def halos_at(lon, lat, weight=1e-7):
    n = len(np.atleast_1d(lon))
    ones = np.ones(n)
    return SkyHalos(
        np.atleast_1d(lon) * ones, np.atleast_1d(lat) * ones, 0.3 * ones, 1e14 * ones, 5 * ones,
        weight * ones, np.radians(0.5 / 60) * ones, 12.0 * ones,
    )


@pytest.mark.parametrize("center", [(0.01, 0), (45, 41.8), (120, 89.99), (300, -75)])
@pytest.mark.parametrize("radius", [0.02, 0.3, 3.0])
def test_near_leaves_no_point_out(center, radius):
    rng = np.random.default_rng(1)
    sky = SkyCoord(*center, unit="deg")
    around = sky.directional_offset_by(
        rng.uniform(0, 360, 4000) * u.deg, 2 * radius * np.sqrt(rng.random(4000)) * u.deg
    )
    points = sorted_points(around.ra.deg, around.dec.deg)
    rows = points.near(*center, np.radians(radius))
    distance = sky.separation(SkyCoord(points.lon, points.lat, unit="deg")).deg
    assert np.all(np.diff(rows) > 0)
    assert set(np.flatnonzero(distance <= radius)) <= set(rows)
    assert distance[rows].max() < 1.8 * radius
    assert np.allclose(
        np.sqrt(points.squared_chords(rows, *center)), 2 * np.sin(np.radians(distance[rows]) / 2)
    )


def test_near_without_points():
    points = sorted_points(np.array([10.0]), np.array([0.0]))
    assert len(points) == 1 and len(points.near(50, 0, 0.01)) == 0


@pytest.mark.parametrize("center", [(10, 0), (0, 60), (200, 89.9), (30, -89.99)])
@pytest.mark.parametrize("direction", [0, 35, 90, 130, 222, 301])
def test_shear_is_tangential(center, direction):
    # The position angle of the halo as seen from the galaxy, from north through east.
    galaxy = SkyCoord(*center, unit="deg")
    halo = galaxy.directional_offset_by(direction * u.deg, 1 * u.arcmin)
    points = sorted_points([galaxy.ra.deg], [galaxy.dec.deg])
    profiles = DividedProfiles(np.radians(2 / 60))
    kappa, gamma = np.zeros(1), np.zeros(1, complex)
    halos = halos_at(halo.ra.deg, halo.dec.deg)
    add_compact_lensing(points, halos, profiles, kappa, gamma)
    values = profiles.compact(halos.weight, halos.scale, halos.tau).values[0]
    expected = profiles.compact_lensing(values, np.radians([1 / 60]))[0]
    # Galaxies are elongated perpendicular to the direction of the halo, x is east and y is north.
    angle = np.radians(90 - direction)
    assert expected.imag > 0
    assert kappa[0] == pytest.approx(expected.real, rel=1e-6)
    assert gamma[0] == pytest.approx(-expected.imag * np.exp(2j * angle), rel=1e-5)


def test_sum_of_halos():
    profiles = DividedProfiles(np.radians(2 / 60))
    points = sorted_points([10.0, 10.02], [0.0, 0.01])
    pair, kappa = halos_at([10.0, 10.01], [0.005, 0.0]), np.full(2, 0.5)
    single = np.zeros(2)
    for i in range(2):
        add_compact_lensing(points, pair.select(np.array([i])), profiles, single)
    add_compact_lensing(points, pair, profiles, kappa)
    assert np.allclose(kappa - 0.5, single)


def test_mean_over_a_circle():
    profiles = DividedProfiles(np.radians(2 / 60))
    rng = np.random.default_rng(4)
    halo = halos_at(10.0, 0.0)
    circle = np.radians(0.4 / 60)
    # The circle around the halo, one next to it, one off the halo, and one far away.
    for distance, rel in ((0, 0.02), (0.3, 0.02), (1.0, 0.02), (3.5, 0.05)):
        point = sorted_points([10.0 + distance / 60], [0.0])
        mean, shear = np.zeros(1), np.zeros(1, complex)
        add_compact_lensing(point, halo, profiles, mean, shear, circle=circle)
        at_point, shear_at_point = np.zeros(1), np.zeros(1, complex)
        add_compact_lensing(point, halo, profiles, at_point, shear_at_point)
        radius = np.degrees(circle) * np.sqrt(rng.random(20000))
        angle = rng.uniform(0, 2 * np.pi, 20000)
        inside = sorted_points(
            point.lon + radius * np.cos(angle), point.lat + radius * np.sin(angle)
        )
        values = np.zeros(20000)
        add_compact_lensing(inside, halo, profiles, values)
        assert mean[0] == pytest.approx(values.mean(), rel=rel)
        assert shear[0] == shear_at_point[0]
        if distance == 0:
            assert mean[0] < 0.8 * at_point[0]


@pytest.mark.parametrize("index", [0, 4095, 21000, 49151])
def test_halos_near_a_pixel(index):
    pixels = HealpixPixels(64)
    (lon,), (lat,) = pixels.centers([index])
    rng = np.random.default_rng(2)
    around = SkyCoord(lon, lat, unit="deg").directional_offset_by(
        rng.uniform(0, 360, 3000) * u.deg, 2.5 * np.sqrt(rng.random(3000)) * u.deg
    )
    halos = halos_at(around.ra.deg, around.dec.deg, rng.random(3000))
    reach = np.radians(rng.uniform(0, 0.4, 3000))
    found = halos_near(halos, pixels, index, reach)
    # Points of the pixel, from the pixels of a higher order.
    fine = HealpixPixels(64 * 16)
    points = SkyCoord(*fine.centers(index * 256 + np.arange(256)), unit="deg")
    distance = around[:, np.newaxis].separation(points[np.newaxis]).rad.min(axis=1)
    needed = set(halos.weight[distance < reach])
    assert needed <= set(found.weight)
    assert len(found.weight) < 1.8 * len(needed)  # a circle around the pixel has 3 times as many
