# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The geometry of the tiles of a survey."""

import healpy
import numpy as np
import pytest

from lensmap.sphere import HealpixPixels
from lensmap.survey._tiles import Tile, neighbors

# At the equator, across RA = 0, in the polar caps, and at a pole.
TILES = [(3, 0), (3, 304), (3, 100), (4, 5), (3, 767), (3, 63)]


@pytest.fixture(params=TILES, ids=str)
def tile(request):
    return Tile(*request.param, margin=2.0)


def pixels_around(tile, order):
    index = tile.blended_pixels(order)
    return index, tile.project(*HealpixPixels(1 << order).centers(index))


def test_weight_is_half_on_the_boundary_and_ends_within_half_of_the_margin(tile):
    index, (xi, eta) = pixels_around(tile, 8)
    weight = tile.weight(xi, eta)
    own = index >> 2 * (8 - tile.order) == tile.pixel
    assert own.sum() == 4 ** (8 - tile.order)
    assert weight[own].min() > 0.5 - 0.01
    assert weight[~own].max() < 0.5 + 0.01
    np.testing.assert_allclose(tile.weight(*tile.boundary.T), 0.5, atol=0.03)
    lon, lat = HealpixPixels(256).centers(index)
    far = healpy.rotator.angdist(tile.center, [lon, lat], lonlat=True)
    radius = np.radians(np.hypot(*tile.boundary.T).max() + 1.05 * tile.margin / 2)
    assert np.all(weight[far > radius] == 0)


def test_weights_of_all_tiles_cover_the_sky():
    order = 1
    total = np.zeros(12 * 64**2)
    for pixel in range(12 * 4**order):
        index, (xi, eta) = pixels_around(tile := Tile(order, pixel, 5.0), 6)
        total[index] += tile.weight(xi, eta)
    assert total.min() > 0.95
    assert total.max() < 2.05  # where four tiles meet


def test_lattice_agrees_with_its_wcs_and_holds_the_margin(tile):
    lattice = tile.lattice(0.05)
    index, (xi, eta) = pixels_around(tile, 7)
    lon, lat = HealpixPixels(128).centers(index)
    x, y = lattice.pixel_positions(xi, eta)
    np.testing.assert_allclose(
        np.stack([x, y]), lattice.wcs.wcs_world2pix(np.stack([lon, lat], -1), 0).T, atol=1e-9
    )
    ny, nx = lattice.shape
    used = tile.weight(xi, eta) > 0
    room = 0.5 * tile.margin / 0.05 - 1
    assert min(x[used].min(), y[used].min()) > room
    assert (nx - 1 - x[used].max()) > room
    assert (ny - 1 - y[used].max()) > room


def test_lattice_is_turned_to_a_small_rectangle():
    ny, nx = Tile(3, 300, 2.0).lattice(0.05).shape
    side = np.degrees(np.sqrt(4 * np.pi / 768))
    # A square of the tile's area with the margin, and a tenth for the shape of the pixel.
    assert ny * nx * 0.05**2 < 1.25 * (side + 4) ** 2


def test_cropped_lattice_holds_the_same_pixels():
    tile = Tile(3, 100, 2.0)
    lattice = tile.lattice(0.05)
    x, y = np.array([80.2, 130.9]), np.array([70.0, 71.0])
    part = lattice.cropped(x, y, room=10)
    assert part.shape[0] % 16 == part.shape[1] % 16 == 0
    assert part.shape[0] * part.shape[1] < 0.2 * lattice.shape[0] * lattice.shape[1]
    corner = part.wcs.pixel_to_world_values(0, 0)
    moved = np.array(lattice.wcs.world_to_pixel_values(*corner))
    np.testing.assert_allclose(moved, np.rint(moved), atol=1e-8)
    inside = np.array(part.wcs.world_to_pixel_values(*lattice.wcs.pixel_to_world_values(x, y)))
    assert inside.min() >= 10 - 1e-6
    assert np.all(inside.max(axis=1) <= np.array(part.shape)[::-1] - 10 + 1e-6)


def test_lattice_away_from_the_galaxies_is_not_cropped():
    lattice = Tile(3, 100, 2.0).lattice(0.2)
    assert lattice.cropped(np.array([-50.0]), np.array([3.0]), room=10) is lattice


def test_covering_pixels_hold_all_pixels_of_the_lattice(tile):
    lattice = tile.lattice(0.25)
    y, x = np.indices(lattice.shape)
    lon, lat = lattice.wcs.wcs_pix2world(np.stack([x.ravel(), y.ravel()], -1), 0).T
    assert np.isin(HealpixPixels(64).at(lon, lat), lattice.covering_pixels(6)).all()


def test_neighbors_are_those_of_healpy():
    found = healpy.get_all_neighbours(8, 63, nest=True)
    np.testing.assert_array_equal(neighbors(3, 63), np.unique(found[found >= 0]))
