# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Galaxies are uniform on the sphere, in any projection."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from lenses import CENTERS, ORIENTATIONS, tangent_wcs
from scipy.stats import chisquare, kstest

from lensmap.simulate.surveys._positions import draw_positions, pixel_areas


def _in_a_tangent_square(shape, scale):
    """The solid angle (arcmin^2) that a square on the tangent plane spans, in closed form."""
    a, b = (np.radians(n * scale / 60) / 2 for n in shape)
    return 4 * np.arctan(a * b / np.sqrt(1 + a**2 + b**2)) * np.degrees(60) ** 2


def test_areas_of_pixels_add_up_to_the_solid_angle():
    wcs = tangent_wcs(CENTERS["dec 75"], (60, 90), 40.0)  # 40 x 60 deg
    # the edges of pixels are great circles here, those of the quadrangles are chords
    assert pixel_areas(wcs).sum() == pytest.approx(_in_a_tangent_square((60, 90), 40), rel=1e-4)


def test_areas_off_the_sky_are_0():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---AIT", "DEC--AIT"]
    wcs.wcs.cdelt = [-2, 2]
    wcs.wcs.crpix = [90.5, 45.5]
    wcs.array_shape = (90, 180)
    areas = pixel_areas(wcs)
    assert areas[0, 0] == 0 and areas[45, 90] == pytest.approx(2 * 2 * 3600, rel=1e-3)


@pytest.mark.parametrize("center", CENTERS.values(), ids=CENTERS)
def test_positions_are_uniform_in_solid_angle(center):
    # 50 deg wide: uniform in pixels would be off by a third
    wcs = tangent_wcs(center, (50, 50), 60.0)
    lon, lat, x, y = draw_positions(wcs, 0.004, None, np.random.default_rng(1))
    sky = SkyCoord(lon, lat, unit="deg")
    theta = sky.separation(center)
    inside = theta < 24 * u.deg
    height = (1 - np.cos(theta[inside])) / (1 - np.cos(24 * u.deg))
    angle = center.position_angle(sky[inside]).rad / (2 * np.pi)
    assert inside.sum() > 20_000
    assert kstest(height.value, "uniform").pvalue > 1e-3
    assert kstest(angle, "uniform").pvalue > 1e-3
    expected = 0.004 * _in_a_tangent_square((50, 50), 60)
    assert len(x) == pytest.approx(expected, abs=5 * np.sqrt(expected))


def test_counts_in_pixels_follow_their_area_at_dec_75():
    # plate carree: pixels shrink with cos(dec)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.cdelt = [-0.5, 0.5]
    wcs.wcs.crval, wcs.wcs.crpix = [100, 0], [20.5, -129.5]
    wcs.array_shape = (40, 40)
    _, lat, x, y = draw_positions(wcs, 0.05, None, np.random.default_rng(2))
    assert 64 < lat.min() and lat.max() < 86.5
    counts = np.histogram2d(y, x, bins=40, range=[[-0.5, 39.5], [-0.5, 39.5]])[0]
    expected = pixel_areas(wcs)
    rows = counts.sum(axis=1)
    expected = expected.sum(axis=1) / expected.sum() * rows.sum()
    assert chisquare(rows, expected).pvalue > 1e-3


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_pixel_positions_are_those_of_the_wcs(orientation):
    center = CENTERS["across RA 0"]
    wcs = tangent_wcs(center, (30, 40), 1.0, **orientation)
    lon, lat, x, y = draw_positions(wcs, 5, None, np.random.default_rng(3))
    at = wcs.world_to_pixel(SkyCoord(lon, lat, unit="deg"))
    np.testing.assert_allclose(np.stack([x, y]), np.stack(at), atol=1e-6)
    assert x.min() > -0.5 and x.max() < 39.5 and y.min() > -0.5 and y.max() < 29.5
    assert np.all((lon >= 0) & (lon < 360))


def test_the_number_is_poisson():
    wcs = tangent_wcs(CENTERS["equator"], (20, 20), 0.5)
    counts = [len(draw_positions(wcs, 2, None, np.random.default_rng(i))[0]) for i in range(400)]
    assert np.mean(counts) == pytest.approx(200, abs=4)
    assert np.var(counts) == pytest.approx(200, rel=0.3)


def test_there_are_no_galaxies_in_a_mask():
    wcs = tangent_wcs(CENTERS["equator"], (20, 20), 0.5)
    mask = np.zeros((20, 20), dtype=bool)
    mask[:, :10] = True
    x = draw_positions(wcs, 30, mask, np.random.default_rng(1))[2]
    assert x.min() > 9.5 and len(x) == pytest.approx(1500, abs=200)


def test_the_whole_sky_has_galaxies_everywhere():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.cdelt = [-2, 2]
    wcs.wcs.crpix = [90.5, 45.5]
    wcs.array_shape = (90, 180)
    lat = draw_positions(wcs, 1e-4, None, np.random.default_rng(1))[1]
    assert len(lat) == pytest.approx(14851, abs=600)
    assert kstest((np.sin(np.radians(lat)) + 1) / 2, "uniform").pvalue > 1e-3
