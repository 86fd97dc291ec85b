# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which values of a mask image are inside: 0 and 1, bits by number, value and name, limits."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import NDData

from lensmap.grid import tangent_wcs
from lensmap.masks import SkyMask, pixel_mask

WCS = tangent_wcs(SkyCoord(150, 2, unit="deg"), (12, 16), 1 * u.arcmin)
BAD, SATURATED, DETECTED = 0, 1, 5
FLAGS = np.zeros((12, 16), dtype=np.int32)
FLAGS[:3] |= 1 << BAD
FLAGS[:, :2] |= 1 << SATURATED
FLAGS[::2] |= 1 << DETECTED
HAS = {bit: FLAGS & (1 << bit) != 0 for bit in (BAD, SATURATED, DETECTED)}


def lsst_file(path):
    """Write an image, its mask and its variance, as LSST does."""
    header = WCS.to_header()
    names = {"MP_BAD": BAD, "MP_SAT": SATURATED, "HIERARCH MP_DETECTED": DETECTED}
    mask = fits.ImageHDU(FLAGS, header, name="MASK")
    mask.header.update(names)
    sky = np.random.default_rng(1).normal(size=FLAGS.shape).astype(np.float32)
    fits.HDUList([
        fits.PrimaryHDU(), fits.ImageHDU(sky, header, name="IMAGE"), mask,
        fits.ImageHDU(sky**2, header, name="VARIANCE"),
    ]).writeto(path)
    return path


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (0, HAS[BAD]), (5, HAS[DETECTED]), ("0", HAS[BAD]), ("0, 1", HAS[BAD] | HAS[SATURATED]),
        ([0, 1], HAS[BAD] | HAS[SATURATED]), ("0x20", HAS[DETECTED]),
        ("0x21", HAS[BAD] | HAS[DETECTED]), ((1, "0x1"), HAS[BAD] | HAS[SATURATED]),
        (np.int64(1), HAS[SATURATED]), ("any", FLAGS != 0), (7, np.zeros_like(FLAGS, bool)),
    ],
)
@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int16, ">i4", np.uint64, float])
def test_bits_of_arrays(bits, expected, dtype):
    found = pixel_mask(SkyMask((FLAGS.astype(dtype), WCS), bits=bits), WCS)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["MASK", "2", "mask"])
def test_bits_by_name(tmp_path, name):
    path = lsst_file(tmp_path / "calexp.fits")
    for word in (f"{path}:{name}", f"{path}[{name}]"):
        found = pixel_mask(SkyMask(word, bits="BAD,sat"), WCS)
        np.testing.assert_array_equal(found, HAS[BAD] | HAS[SATURATED])
    # The mask is found by its name, and so it is in the open file.
    with fits.open(path) as hdus:
        for source in (path, hdus, hdus["MASK"]):
            found = pixel_mask(SkyMask(source, bits="DETECTED"), WCS)
            np.testing.assert_array_equal(found, HAS[DETECTED])
    footprint = pixel_mask(SkyMask(path, bits="DETECTED", exclude="outside"), WCS)
    np.testing.assert_array_equal(footprint, ~HAS[DETECTED])


def test_flags_are_asked_for(tmp_path):
    path = lsst_file(tmp_path / "calexp.fits")
    words = r"bits must be given for HDU 2 \(MASK\) of .*calexp.fits: .*integers 0, 1, 2, .*" \
            r"bits='BAD,SAT' \(names: BAD, SAT, DETECTED\)"
    with pytest.raises(ValueError, match=words):
        SkyMask(path)
    for source in ((FLAGS, WCS), NDData(FLAGS, wcs=WCS), fits.ImageHDU(FLAGS, WCS.to_header())):
        with pytest.raises(ValueError, match=r"bits must be given .*bits='0,5' \(bit 0 has"):
            SkyMask(source)


