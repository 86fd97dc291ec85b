# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Arrays, images on other maps, MOCs and star holes against geometry."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude, SkyCoord
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import QTable, Table
from astropy.wcs import WCS, Sip
from astropy.wcs.utils import pixel_to_skycoord

from lensmap.masks import SkyMask, pixel_mask

SHAPE = (40, 50)
GALACTIC = SkyCoord(359.98, -30, unit="deg").galactic


def make_wcs(lon=359.98, lat=-30.0, names=("RA", "DEC"), scale=0.01, shape=SHAPE, angle=0.0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{name:-<5}TAN" for name in names]
    wcs.wcs.crval = [lon, lat]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cdelt = [-scale, scale]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.array_shape = shape
    return wcs


def sky_of(wcs):
    y, x = np.indices(wcs.array_shape)
    return pixel_to_skycoord(x, y, wcs, 0)


# --- arrays --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [int, np.uint8, float])
def test_array_of_numbers(dtype):
    with pytest.raises(TypeError, match="two-dimensional and boolean .*give .array, wcs."):
        SkyMask(np.zeros(SHAPE, dtype=dtype))


def test_array_of_wrong_shape():
    with pytest.raises(TypeError, match="not 1-dimensional"):
        SkyMask(np.zeros(4, dtype=bool))
    with pytest.raises(ValueError, match=r"mask has the shape \(50, 40\), but the map .*\(40, 50"):
        pixel_mask(np.zeros(SHAPE[::-1], dtype=bool), make_wcs())


# --- images --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "image_wcs",
    [
        make_wcs(),
        make_wcs(0.03, -30.02, scale=0.004, shape=(90, 100), angle=30),
        make_wcs(GALACTIC.l.deg, GALACTIC.b.deg, names=("GLON", "GLAT"), scale=0.006,
                 shape=(110, 120)),
    ],
    ids=["same", "turned", "galactic"],
)
def test_disc_on_another_map(image_wcs):
    """A disc that is painted with small pixels is a disc on the map, to half an image pixel."""
    wcs = make_wcs()
    center = pixel_to_skycoord(27, 17, wcs, 0).icrs
    separation = center.separation(sky_of(image_wcs).icrs).deg
    assert separation.min() < 0.01
    disc = separation < 0.08
    found = pixel_mask((disc, image_wcs), wcs)
    truth = center.separation(sky_of(wcs).icrs).deg
    edge = 0.71 * abs(image_wcs.wcs.cdelt[1]) + 1e-9
    assert found[truth < 0.08 - edge].all() and not found[truth > 0.08 + edge].any()
    assert np.sum(truth < 0.08 - edge) > 50


@pytest.mark.parametrize("kind", ["pair", "NDData", "PrimaryHDU", "ImageHDU", "CompImageHDU"])
def test_images_as_they_come(kind):
    wcs = make_wcs()
    image = np.zeros(SHAPE, dtype=np.int16)
    image[3:9, 5:20] = 1
    header = wcs.to_header()
    source = {
        "pair": (image, wcs),
        "NDData": NDData(image, wcs=wcs),
        "PrimaryHDU": fits.PrimaryHDU(image, header),
        "ImageHDU": fits.ImageHDU(image, header),
        "CompImageHDU": fits.CompImageHDU(image, header),
    }[kind]
    np.testing.assert_array_equal(pixel_mask(source, wcs), image != 0)


def test_what_is_not_finite_is_inside():
    image = np.array([[0.0, np.nan], [np.inf, 0.5]])
    wcs = make_wcs(shape=(2, 2))
    assert pixel_mask((image, wcs), wcs).tolist() == [[False, True], [True, True]]


def test_off_the_image_is_outside():
    image = make_wcs(shape=(4, 6))
    found = pixel_mask((np.ones((4, 6)), image), make_wcs())
    assert found.sum() == 24 and found[18:22, 22:28].all()
    footprint = SkyMask((np.ones((4, 6)), image), exclude="outside")
    np.testing.assert_array_equal(pixel_mask(footprint, make_wcs()), ~found)


def test_other_side_of_the_sky():
    sky = SkyCoord([179.98, 100, 359.98], [30, 0, -30], unit="deg")
    found = SkyMask((np.ones(SHAPE), make_wcs())).excluded_sky(sky)
    assert found.tolist() == [False, False, True]


def test_distorted_image():
    """A distortion is followed on the image, and not asked about what is far from it."""
    distorted = make_wcs(shape=(60, 60), scale=0.01)
    distorted.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    a, b = np.zeros((3, 3)), np.zeros((3, 3))
    a[2, 0], b[0, 2] = 2e-3, -1e-3
    distorted.sip = Sip(a, b, None, None, distorted.wcs.crpix)
    image = np.zeros((60, 60), dtype=bool)
    image[45, 50] = True
    y, x = np.indices(image.shape)
    ra, dec = distorted.all_pix2world(x.ravel(), y.ravel(), 0)
    far = SkyCoord([180.0, 10.0, 40.0], [30.0, 85.0, -30.0], unit="deg")
    sky = SkyCoord(np.append(ra, far.ra.deg), np.append(dec, far.dec.deg), unit="deg")
    found = SkyMask((image, distorted)).excluded_sky(sky)
    np.testing.assert_array_equal(found[:3600].reshape(60, 60), image)
    assert not found[3600:].any()
    undistorted = pixel_to_skycoord(50, 45, distorted, 0, mode="wcs")
    assert not SkyMask((image, distorted)).excluded_sky(undistorted)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ((np.zeros((2, 2)), WCS(naxis=2)), "celestial WCS"),
        (NDData(np.zeros((2, 2))), "celestial WCS"),
        ((np.zeros((2, 2, 2)), make_wcs()), "must be of one image, not of 2 planes"),
        (fits.PrimaryHDU(), "no mask image in the HDU"),
    ],
)
def test_images_that_are_none(source, words):
    with pytest.raises(ValueError, match=f"mask image .*{words}|{words}"):
        SkyMask(source)


