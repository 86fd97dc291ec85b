# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files of every kind give the mask of the object that was written; bad ones are named."""

import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude, SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from regions import CirclePixelRegion, CircleSkyRegion, EllipseSkyRegion, PixCoord, Regions

from lensmap.masks import SkyMask, pixel_mask

SHAPE = (40, 50)


def make_wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.0]
    wcs.wcs.crpix = [25.3, 20.8]
    wcs.wcs.cdelt = [-0.01, 0.01]
    wcs.array_shape = SHAPE
    return wcs


MAP = make_wcs()
CENTER = SkyCoord(150.05, 1.97, unit="deg")
SKY_REGIONS = Regions([
    CircleSkyRegion(CENTER, 0.05 * u.deg),
    EllipseSkyRegion(SkyCoord(149.9, 2.05, unit="deg"), 0.2 * u.deg, 0.1 * u.deg, 30 * u.deg),
])
PIXEL_REGIONS = Regions([CirclePixelRegion(PixCoord(10, 12), 4.5)])
IMAGE = np.zeros(SHAPE, dtype=np.uint8)
IMAGE[5:12, 30:44] = 1


def same(path, source):
    expected = pixel_mask(source, MAP)
    assert 20 < expected.sum() < 1000
    np.testing.assert_array_equal(pixel_mask(path, MAP), expected)
    np.testing.assert_array_equal(pixel_mask(str(path), MAP), expected)


@pytest.mark.parametrize(
    ("name", "file_format"),
    [("m.reg", "ds9"), ("m.DS9", "ds9"), ("m.crtf", "crtf"), ("field.v2.reg", "ds9")],
)
def test_sky_region_files(tmp_path, name, file_format):
    SKY_REGIONS.write(tmp_path / name, format=file_format)
    same(tmp_path / name, SKY_REGIONS)


@pytest.mark.parametrize(("name", "file_format"), [("m.reg", "ds9"), ("m.fits", "fits")])
def test_pixel_region_files(tmp_path, name, file_format):
    """FITS regions are in pixels, whose numbers begin with 1 there as in DS9."""
    PIXEL_REGIONS.write(tmp_path / name, format=file_format)
    same(tmp_path / name, PIXEL_REGIONS)


def test_hand_written_region_file(tmp_path):
    """What an observer saves from DS9, with an exclusion, a text and several systems."""
    path = tmp_path / "stars.reg"
    path.write_text(
        "# Region file format: DS9 version 4.1\n"
        'global color=green dashlist=8 3 width=1 font="helvetica 10 normal roman"\n'
        "fk5\n"
        "circle(10:00:12.0,+01:58:12.0,180.0\") # text={a star}\n"
        "-circle(150.05,1.97,60\")\n"
        "# text(150.0,2.0) text={words}\n"
        "image\n"
        "circle(11,13,4.5)\n"
    )
    y, x = np.indices(SHAPE)
    ra, dec = MAP.wcs_pix2world(x.ravel(), y.ravel(), 0)
    separation = CENTER.separation(SkyCoord(ra, dec, unit="deg")).arcmin.reshape(SHAPE)
    disc = np.hypot(x - 10, y - 12) < 4.5
    # FK5 and ICRS are apart by a fraction of an arcsecond; no pixel center lies there.
    np.testing.assert_array_equal(pixel_mask(path, MAP), (separation > 1) & (separation < 3) | disc)


@pytest.mark.parametrize("name", ["m.fits", "m.fits.gz", "mask_without_suffix"])
def test_image_file(tmp_path, name):
    hdu = fits.PrimaryHDU(IMAGE, MAP.to_header())
    hdu.writeto(tmp_path / "m.fits")
    if name.endswith("gz"):
        hdu.writeto(tmp_path / name)
    elif name != "m.fits":
        (tmp_path / "m.fits").rename(tmp_path / name)
    same(tmp_path / name, (IMAGE, MAP))


@pytest.mark.parametrize("hdu_class", [fits.ImageHDU, fits.CompImageHDU])
def test_image_in_an_extension(tmp_path, hdu_class):
    hdus = fits.HDUList([fits.PrimaryHDU(), hdu_class(IMAGE, MAP.to_header())])
    hdus.writeto(tmp_path / "m.fits.fz")
    same(tmp_path / "m.fits.fz", (IMAGE, MAP))


def test_mask_extension_of_a_map(tmp_path):
    """A map of lensmap's has kappa first; its mask is what is meant."""
    header = MAP.to_header()
    kappa = np.ones(SHAPE)
    hdus = [fits.PrimaryHDU(kappa, header), fits.ImageHDU(kappa, header, name="UNCERT"),
            fits.ImageHDU(IMAGE, header, name="MASK")]
    fits.HDUList(hdus).writeto(tmp_path / "k.fits")
    same(tmp_path / "k.fits", (IMAGE, MAP))


