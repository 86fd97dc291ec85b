# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Regions against spherical trigonometry, on maps of every orientation and projection."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_skycoord
from regions import (
    CircleAnnulusSkyRegion,
    CirclePixelRegion,
    CircleSkyRegion,
    EllipseAnnulusSkyRegion,
    EllipseSkyRegion,
    LineSkyRegion,
    PixCoord,
    PointSkyRegion,
    PolygonSkyRegion,
    RectangleAnnulusSkyRegion,
    RectangleSkyRegion,
    Regions,
    SkyRegion,
    TextSkyRegion,
)

from lensmap.masks import SkyMask, pixel_mask


def make_wcs(lon, lat, *, names=("RA", "DEC"), projection="TAN", mirrored=False, angle=0.0):
    """Return a map of 2 by 1.5 deg; ``angle`` turns it, ``mirrored`` has east to the right."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{name:-<4}-{projection}" for name in names]
    wcs.wcs.crval = [lon, lat]
    wcs.wcs.crpix = [50.3, 37.8]
    wcs.wcs.cdelt = [0.02 if mirrored else -0.02, 0.02]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.array_shape = (75, 100)
    return wcs


def _car():
    # The reference of a cylinder is on the equator: at dec 60, pixels are twice as high as wide.
    wcs = make_wcs(30, 0, projection="CAR")
    wcs.wcs.crpix = [50.3, 37.8 - 60 / 0.02]
    return wcs


MAPS = {
    "plain": make_wcs(30, 60),
    "mirrored": make_wcs(30, 60, mirrored=True),
    "rotated": make_wcs(30, 60, angle=35),
    "rotated and mirrored": make_wcs(30, 60, angle=-110, mirrored=True),
    "pixels that are not square": _car(),
    "orthographic": make_wcs(30, 60, projection="SIN"),
    "across RA = 0": make_wcs(359.9, -20, angle=80),
    "galactic": make_wcs(120, 3, names=("GLON", "GLAT")),
    "pole": make_wcs(0, 89.6),
    "south pole": make_wcs(200, -89.5, mirrored=True),
}


def polar(center, sky):
    """Return separations and position angles (north through east) in degrees, as in textbooks."""
    lat0, lat = center.spherical.lat.rad, sky.spherical.lat.rad
    d = sky.spherical.lon.rad - center.spherical.lon.rad
    east = np.cos(lat) * np.sin(d)
    north = np.sin(lat) * np.cos(lat0) - np.cos(lat) * np.sin(lat0) * np.cos(d)
    out = np.sin(lat) * np.sin(lat0) + np.cos(lat) * np.cos(lat0) * np.cos(d)
    return np.degrees(np.arctan2(np.hypot(east, north), out)), np.degrees(np.arctan2(east, north))


def along(center, sky, angle):
    """Return distances along and across an axis ``angle`` from west through north, degrees."""
    separation, pa = polar(center, sky)
    turn = np.radians(pa - (angle - 90))  # west is at position angle -90
    return separation * np.cos(turn), separation * np.sin(turn)


def in_ellipse(center, sky, width, height, angle):
    a, b = along(center, sky, angle)
    return (a / width) ** 2 + (b / height) ** 2 < 0.25


def in_rectangle(center, sky, width, height, angle):
    a, b = along(center, sky, angle)
    return (np.abs(a) < width / 2) & (np.abs(b) < height / 2)


def in_polygon(vertices, sky):
    """Return which positions are on the same side of all great circles through neighbors."""
    corners = vertices.icrs.cartesian.xyz.value.T
    normals = np.cross(corners, np.roll(corners, -1, axis=0))
    sides = np.tensordot(normals, sky.icrs.cartesian.xyz.value, axes=1) > 0
    return sides.all(axis=0) | (~sides).all(axis=0)


D = u.deg
CASES = {
    "circle": (
        lambda c: CircleSkyRegion(c, 0.3 * D),
        lambda c, sky: polar(c, sky)[0] < 0.3,
    ),
    "circle annulus": (
        lambda c: CircleAnnulusSkyRegion(c, 0.2 * D, 24 * u.arcmin),
        lambda c, sky: (polar(c, sky)[0] < 0.4) & (polar(c, sky)[0] > 0.2),
    ),
    "ellipse": (
        lambda c: EllipseSkyRegion(c, 1.1 * D, 0.3 * D, 25 * D),
        lambda c, sky: in_ellipse(c, sky, 1.1, 0.3, 25),
    ),
    "ellipse annulus": (
        lambda c: EllipseAnnulusSkyRegion(c, 0.5 * D, 1.1 * D, 0.2 * D, 0.4 * D, -40 * D),
        lambda c, sky: in_ellipse(c, sky, 1.1, 0.4, -40) & ~in_ellipse(c, sky, 0.5, 0.2, -40),
    ),
    "rectangle": (
        lambda c: RectangleSkyRegion(c, 0.9 * D, 0.25 * D, 110 * D),
        lambda c, sky: in_rectangle(c, sky, 0.9, 0.25, 110),
    ),
    "rectangle annulus": (
        lambda c: RectangleAnnulusSkyRegion(c, 0.3 * D, 0.9 * D, 0.2 * D, 0.5 * D, 60 * D),
        lambda c, sky: in_rectangle(c, sky, 0.9, 0.5, 60) & ~in_rectangle(c, sky, 0.3, 0.2, 60),
    ),
}


@pytest.mark.parametrize("wcs", MAPS.values(), ids=MAPS)
@pytest.mark.parametrize("case", CASES)
def test_shapes(case, wcs):
    make, truth = CASES[case]
    y, x = np.indices(wcs.array_shape)
    sky = pixel_to_skycoord(x, y, wcs, 0).icrs
    center = pixel_to_skycoord(41.37, 30.41, wcs, 0).icrs
    expected = truth(center, sky)
    assert 100 < expected.sum() < 3000
    np.testing.assert_array_equal(pixel_mask(make(center), wcs), expected)


@pytest.mark.parametrize("wcs", MAPS.values(), ids=MAPS)
def test_polygon(wcs):
    vertices = pixel_to_skycoord([20.2, 80.7, 60.1, 30.3], [14.9, 22.2, 61.6, 50.5], wcs, 0)
    y, x = np.indices(wcs.array_shape)
    expected = in_polygon(vertices, pixel_to_skycoord(x, y, wcs, 0))
    assert expected.sum() > 1000
    found = pixel_mask(PolygonSkyRegion(vertices), wcs)
    np.testing.assert_array_equal(found, expected)


def test_angles_refer_to_the_frame_of_the_region():
    """An ellipse that is given in Galactic coordinates has its angle from Galactic west."""
    center = SkyCoord(120, 3, unit="deg", frame="galactic")
    wcs = make_wcs(120, 3, names=("GLON", "GLAT"))
    y, x = np.indices(wcs.array_shape)
    sky = pixel_to_skycoord(x, y, wcs, 0)
    assert sky.frame.name == "galactic"
    region = EllipseSkyRegion(center, 1.1 * D, 0.3 * D, 25 * D)
    expected = in_ellipse(center, sky, 1.1, 0.3, 25)
    np.testing.assert_array_equal(pixel_mask(region, wcs), expected)
    other_north = in_ellipse(center.icrs, sky.icrs, 1.1, 0.3, 25)
    assert (expected != other_north).sum() > 100


def test_large_circle_is_exact_on_the_sphere():
    rng = np.random.default_rng(4)
    sky = SkyCoord(rng.uniform(0, 360, 3000), np.degrees(np.arcsin(rng.uniform(-1, 1, 3000))),
                   unit="deg")
    center = SkyCoord(300, -35, unit="deg")
    for radius in (20, 80, 130, 179):
        found = SkyMask(CircleSkyRegion(center, radius * D)).excluded_sky(sky)
        np.testing.assert_array_equal(found, polar(center, sky)[0] < radius)
    assert 2900 < found.sum()


def test_many_regions_as_few():
    """From some number on, neighbors are found with a tree: the answer must be the same."""
    rng = np.random.default_rng(5)
    sky = SkyCoord(rng.uniform(29, 31, 5000), rng.uniform(59, 61, 5000), unit="deg")
    regions = [
        EllipseSkyRegion(SkyCoord(ra, dec, unit="deg"), 0.2 * D, 0.05 * D, 70 * D)
        for ra, dec in zip(rng.uniform(29, 31, 60), rng.uniform(59, 61, 60), strict=True)
    ]
    one_by_one = [SkyMask(region).excluded_sky(sky) for region in regions]
    together = SkyMask(regions).excluded_sky(sky)
    np.testing.assert_array_equal(together, np.any(one_by_one, axis=0))
    assert 100 < together.sum() < 4000


def test_too_large_polygon():
    vertices = SkyCoord([0, 120, 240], [-1, 1, -1], unit="deg")
    with pytest.raises(ValueError, match="less than half of the sky"):
        SkyMask(PolygonSkyRegion(vertices))


C = SkyCoord(30, 60, unit="deg")
BIG, SMALL = CircleSkyRegion(C, 0.5 * D), CircleSkyRegion(C, 0.2 * D)


def _separation(wcs):
    y, x = np.indices(wcs.array_shape)
    return polar(C, pixel_to_skycoord(x, y, wcs, 0))[0]


def test_compound_regions():
    wcs = MAPS["rotated"]
    separation = _separation(wcs)
    ring = (separation < 0.5) & (separation > 0.2)
    np.testing.assert_array_equal(pixel_mask(BIG ^ SMALL, wcs), ring)
    np.testing.assert_array_equal(pixel_mask(BIG & SMALL, wcs), separation < 0.2)
    np.testing.assert_array_equal(pixel_mask(BIG | SMALL, wcs), separation < 0.5)
    pixels = CirclePixelRegion(PixCoord(10, 10), 5) | CirclePixelRegion(PixCoord(60, 10), 5)
    y, x = np.indices(wcs.array_shape)
    near = (np.hypot(x - 10, y - 10) < 5) | (np.hypot(x - 60, y - 10) < 5)
    np.testing.assert_array_equal(pixel_mask(pixels, wcs), near)


@pytest.mark.parametrize(
    ("lines", "truth"),
    [
        ("circle(30,60,0.5)\n-circle(30,60,0.2)", lambda d: (d < 0.5) & (d > 0.2)),
        ("-circle(30,60,0.2)\ncircle(30,60,0.5)", lambda d: (d < 0.5) & (d > 0.2)),
        ("-circle(30,60,0.2)", lambda d: d > 0.2),
        ("circle(30,60,0.2)\n-circle(30,60,0.5)", lambda d: d < 0),
    ],
)
@pytest.mark.parametrize("as_list", [False, True])
def test_exclusions_are_cut_out_of_the_rest(lines, truth, as_list):
    regions = Regions.parse("icrs\n" + lines, format="ds9")
    wcs = MAPS["plain"]
    found = pixel_mask(list(regions) if as_list else regions, wcs)
    np.testing.assert_array_equal(found, truth(_separation(wcs)))


def test_marks_have_no_area():
    marks = [
        PointSkyRegion(C),
        TextSkyRegion(C, "Abell 1"),
        LineSkyRegion(C, C.directional_offset_by(0 * D, 1 * D)),
    ]
    wcs = MAPS["plain"]
    np.testing.assert_array_equal(pixel_mask([*marks, SMALL], wcs), pixel_mask(SMALL, wcs))
    with pytest.raises(ValueError, match="no region with an area"):
        SkyMask(marks)


def test_spherical_regions():
    regions = pytest.importorskip("regions", minversion="0.12", reason="has no spherical ones")
    wcs = MAPS["galactic"]
    center = pixel_to_skycoord(50, 40, wcs, 0).icrs
    region = regions.CircleSphericalSkyRegion(center, 0.3 * D)
    expected = pixel_mask(CircleSkyRegion(center, 0.3 * D), wcs)
    np.testing.assert_array_equal(pixel_mask(region, wcs), expected)
    assert expected.sum() > 100


def test_unknown_kind_of_sky_region():
    class Banana(SkyRegion):
        _params = ()
        meta = {}
        center = C
        contains = covers = to_pixel = to_spherical_sky = None

    Banana.__module__ = "regions.fruit"
    with pytest.raises(TypeError, match="a Banana cannot be a mask; .*Circle, Ellipse"):
        SkyMask(Banana())