@pytest.mark.parametrize("values", [(0, 255), (-1, 0), (0.0, 2.0), (-1.0, 1.0)])
def test_other_integers_are_not_guessed(values):
    image = np.where(HAS[BAD], values[1], values[0])
    with pytest.raises(ValueError, match="bits must be given"):
        SkyMask((image, WCS))


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (-1, "numbers of bits, 0 to 63, not -1"),
        (4096, "numbers of bits, 0 to 63, not 4096: the flag of value 4096 is bit 12"),
        ("CR", "names of bits in .*, not 'CR': its header names no bits"),
        ("", "bit numbers, hexadecimal"), ([], "bit numbers"), ([True], "bit numbers"),
        (1.5, "bit numbers"), ("0xzz", "positive hexadecimal"), ("any,1", "'any' alone"),
        (40, "less than 32 for .* of 32-bit integers"),
    ],
)
def test_bits_that_are_none(bits, words):
    with pytest.raises((TypeError, ValueError), match=f"bits must be {words}"):
        SkyMask((FLAGS, WCS), bits=bits)


def test_names_that_the_header_lacks(tmp_path):
    path = lsst_file(tmp_path / "calexp.fits")
    with pytest.raises(ValueError, match="not 'CR': its names are BAD, SAT, DETECTED"):
        SkyMask(path, bits="BAD,CR")


def test_bits_of_fractions_and_of_regions():
    with pytest.raises(ValueError, match="does not hold whole numbers"):
        SkyMask((np.full((12, 16), 0.5), WCS), bits=0)
    holes = {"ra": [150.0], "dec": [2.0], "radius": [0.1]}
    from astropy.table import Table

    for options in ({"bits": 0}, {"above": 0.5}):
        with pytest.raises(ValueError, match="None for masks without images"):
            SkyMask(Table(holes), **options)
    with pytest.raises(ValueError, match="bits must be None where above is given"):
        SkyMask((FLAGS, WCS), bits=0, above=0.5)


def test_weights_and_limits():
    y, x = np.indices((12, 16))
    fraction = x / 15
    np.testing.assert_array_equal(pixel_mask((fraction, WCS), WCS), x > 0)
    np.testing.assert_array_equal(pixel_mask(SkyMask((fraction, WCS), above=0.5), WCS), x > 7.5)
    np.testing.assert_array_equal(pixel_mask(SkyMask((x, WCS), above=3), WCS), x > 3)
    sky = np.random.default_rng(0).normal(size=(12, 16))
    with pytest.raises(ValueError, match="above must be given .* negative numbers"):
        SkyMask((sky, WCS))
    np.testing.assert_array_equal(pixel_mask(SkyMask((sky, WCS), above=0), WCS), sky > 0)
    with pytest.raises(TypeError, match="above must be a number"):
        SkyMask((sky, WCS), above="0")


@pytest.mark.parametrize("empty", [np.nan, np.inf, -1.6375e30, np.float32(-1.6375e30)])
@pytest.mark.parametrize("exclude", ["inside", "outside"])
def test_pixels_without_a_value_are_always_excluded(empty, exclude):
    y, x = np.indices((12, 16))
    image = np.where(x < 4, 1.0, 0.0)
    image[y < 2] = empty
    expected = ((x < 4) == (exclude == "inside")) | (y < 2)
    for source in ((image, WCS), (np.ma.MaskedArray(x < 4, y < 2), WCS)):
        np.testing.assert_array_equal(pixel_mask(SkyMask(source, exclude=exclude), WCS), expected)


@pytest.mark.parametrize("kind", ["blank", "scaled", "unsigned", "compressed", "big-endian"])
def test_integers_of_fits(tmp_path, kind):
    """The scaling of integers in FITS does not change the mask."""
    image, expected = HAS[BAD].astype(np.int16), HAS[BAD]
    header = WCS.to_header()
    hdu = fits.PrimaryHDU(image, header)
    if kind == "blank":
        image[5, 5] = -32768
        hdu.header["BLANK"] = -32768
        expected = expected.copy()
        expected[5, 5] = True
    elif kind == "scaled":
        hdu = fits.PrimaryHDU(HAS[BAD] * 1.0, header)
        hdu.scale("int16", bscale=0.5, bzero=-2)
    elif kind == "unsigned":
        hdu = fits.PrimaryHDU(image.astype(np.uint16), header)
    elif kind == "compressed":
        hdu = fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image, header)])
    else:
        hdu = fits.PrimaryHDU(image.astype(">i4"), header)
    hdu.writeto(tmp_path / "m.fits")
    np.testing.assert_array_equal(pixel_mask(tmp_path / "m.fits", WCS), expected)
