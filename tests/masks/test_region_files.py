# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""No region of a file gets lost: each is used, named in a warning, or an error with its line."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.io import fits
from astropy.table import Table
from regions import (
    CirclePixelRegion,
    CircleSkyRegion,
    EllipseSkyRegion,
    PixCoord,
    PolygonPixelRegion,
    PolygonSkyRegion,
    RectanglePixelRegion,
    Regions,
)

from lensmap.grid import tangent_wcs
from lensmap.masks import SkyMask, pixel_mask
from lensmap.utils import MapWarning

SHAPE = (41, 61)
MAP = tangent_wcs(SkyCoord(150, 2, unit="deg"), SHAPE, 1 * u.arcmin)
Y, X = np.indices(SHAPE)
SKY = MAP.pixel_to_world(X, Y)


def disc(ra, dec, arcmin):
    return SkyCoord(ra, dec, unit="deg").separation(SKY).arcmin < arcmin


@pytest.fixture
def region_file(tmp_path):
    def write(text, name="stars.reg"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        ('panda(150.1,2.1,0,360,1,0",300",1)', r"region 2 \(line 3\), panda"),
        ("physical\ncircle(2000,2100,300)", r"region 2 \(line 4\), circle\(2000"),
        ("detector; box(10,10,5,5,0)", r"region 2 \(line 3\), box\(10"),
        ("circel(150.1,2.1,60\")", r"region 2 \(line 3\), circel"),
        ("wcsa; circle(1,2,3)", r"region 2 \(line 3\), circle"),
    ],
)
def test_regions_that_are_not_supported(region_file, left_out, named):
    path = region_file(f'fk5\ncircle(150,2,144")\n{left_out}\n')
    with pytest.warns(MapWarning, match=f"1 of 2 regions .*stars.reg.* left out.*{named}") as all_:
        found = pixel_mask(path, MAP)
    assert len(all_) == 1  # and no warning of another package
    np.testing.assert_array_equal(found, disc(150, 2, 2.4))


def test_many_regions_that_are_not_supported(region_file):
    path = region_file('icrs\ncircle(150,2,2.4\')\n' + 'panda(150.1,2.1,0,360,1,0",300",1)\n' * 9)
    with pytest.warns(MapWarning, match="9 of 10 regions .*; and 6 more"):
        SkyMask(path)
    only = region_file('icrs\npanda(150.1,2.1,0,360,1,0",300",1)\n')
    with pytest.raises(ValueError, match="supports none of its regions, such as region 1 .line 2."):
        SkyMask(only)


def test_what_has_no_area_is_passed_over_in_silence(region_file):
    path = region_file(
        'icrs\ncircle(150,2,2.4\')\npoint(150,2)\nline(150,2,150.1,2.1)\n'
        '# text(150,2) text={a; b(c)}\n'
        '# vector(150,2,60",0)\nruler(150,2,150.1,2.1)\ncompass(150,2,60")\n'
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(pixel_mask(path, MAP), disc(150, 2, 2.4))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ('circle(150.2,2.0,0")', "'radius' must be strictly positive"),
        ('circle(150.2,2.0,-60")', ""), ('ellipse(150.2,2.0,0",0",0)', ""),
        ('box(150.2,2.0,60",0",0)', ""), ('box(150.2,2.0,60",-60",0)', ""),
        ('circle(150.2,2.0)', ""), ("circle(a,b,c)", ""), ('circle(150.2,nan,60")', ""),
        ('annulus(150.2,2.0,60",0")', ""), ("polygon(150,2,150.1)", ""),
        ("circle(150.2,2.0,400d)", "radius must be positive and less than 360 deg"),
        ('circle(150.2,inf,60")', "its numbers cannot be read"),
        ('circle(150.2,2.0,nan")', "'radius' must be strictly positive"),
        ("box(150.2,2.0,0.1,0.1,nan)", "its numbers cannot be read"),
        ("polygon(150,2,150.1,2)", "at least 3 vertices, not 2"),
        ("polygon(150,2,150,2,150,2)", "its vertices lie on one line"),
        ("polygon(150.1,1.9,150.1,2,150.1,2.1)", "its vertices lie on one line"),
        ("polygon(150,2,150.1,2,nan,2.1)", "its vertices must be finite"),
    ],
)
@pytest.mark.parametrize("excluded", ["", "-"])
def test_shapes_that_make_no_sense(region_file, bad, words, excluded):
    path = region_file(f"fk5\ncircle(150,2,300\")\n\n{excluded}{bad}\n")
    with pytest.raises(ValueError, match=rf"stars.reg.*region 2\b.*{words}"):
        SkyMask(path)


def test_lines_of_a_shape_that_makes_no_sense(region_file):
    path = region_file(
        'fk5; circle(150,2,300")\n# comment (1)\nbox(150.2,2.0,60",0",0) # text={a}\n')
    with pytest.raises(ValueError, match=r"region 2 \(line 3\), box.150.2"):
        SkyMask(path)


CROSSED = "150.2,2.0, 149.8,2.2, 150.2,2.2, 149.8,2.0"


