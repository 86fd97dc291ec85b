# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The part of the sky that a mock survey covers."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.maps import HealpixMap
from lensmap.simulate.sky._footprint import CELLS, Footprint, StarHoles
from lensmap.simulate.sky._halos import TRACER_PIXELS, random_positions
from lensmap.simulate.sky._points import SortedPoints
from lensmap.sphere import HealpixPixels


def covered_area(footprint, rng):
    """Return the area of a footprint (deg2), from random positions in its cells."""
    cells = np.repeat(footprint.index, 40)
    inside = footprint.contains(*random_positions(CELLS.order, cells, rng))
    return inside.mean() * len(footprint.index) * CELLS.area * np.degrees(1) ** 2


@pytest.mark.parametrize("center", [None, (0.2, 60), (30, -90)])
def test_disk(center):
    rng = np.random.default_rng(1)
    sky = None if center is None else SkyCoord(*center, unit="deg")
    footprint = Footprint(150 * u.deg**2, sky)
    assert covered_area(footprint, rng) == pytest.approx(150, rel=0.02)
    sky = SkyCoord(180, 0, unit="deg") if center is None else sky
    radius = np.degrees(2 * np.arcsin(np.sqrt(footprint.area / (4 * np.pi))))
    around = sky.directional_offset_by(
        rng.uniform(0, 360, 500) * u.deg, rng.uniform(0, 2 * radius, 500) * u.deg
    )
    lon, lat = around.ra.deg, around.dec.deg
    inside = footprint.contains(HealpixPixels(1 << 29).at(lon, lat), lon, lat)
    assert np.array_equal(inside, sky.separation(around).deg <= radius)
    # Each position inside lies in a cell of the footprint, near the center of the cell.
    cell = CELLS.at(lon, lat)
    assert set(cell[inside]) <= set(footprint.index)
    with_margin = footprint.around(TRACER_PIXELS, np.radians(2.0))
    near = sky.separation(around).deg < radius + 2
    assert set(TRACER_PIXELS.at(lon, lat)[near]) <= set(with_margin)
    assert len(with_margin) * TRACER_PIXELS.area < 1.1 * np.pi * np.radians(radius + 2) ** 2


def test_whole_sphere():
    footprint = Footprint(4 * np.pi * u.sr)
    assert len(footprint.index) == CELLS.n_pixels
    assert footprint.contains(np.zeros(1, int), np.array([0.0]), np.array([0.0])).all()


@pytest.mark.parametrize("nside", [16, 64, 256])
def test_map(nside):
    pixels = HealpixPixels(nside)
    index = pixels.at(*(values.ravel() for values in np.meshgrid(
        np.arange(350, 370, 0.1) % 360, np.arange(-5, 5, 0.1)
    )))
    index = np.unique(index)
    data = np.ones(len(index))
    data[::7] = np.nan
    footprint = Footprint(HealpixMap(data, pixels, index))
    expected = np.count_nonzero(np.isfinite(data)) * pixels.area * np.degrees(1) ** 2
    assert np.degrees(np.degrees(footprint.area)) == pytest.approx(expected)
    assert covered_area(footprint, np.random.default_rng(1)) == pytest.approx(expected, rel=0.03)
    assert len(footprint.around(TRACER_PIXELS, 0.05)) * TRACER_PIXELS.area > footprint.area


@pytest.mark.parametrize(
    ("value", "center", "message"),
    [
        (10, None, "solid angle"), (10 * u.deg, None, "solid angle"),
        (0 * u.deg**2, None, "above 0"), (1e5 * u.deg**2, None, "above 0"),
        ([1, 2] * u.deg**2, None, "solid angle"), ("much", None, "solid angle"),
        (HealpixMap([np.nan], 8, [3]), None, "unmasked pixel"),
        (HealpixMap([1.0], HealpixPixels(8, "galactic"), [3]), None, "icrs"),
        (HealpixMap([1.0], 8, [3]), SkyCoord(0, 0, unit="deg"), "center"),
        (1 * u.deg**2, 7, "center"),
    ],
)
def test_wrong_values(value, center, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Footprint(value, center)


def test_holes_around_stars():
    holes = StarHoles(15.0, 5, 2)
    cell = 20000
    rng = np.random.default_rng(1)
    finest, lon, lat = random_positions(CELLS.order, np.full(8000, cell), rng)
    order = np.argsort(finest)
    points = SortedPoints(finest[order], lon[order], lat[order])
    excluded = holes.excluded(points, cell)
    # Stars of all cells around, by brute force.
    expected = np.zeros(len(points), bool)
    sky = SkyCoord(points.lon, points.lat, unit="deg")
    center = SkyCoord(*(value[0] for value in CELLS.centers([cell])), unit="deg")
    all_cells = SkyCoord(*CELLS.centers(np.arange(CELLS.n_pixels)), unit="deg")
    radii = []
    for other in np.flatnonzero(all_cells.separation(center).deg < 2):
        for ra, dec, radius in zip(*holes.stars(other), strict=True):
            radii.append(np.degrees(radius) * 60)
            expected |= sky.separation(SkyCoord(ra, dec, unit="deg")).rad < radius
    assert np.array_equal(excluded, expected) and excluded.any()
    radii = np.array(radii)
    assert 0.3 <= radii.min() and radii.max() <= 3
    # The cumulative distribution of the radii is a power law of slope -2.
    share = (0.6**-2 - 3**-2) / (0.3**-2 - 3**-2)
    assert np.mean(radii > 0.6) == pytest.approx(share, abs=0.1)
    assert np.array_equal(holes.stars(cell)[0], StarHoles(15.0, 5, 2).stars(cell)[0])
    assert not np.isin(holes.stars(cell)[0], StarHoles(15.0, 6, 2).stars(cell)[0]).any()
