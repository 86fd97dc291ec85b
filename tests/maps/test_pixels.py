# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sizes of pixels on the sky, of which the truth is known."""

import numpy as np
import pytest
from astropy import units as u
from astropy.wcs import WCS

from lensmap.maps._pixels import (
    check_pixels,
    pixel_areas,
    pixel_sides,
    pixel_to_pixel,
    same_pixels,
)
from lensmap.utils import pixel_size

SHAPE = (21, 31)


def make_wcs(names=("RA---TAN", "DEC--TAN"), matrix=((-0.01, 0), (0, 0.01)), dec=30.0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = names
    latitude_first = names[0].startswith("DEC")
    wcs.wcs.crval = [dec, 10.0] if latitude_first else [10.0, dec]
    wcs.wcs.crpix = [16, 11]
    wcs.wcs.cd = matrix
    wcs.array_shape = SHAPE
    return wcs


@pytest.mark.parametrize(
    "matrix, sides, size, anisotropy",
    [
        (((-0.01, 0), (0, 0.01)), (0.01, 0.01), 0.01, 1),
        (((-0.01, 0), (0, 0.02)), (0.02, 0.01), 0.01 * np.sqrt(2), 2),
        # a rhomb: both sides the same, and yet no square
        (((0.01, 0.006), (0, 0.008)), (0.01, 0.01), 0.01 * np.sqrt(0.8), 2),
    ],
)
def test_sizes(matrix, sides, size, anisotropy):
    wcs = make_wcs(matrix=matrix)
    np.testing.assert_allclose(pixel_sides(wcs, SHAPE).to_value(u.deg), sides, rtol=1e-6)
    assert pixel_size(wcs, SHAPE).to_value(u.deg) == pytest.approx(size, rel=1e-6)
    np.testing.assert_allclose(pixel_areas(wcs, SHAPE), np.radians(size) ** 2, rtol=1e-3)
    check_pixels(wcs, SHAPE, square=False)
    if anisotropy == 1:
        check_pixels(wcs, SHAPE)
    else:
        with pytest.raises(ValueError, match="square pixels, not pixels stretched by a .* 2: repr"):
            check_pixels(wcs, SHAPE)


def test_pixels_are_compared_up_to_the_edge():
    """A plate carree map from dec -40 to 40 has squares only at its center."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ["RA---CAR", "DEC--CAR"], [10, 0], [-1, 1]
    wcs.wcs.crpix = [5.5, 40.5]
    check_pixels(wcs[36:44], (8, 10))
    with pytest.raises(ValueError, match="square pixels everywhere, not .* 1.3 at its edge"):
        check_pixels(wcs, (80, 10))
    lat = np.arange(80) - 39.5
    expected = np.radians(1) ** 2 * np.cos(np.radians(lat))
    np.testing.assert_allclose(pixel_areas(wcs, (80, 10))[:, 4], expected, rtol=2e-3)
    tall = wcs.deepcopy()
    tall.wcs.crpix = [5.5, 60.5]
    with pytest.raises(ValueError, match="pixels of one size, not pixels whose scales differ by"):
        check_pixels(tall, (120, 10), square=False)


def test_a_tangent_plane_has_squares_up_to_25_degrees():
    wcs = make_wcs(matrix=((-0.35, 0), (0, 0.35)))
    wcs.wcs.crpix = [50, 50]
    check_pixels(wcs, (99, 99))  # 24 degrees from its center to a corner


def test_latitude_may_come_first():
    wcs = make_wcs(("DEC--TAN", "RA---TAN"), ((0, 0.01), (-0.01, 0)), dec=60)
    assert pixel_size(wcs, SHAPE).to_value(u.deg) == pytest.approx(0.01, rel=1e-6)
    other = make_wcs(matrix=((-0.01, 0), (0, 0.01)), dec=60)
    assert same_pixels(wcs, other, SHAPE)
    x, y = pixel_to_pixel(np.array([3.0]), np.array([4.0]), other, wcs)
    np.testing.assert_allclose((x, y), [[3], [4]], atol=1e-8)


def test_same_pixels_to_a_thousandth():
    wcs, near, far = make_wcs(), make_wcs(), make_wcs()
    near.wcs.crpix += 5e-4
    far.wcs.crpix += 5e-3
    assert same_pixels(wcs, near, SHAPE)
    assert not same_pixels(wcs, far, SHAPE)


def test_same_pixels_of_an_all_sky_map():
    maps = []
    for shift in (0.0, 0.0, 1.0):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---MOL", "DEC--MOL"]
        wcs.wcs.crval = [shift, 0]
        wcs.wcs.crpix = [181, 91]
        wcs.wcs.cdelt = [-1, 1]
        maps.append(wcs)
    assert same_pixels(maps[0], maps[1], (181, 361))  # its corners lie off the sky
    assert not same_pixels(maps[0], maps[2], (181, 361))