def test_polygons_whose_sides_cross(region_file):
    path = region_file(f"fk5\ncircle(150,2,300\")\npolygon({CROSSED})\n")
    with pytest.raises(ValueError, match="region 2, .*sides 1 and 3 of the polygon cross"):
        SkyMask(path)
    numbers = np.array(CROSSED.split(","), dtype=float).reshape(4, 2).T
    with pytest.raises(ValueError, match="region 1, .*sides 1 and 3 of the polygon cross"):
        SkyMask(PolygonSkyRegion(SkyCoord(*numbers, unit="deg")))
    # A closed ring, and vertices that touch a side, do not cross.
    ring = "150.2,1.9, 149.8,1.9, 149.8,2.2, 150.2,2.2, 150.2,1.9"
    touching = "150.2,1.9, 150.0,1.9, 149.8,1.9, 149.8,2.2, 150.0,1.9, 150.2,2.2"
    for text in (ring, touching):
        assert pixel_mask(region_file(f"fk5\npolygon({text})\n"), MAP).sum() > 100


def test_keywords_that_are_not_understood_leave_the_region(region_file):
    path = region_file("fk5\ncircle(150,2,144\") # color=red color=blue width=two\n")
    np.testing.assert_array_equal(pixel_mask(path, MAP), disc(150, 2, 2.4))


CENTER, WIDE = SkyCoord(150, 2, unit="deg"), 2 * u.arcmin
CORNERS = [150.0, 150.1, 150.1], [2.0, 2.0, 2.1]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (CircleSkyRegion(SkyCoord(np.nan, 2, unit="deg"), WIDE), "center must be finite"),
        (CircleSkyRegion(CENTER, np.inf * u.arcmin), "radius must be positive and less"),
        (EllipseSkyRegion(CENTER, WIDE, WIDE, np.nan * u.deg), "angle must be finite"),
        (CirclePixelRegion(PixCoord(np.nan, 3), 2), "position, size and angle must be finite"),
        (CirclePixelRegion(PixCoord(2, 3), np.inf), "position, size and angle must be finite"),
        (RectanglePixelRegion(PixCoord(2, 3), 2, 3, np.nan * u.deg), "angle must be finite"),
        (PolygonPixelRegion(PixCoord([1, 2, 3], [1, 2, 3])), "lie on one line"),
        (CircleSkyRegion(SkyCoord(150, 2, unit="deg", frame="altaz"), WIDE),
         "a frame that converts to ICRS, not in 'altaz'"),
        (CircleSkyRegion(SkyCoord(150, 2, unit="deg", frame="hcrs"), WIDE),
         "a frame that converts to ICRS, not in 'hcrs'"),
        (PolygonSkyRegion(SkyCoord(*CORNERS, unit="deg", frame="hcrs")),
         "a frame that converts to ICRS, not in 'hcrs'"),
    ],
)
def test_objects_that_make_no_sense(bad, words):
    with pytest.raises(ValueError, match=f"region 2, a {type(bad).__name__}, cannot .*{words}"):
        SkyMask([CircleSkyRegion(CENTER, WIDE), bad])


@pytest.mark.parametrize("n", [1, 2])
def test_rows_of_tables_that_make_no_sense(n):
    table = Table({"SHAPE": ["circle"] * 2, "X": [9.0, 5.0], "Y": [9.0, 5.0], "R": [4.0, 4.0]})
    table["R"][n - 1] = 0.0
    with pytest.raises(ValueError, match=f"region {n}, circle, cannot be used"):
        SkyMask(fits.BinTableHDU(table, name="REGION"))


def test_positions_in_the_frame_of_an_observer():
    mask = SkyMask(CircleSkyRegion(CENTER, WIDE))
    with pytest.raises(ValueError, match="sky must be in a frame that converts to ICRS"):
        mask.excluded_sky(SkyCoord([150.0], [2.0], unit="deg", frame="altaz"))
    here = {"obstime": "2020-01-01", "location": EarthLocation(0 * u.deg, 0 * u.deg)}
    seen = SkyCoord([150.0, 151.0], [2.0, 2.0], unit="deg").transform_to(AltAz(**here))
    assert mask.excluded_sky(seen).tolist() == [True, False]


def test_a_moc_of_nothing():
    mocpy = pytest.importorskip("mocpy")
    with pytest.raises(ValueError, match="the MOC covers nothing"):
        SkyMask(mocpy.MOC.new_empty(5))


@pytest.mark.parametrize("frame", ["icrs", "fk5", "galactic", "ecliptic"])
def test_frames(region_file, frame):
    name = {"ecliptic": "geocentrictrueecliptic"}.get(frame, frame)
    center = SkyCoord(150.1, 2.05, unit="deg").transform_to(name).spherical
    path = region_file(f'{frame}\ncircle({center.lon.deg:.9f},{center.lat.deg:.9f},5.5\')\n')
    np.testing.assert_array_equal(pixel_mask(path, MAP), disc(150.1, 2.05, 5.5))