# --- MOCs ----------------------------------------------------------------------------------


def test_moc():
    mocpy = pytest.importorskip("mocpy")
    wcs = make_wcs(scale=0.1)
    moc = mocpy.MOC.from_cone(
        lon=Longitude(0.3 * u.deg), lat=Latitude(-30.2 * u.deg), radius=1 * u.deg, max_depth=13
    )
    found = pixel_mask(moc, wcs)
    separation = SkyCoord(0.3, -30.2, unit="deg").separation(sky_of(wcs)).deg
    cell = 0.01  # deg; those of order 13 are 0.007 wide, and each that is touched belongs to it
    assert found[separation < 1].all() and not found[separation > 1 + cell].any()
    assert np.sum(separation < 1) > 250
    outside = pixel_mask(SkyMask(moc, exclude="outside"), wcs)
    np.testing.assert_array_equal(outside, ~found)


# --- star holes ----------------------------------------------------------------------------

HOLES = {"ra": [359.9, 0.05, 0.0], "dec": [-30.05, -29.9, -30.0], "radius": [0.06, 0.09, 1e-4]}


def in_holes(sky, holes=HOLES):
    result = np.zeros(sky.shape, dtype=bool)
    for ra, dec, radius in zip(*holes.values(), strict=True):
        result |= SkyCoord(ra, dec, unit="deg").separation(sky.icrs).deg <= radius
    return result


def test_holes_across_zero():
    wcs = make_wcs()
    expected = in_holes(sky_of(wcs))
    assert 100 < expected.sum() < 500
    np.testing.assert_array_equal(pixel_mask(Table(HOLES), wcs), expected)


@pytest.mark.parametrize("names", [("RA", "DEC"), ("GLON", "GLAT")])
def test_holes_around_the_pole(names):
    pole = SkyCoord(0, 90, unit="deg")
    center = pole if names[0] == "RA" else pole.galactic
    wcs = make_wcs(center.spherical.lon.deg, center.spherical.lat.deg, names=names)
    holes = {"ra": [10.0, 190.0, 100.0], "dec": [89.95, 89.9, 89.85], "radius": [0.1, 0.05, 0.02]}
    expected = in_holes(sky_of(wcs), holes)
    assert expected.sum() > 300
    np.testing.assert_array_equal(pixel_mask(Table(holes), wcs), expected)


def test_holes_in_other_units_and_cases():
    wcs = make_wcs()
    table = QTable({
        "RA": np.divide(HOLES["ra"], 15) * u.hourangle,
        "Dec": np.radians(HOLES["dec"]) * u.rad,
        "radius": np.multiply(HOLES["radius"], 3600) * u.arcsec,
    })
    np.testing.assert_array_equal(pixel_mask(table, wcs), in_holes(sky_of(wcs)))


def test_many_holes_as_few():
    rng = np.random.default_rng(3)
    n = 70
    holes = {
        "ra": rng.uniform(359.7, 360.2, n) % 360,
        "dec": rng.uniform(-30.2, -29.8, n),
        "radius": rng.uniform(0.005, 0.02, n),
    }
    wcs = make_wcs()
    expected = in_holes(sky_of(wcs), holes)
    assert expected.sum() > 100
    np.testing.assert_array_equal(pixel_mask(Table(holes), wcs), expected)


def test_no_holes():
    assert not pixel_mask(Table({"ra": [], "dec": [], "radius": []}), make_wcs()).any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"radius": [0.1, np.nan, 0.1]}, "radius .* must be positive .*, not nan as in row 2"),
        ({"radius": np.ma.array([0.1, 0.1, 0.1], mask=[0, 1, 0])}, "not nan as in row 2"),
        ({"radius": [0.1, -0.1, -0.2]},
         "not -0.1 as in row 2 .2 rows in all.: correct or remove the rows"),
        ({"radius": [0.1, 0.1, 0.0]}, "positive .*, not 0 as in row 3"),
        ({"radius": [0.1, 200, 0.1]}, "less than 180 deg, not 200 as in row 2"),
        ({"dec": [0, 95, 0]}, "dec .* between -90 and 90 deg, not 95 as in row 2"),
        ({"ra": [1e9, 0, np.inf]}, "ra .* between -360 and 360 deg, not 1e.09 as in row 1 .2 rows"),
        ({"radius": [1, 2, 3] * u.Jy}, "'radius' .* must hold angles, but has the unit 'Jy'"),
        ({"dec": ["a", "b", "c"]}, "'dec' .* must hold angles"),
    ],
)
def test_bad_holes(changes, words):
    with pytest.raises(ValueError, match=words):
        SkyMask(Table(HOLES | changes))


def test_holes_without_a_column():
    with pytest.raises(ValueError, match=r"ra, dec and radius; \['radius'\] not found.*size"):
        SkyMask(Table({"ra": [1], "dec": [2], "size": [3]}))
