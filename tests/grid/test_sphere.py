# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of `lensmap.grid.SphericalShearGrid`."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from catalogs import shear_catalog

from lensmap.grid import (
    ShearGrid,
    SphericalAssignment,
    SphericalPixels,
    SphericalShearGrid,
    noise_realizations,
    tangent_wcs,
)
from lensmap.sphere import HealpixPixels

pytest.importorskip("ducc0")


def catalog_around(lon, lat, n=3000, radius=0.5, seed=1, **columns):
    rng = np.random.default_rng(seed)
    center = SkyCoord(lon, lat, unit="deg")
    sky = center.directional_offset_by(
        rng.uniform(0, 360, n) * u.deg, radius * np.sqrt(rng.random(n)) * u.deg
    )
    table = {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": rng.normal(0, 0.2, n),
             "e2": rng.normal(0, 0.2, n)}
    return shear_catalog(Table({**table, **columns}))


def transported(catalog, lon, lat):
    """Carry the shear of each galaxy to a position by rotations in three dimensions."""
    result = []
    for ra, dec, e in zip(np.radians(catalog.ra), np.radians(catalog.dec),
                          catalog.e1 + 1j * catalog.e2, strict=True):
        def axes(a, d):
            return (np.array([-np.sin(a), np.cos(a), 0]),
                    np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)]),
                    np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)]))
        east, north, here = axes(ra, dec)
        new_east, new_north, there = axes(np.radians(lon), np.radians(lat))
        angle = np.angle(e) / 2
        vector = np.cos(angle) * east + np.sin(angle) * north
        axis = np.cross(here, there)
        sine, cosine = np.linalg.norm(axis), here @ there
        axis = axis / sine
        # Rodrigues' rotation along the great circle.
        vector = (vector * cosine + np.cross(axis, vector) * sine
                  + axis * (axis @ vector) * (1 - cosine))
        new = np.arctan2(vector @ new_north, vector @ new_east)
        result.append(np.abs(e) * np.exp(2j * new))
    return np.array(result)


@pytest.mark.parametrize(("lon", "lat"), [(10, 0), (200, 45), (0.1, -70), (60, 89.9)])
def test_shear_is_carried_to_the_pixel(lon, lat):
    catalog = catalog_around(lon, lat, n=60, radius=3.0)
    pixels = HealpixPixels(4)
    assignment = SphericalAssignment(catalog, SphericalPixels.around([catalog], pixels, None))
    assert assignment.n_outside == 0
    for place in np.unique(assignment.pixel):
        center = pixels.centers(assignment.on.index[[place]])
        rows = assignment.pixel == place
        expected = transported(catalog.select(rows), center[0][0], center[1][0])
        np.testing.assert_allclose(assignment.shear[rows], expected, atol=2e-7)


def test_sums():
    n = 3000
    rng = np.random.default_rng(2)
    columns = {"weight": rng.uniform(0.5, 1, n), "m": np.full(n, 0.1),
               "c1": np.full(n, 0.01), "c2": np.full(n, -0.02), "sigma_m": np.full(n, 0.1)}
    catalog = catalog_around(150, 20, n, **columns)
    pixels = HealpixPixels(512)
    grid = SphericalShearGrid.from_catalog(catalog, pixels)
    assert grid.n_used == n and grid.geometry == "sphere"
    assert grid.sum_w.sum() == pytest.approx(catalog.weight.sum())
    # The same galaxies in pixels of the plane: the mean shear of the field is nearly the same.
    plane = ShearGrid.from_catalog(
        catalog, tangent_wcs(SkyCoord(150, 20, unit="deg"), (40, 40), 2 * u.arcmin)
    )
    assert grid.calibration.m == pytest.approx(0.1) == plane.calibration.m
    assert np.sum(grid.noise_sum) == pytest.approx(np.sum(plane.noise_sum), rel=1e-6)
    one = np.argmax(grid.count)
    rows = pixels.at(catalog.ra, catalog.dec) == grid.index[one]
    center = [c[0] for c in pixels.centers(grid.index[[one]])]
    mean = np.average(transported(catalog.select(rows), *center), weights=catalog.weight[rows])
    assert grid.shear[one] == pytest.approx((mean - (0.01 - 0.02j)) / 1.1, abs=2e-4)