def test_crtf(region_file):
    path = region_file(
        "#CRTFv0\nglobal coord=ICRS\ncircle [[150deg, 2deg], 5.5arcmin]\n"
        "-circle [[150deg, 2deg], 2.5arcmin]\n", "m.crtf")
    np.testing.assert_array_equal(pixel_mask(path, MAP), disc(150, 2, 5.5) & ~disc(150, 2, 2.5))
    bad = region_file("#CRTFv0\nglobal coord=ICRS\ncircle [[150deg, 2deg], 5arcmin]\n"
                      "circle [[150deg, 2deg]]\n", "bad.crtf")
    with pytest.raises(ValueError, match=r"region 2 \(line 4\)"):
        SkyMask(bad)


# --- FITS region tables ------------------------------------------------------------------------


def fits_regions(path, components=None, **columns):
    table = Table({"SHAPE": ["CIRCLE", "!CIRCLE"], "X": [30.0, 30.0], "Y": [20.0, 20.0],
                   "R": [10.0, 5.0]} | columns)
    if components is not None:
        table["COMPONENT"] = components
    hdu = fits.table_to_hdu(table)
    hdu.name = "REGION"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


RADIUS = np.hypot(X - 29, Y - 19)  # FITS regions count pixels from 1


@pytest.mark.parametrize("components", [None, [1, 1], [7, 7]])
def test_exclusion_in_fits_regions(tmp_path, components):
    path = fits_regions(tmp_path / "m.fits", components)
    expected = (RADIUS < 10) & ~(RADIUS < 5)
    np.testing.assert_array_equal(pixel_mask(path, MAP), expected)
    with fits.open(path) as hdus:
        np.testing.assert_array_equal(pixel_mask(hdus, MAP), expected)
        np.testing.assert_array_equal(pixel_mask(hdus["REGION"], MAP), expected)


def test_components_of_fits_regions(tmp_path):
    """Shapes of one component are intersected, and components are united."""
    three = {"SHAPE": ["CIRCLE", "CIRCLE", "!CIRCLE"], "X": [20.0, 28.0, 40.0],
             "Y": [20.0, 20.0, 20.0], "R": [8.0, 8.0, 4.0]}
    left, right, hole = (np.hypot(X - x, Y - 19) < r for x, r in ((19, 8), (27, 8), (39, 4)))
    path = fits_regions(tmp_path / "m.fits", [1, 1, 2], **three)
    np.testing.assert_array_equal(pixel_mask(path, MAP), (left & right) | ~hole)
    path = fits_regions(tmp_path / "m.fits", [1, 2, 2], **three)
    np.testing.assert_array_equal(pixel_mask(path, MAP), left | (right & ~hole))


def test_bad_rows_of_fits_regions(tmp_path):
    path = fits_regions(tmp_path / "m.fits", R=[10.0, 0.0])
    with pytest.raises(ValueError, match="region 2, !CIRCLE, cannot be used"):
        SkyMask(path)
    path = fits_regions(tmp_path / "m.fits", SHAPE=["CIRCLE", "PIE"])
    with pytest.warns(MapWarning, match="1 of 2 regions .*region 2, PIE"):
        np.testing.assert_array_equal(pixel_mask(path, MAP), RADIUS < 10)


# --- pixel regions -------------------------------------------------------------------------------


def test_pixel_regions_of_another_image(region_file, tmp_path):
    """The same disc on the sky, drawn on an image with a quarter of the pixel size."""
    image = tangent_wcs(SkyCoord(150.1, 2.1, unit="deg"), (100, 120), 0.25 * u.arcmin)
    x, y = (float(v) for v in image.world_to_pixel(SkyCoord(150.02, 2.03, unit="deg")))
    path = region_file(f"image\ncircle({x + 1},{y + 1},22)\n")
    fits.writeto(tmp_path / "image.fits", np.zeros((100, 120)), image.to_header())
    region = CirclePixelRegion(PixCoord(x, y), 22)
    expected = disc(150.02, 2.03, 5.5)
    for source in ((path, image), (str(path), image), f"{path}[{tmp_path / 'image.fits'}]",
                   (region, image), ([region], image), (Regions([region]), image)):
        np.testing.assert_array_equal(pixel_mask(source, MAP), expected)
        assert SkyMask(source).excluded_sky(SkyCoord(150.02, 2.03, unit="deg"))
    assert pixel_mask(region, MAP).sum() != expected.sum()


def test_pixel_regions_off_the_map(region_file):
    path = region_file('image\ncircle(2000,2100,300)\nfk5\ncircle(150,2,144")\n')
    mask = SkyMask(path)
    with pytest.warns(MapWarning, match="1 of 2 regions in the mask lie off the map .*41 x 61 pix"):
        found = pixel_mask(mask, MAP)
    np.testing.assert_array_equal(found, disc(150, 2, 2.4))
    with warnings.catch_warnings():  # once is enough
        warnings.simplefilter("error")
        pixel_mask(mask, MAP)
    with pytest.raises(TypeError, match="a pixel region is defined in the pixels of a map"):
        SkyMask(path).excluded_sky(SKY[0, 0])