def test_moc_file(tmp_path):
    mocpy = pytest.importorskip("mocpy")
    moc = mocpy.MOC.from_cone(
        lon=Longitude(CENTER.ra), lat=Latitude(CENTER.dec), radius=0.1 * u.deg, max_depth=14
    )
    moc.save(str(tmp_path / "m.fits"), format="fits")
    same(tmp_path / "m.fits", moc)


def test_moc_without_mocpy(tmp_path, monkeypatch):
    columns = fits.ColDefs([fits.Column("UNIQ", "K", array=np.array([16]))])
    hdu = fits.BinTableHDU.from_columns(columns)
    hdu.header["ORDERING"] = "NUNIQ"
    hdu.writeto(tmp_path / "m.fits")
    monkeypatch.setitem(sys.modules, "mocpy", None)  # None there means: not to be had
    with pytest.raises(ImportError, match="a MOC mask needs .*mocpy.*pip install mocpy"):
        SkyMask(tmp_path / "m.fits")


@pytest.mark.parametrize("name", ["holes.ecsv", "holes.csv", "holes.fits", "HOLES.CSV"])
@pytest.mark.parametrize("unit", [None, u.deg, u.arcmin])
def test_star_holes(tmp_path, name, unit):
    columns = {"ra": [150.05, 149.9], "dec": [1.97, 2.1], "radius": [0.05, 0.03]}
    holes = Table({name.title(): values for name, values in columns.items()})
    if unit is not None and not name.lower().endswith(".csv"):  # CSV has no units
        holes["Radius"] = (holes["Radius"] * u.deg).to(unit)
    holes.write(tmp_path / name, format="ascii.csv" if name == "HOLES.CSV" else None)
    same(tmp_path / name, Table(columns))


def test_list_of_files(tmp_path):
    SKY_REGIONS.write(tmp_path / "m.reg", format="ds9")
    fits.writeto(tmp_path / "m.fits", IMAGE, MAP.to_header())
    expected = pixel_mask(SKY_REGIONS, MAP) | (IMAGE > 0)
    found = pixel_mask([tmp_path / "m.reg", str(tmp_path / "m.fits")], MAP)
    np.testing.assert_array_equal(found, expected)


# --- what cannot be read ---------------------------------------------------------------------


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="mask file '.*nowhere.reg' does not exist"):
        SkyMask(tmp_path / "nowhere.reg")


def test_directory(tmp_path):
    with pytest.raises(ValueError, match=f"cannot read the mask file '.*{tmp_path.name}': it is a"):
        SkyMask(tmp_path)


def _write_table(path):
    Table({"a": [1.0]}).write(path)


def _write_cube(path):
    fits.writeto(path, np.zeros((2, 2, 2)))


def _write_flat(path):
    fits.writeto(path, np.zeros((2, 2)))


def _write_zeros(path):
    path.write_bytes(b"\0" * 2880)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("m.reg", "", "no region"),
        ("m.reg", "# Region file format: DS9\nicrs\n", "no region"),
        ("m.reg", "icrs\npoint(150,2)\n", "no region with an area"),
        ("m.reg", "icrs\ncircle(150,2)\n", ""),
        ("m.crtf", "", ""),
        ("m.crtf", "ellipse of some kind", ""),
        ("m.fits", "", ""),
        ("m.fits", "this is no FITS file", ""),
        ("m.fits", _write_zeros, ""),
        ("m.fits", _write_table, "neither an image, nor regions, a HEALPix map, a MOC or a table"),
        ("m.fits", _write_cube, "needs a celestial WCS"),
        ("m.fits", _write_flat, "needs a celestial WCS"),
        ("m.csv", "", ""),
        ("m.csv", "ra,dec\n1,2\n", r"\['radius'\] not found"),
        ("m.csv", "ra,dec,radius\n1,2,\n", "not nan as in row 1: correct or remove the row"),
        ("m.ecsv", "no table", ""),
        ("m.txt", "1 2 3", ""),
    ],
)
def test_unreadable(tmp_path, name, content, words):
    path = tmp_path / name
    content(path) if callable(content) else path.write_text(content)
    with pytest.raises(ValueError, match=f"(?s)^cannot read the mask file '.*{name}': .*{words}"):
        SkyMask(path)


# astropy warns of it when it opens the file; lensmap's error comes when the image is read.
@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_truncated_image(tmp_path):
    path = tmp_path / "m.fits"
    fits.writeto(path, np.ones((400, 500)), MAP.to_header())
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ValueError, match="cannot read the mask file .*m.fits"):
        SkyMask(path)