def test_chunks_and_sums_of_grids():
    catalog = catalog_around(359.9, -20, 2000, weight=np.linspace(0.5, 1, 2000))
    pixels = HealpixPixels(1024)
    on = SphericalPixels.around([catalog], pixels, None)
    whole = SphericalShearGrid.from_assignment(SphericalAssignment(catalog, on))
    parts = [catalog.select(slice(None, 700)), catalog.select(slice(700, None))]
    chunked = SphericalShearGrid.from_chunks(parts, on)
    added = sum(
        (SphericalShearGrid.from_chunks([part], on) for part in parts[1:]),
        SphericalShearGrid.from_chunks(parts[:1], on),
    )
    for other in (chunked, added):
        np.testing.assert_allclose(other.sum_we, whole.sum_we, atol=1e-6)
        np.testing.assert_array_equal(other.count, whole.count)
        np.testing.assert_allclose(other.noise_sum, whole.noise_sum, rtol=1e-5)
    other = SphericalShearGrid.from_catalog(parts[0].select(np.arange(10)), HealpixPixels(64))
    with pytest.raises(ValueError, match="same HEALPix pixels"):
        whole + other
    with pytest.raises(ValueError, match="must hold at least one catalog"):
        SphericalShearGrid.from_chunks([], on)


def test_mask():
    regions = pytest.importorskip("regions")
    catalog = catalog_around(150, 20)
    hole = regions.CircleSkyRegion(SkyCoord(150, 20, unit="deg"), 0.2 * u.deg)
    grid = SphericalShearGrid.from_catalog(catalog, HealpixPixels(512), hole)
    assert grid.n_masked == pytest.approx(3000 * 0.4**2, rel=0.15)
    distance = SkyCoord(*grid.pixels.centers(grid.index), unit="deg").separation(
        SkyCoord(150, 20, unit="deg")).deg
    np.testing.assert_array_equal(grid.mask, distance < 0.2)
    assert grid.count[distance < 0.1].sum() == 0


def test_another_frame():
    """The mean shear of a field, turned to galactic coordinates, keeps modulus and direction."""
    catalog = catalog_around(150, 20, n=500, radius=0.5)
    table = Table({"ra": catalog.ra, "dec": catalog.dec, "e1": np.full(500, 0.1),
                   "e2": np.zeros(500)})
    grid = SphericalShearGrid.from_catalog(shear_catalog(table), HealpixPixels(8, "galactic"))
    place = np.argmax(grid.count)
    center = SkyCoord(*(c[0] for c in grid.pixels.centers(grid.index[[place]])), unit="deg",
                      frame="galactic")
    # Major axis toward east of ICRS: its position angle in galactic coordinates.
    here = SkyCoord(150, 20, unit="deg")
    east = SkyCoord(150.01, 20, unit="deg")
    angle = np.pi / 2 - here.galactic.position_angle(east.galactic).to_value(u.rad)
    found = np.angle(grid.shear[place]) / 2
    assert center.separation(here.galactic) < 8 * u.deg
    assert np.cos(2 * (found - angle)) > 0.995
    assert np.abs(grid.shear[place]) == pytest.approx(0.1, rel=1e-3)


def test_noise_realizations():
    catalog = catalog_around(150, 20)
    on = SphericalPixels.around([catalog], HealpixPixels(512), None)
    assignment = SphericalAssignment(catalog, on)
    grid = SphericalShearGrid.from_assignment(assignment)
    rotated = list(noise_realizations(assignment, n_realizations=3, rng=1, grid=grid))
    for one in rotated:
        assert one.index is grid.index and not np.array_equal(one.sum_we, grid.sum_we)
        assert np.std(one.sum_we) == pytest.approx(np.std(grid.sum_we), rel=0.1)
