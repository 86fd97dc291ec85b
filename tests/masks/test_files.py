# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""FITS files with several HDUs, planes and axes: united by a rule, or asked for."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import CCDData, NDData, NDDataRef, StdDevUncertainty
from astropy.table import Table
from astropy.wcs import WCS
from astropy.wcs.wcsapi import SlicedLowLevelWCS

from lensmap import ConvergenceMap
from lensmap.grid import tangent_wcs
from lensmap.masks import SkyMask, pixel_mask

SHAPE = (20, 26)
MAP = tangent_wcs(SkyCoord(150, 2, unit="deg"), SHAPE, 1 * u.arcmin)
BAD = np.zeros(SHAPE, dtype=bool)
BAD[:4, 3:] = True


def write(path, *images, primary=None):
    """Write images ``(name, array, header)`` as extensions."""
    hdus = [primary or fits.PrimaryHDU()]
    hdus += [fits.ImageHDU(array, header, name=name) for name, array, header in images]
    fits.HDUList(hdus).writeto(path)
    return str(path)


def chip(ra, scale=1.0):
    return tangent_wcs(SkyCoord(ra, 2.0, unit="deg"), (12, 12), scale * u.arcmin)


CENTERS = SkyCoord([149.7, 150.0, 150.3], [2.0] * 3, unit="deg")


def mosaic(path, name="CCD{}", dtype=np.uint8):
    return write(path, *(
        (name.format(i), np.ones((12, 12), dtype), chip(ra).to_header())
        for i, ra in enumerate(CENTERS.ra.deg)
    ))


@pytest.mark.parametrize("name", ["CCD{}", "MASK", "DQ"])
@pytest.mark.parametrize("exclude", ["inside", "outside"])
def test_a_mosaic_is_united(tmp_path, name, exclude):
    path = mosaic(tmp_path / "m.fits", name)
    between = SkyCoord([149.85, 151.0], [2.0, 2.0], unit="deg")
    with fits.open(path) as hdus:
        for source in (path, hdus):
            mask = SkyMask(source, exclude=exclude)
            assert (mask.excluded_sky(CENTERS) == (exclude == "inside")).all()
            assert (mask.excluded_sky(between) == (exclude == "outside")).all()


def test_one_of_a_mosaic(tmp_path):
    path = mosaic(tmp_path / "m.fits")
    for word in (f"{path}:CCD1", f"{path}[2]", f"{path}:2", f"{path}[ccd1]", f"{path}[CCD1,1]"):
        assert SkyMask(word).excluded_sky(CENTERS).tolist() == [False, True, False]
    with pytest.raises(ValueError, match=r"no HDU 'CCD9'; its HDUs are 0 \(PRIMARY\), 1 \(CCD0\)"):
        SkyMask(f"{path}:CCD9")
    with pytest.raises(ValueError, match="no HDU '7'"):
        SkyMask(f"{path}[7]")
    with pytest.raises(FileNotFoundError, match="'nowhere.fits:MASK' does not exist"):
        SkyMask("nowhere.fits:MASK")


def test_a_name_with_brackets_may_be_the_name_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.fits", ("X", np.zeros(SHAPE, np.uint8), MAP.to_header()))
    write(tmp_path / "a.fits[1]", ("X", BAD.astype(np.uint8), MAP.to_header()))
    np.testing.assert_array_equal(pixel_mask("a.fits[1]", MAP), BAD)


@pytest.mark.parametrize("case", ["floats", "same place", "two names"])
def test_several_images_are_asked_for(tmp_path, case):
    header, ones = MAP.to_header(), np.ones(SHAPE, np.uint8)
    images = {
        "floats": [("SCI", ones.astype(float), header), ("WHT", ones.astype(float), header)],
        "same place": [("EXPOSURE", ones, header), ("EDGE", ones, header)],
        "two names": [("MASK", ones, header), ("DQ", ones, header)],
    }[case]
    path = write(tmp_path / "m.fits", *images)
    names = [name for name, *_ in images]
    words = (rf"several images.*HDU 1 \({names[0]}\), HDU 2 \({names[1]}\); name one, as in "
             f".*:{names[1]}")
    with pytest.raises(ValueError, match=words):
        SkyMask(path)
    assert pixel_mask(f"{path}:{names[0]}", MAP).all()


def test_weights_of_a_mosaic_are_asked_for(tmp_path):
    with pytest.raises(ValueError, match="several images, of which any may be the mask"):
        SkyMask(mosaic(tmp_path / "m.fits", dtype=np.float32))


def test_ccddata_as_object_and_file(tmp_path):
    for dtype in (float, np.uint16):
        image = CCDData(np.full(SHAPE, 100, dtype), mask=BAD, wcs=MAP, unit="adu",
                        uncertainty=StdDevUncertainty(np.ones(SHAPE)))
        path = tmp_path / f"{np.dtype(dtype)}.fits"
        image.write(path)
        with fits.open(path) as hdus:
            for source in (image, path, hdus):
                np.testing.assert_array_equal(pixel_mask(source, MAP), BAD)


@pytest.mark.parametrize("mask", [BAD, BAD.astype(np.uint8), BAD.astype(float)])
@pytest.mark.parametrize("dtype", [float, np.uint16, ">f4"])
@pytest.mark.parametrize("kind", [NDData, NDDataRef])
def test_the_mask_of_an_nddata(kind, dtype, mask):
    source = kind(np.full(SHAPE, 100).astype(dtype), mask=mask, wcs=MAP)
    np.testing.assert_array_equal(pixel_mask(source, MAP), BAD)


def test_an_nddata_that_is_a_mask():
    np.testing.assert_array_equal(pixel_mask(NDData(BAD.astype(np.uint8), wcs=MAP), MAP), BAD)
    unknown = np.zeros(SHAPE, bool)
    unknown[10:] = True
    both = NDData(BAD, mask=unknown, wcs=MAP)
    np.testing.assert_array_equal(pixel_mask(both, MAP), BAD | unknown)
    np.testing.assert_array_equal(pixel_mask(SkyMask(both, exclude="outside"), MAP), ~BAD | unknown)


def test_sliced_nddata_and_wcs():
    part = NDDataRef(BAD, wcs=MAP)[:10, 5:20]
    expected = np.zeros(SHAPE, bool)
    expected[:10, 5:20] = BAD[:10, 5:20]
    view = (slice(0, 10), slice(5, 20))
    for source in (part, (BAD[view], SlicedLowLevelWCS(MAP, view)), (BAD[view], part.wcs)):
        np.testing.assert_array_equal(pixel_mask(source, MAP), expected)
    # and as the pixels of the map
    np.testing.assert_array_equal(pixel_mask((BAD, MAP), part.wcs), BAD[view])
    np.testing.assert_array_equal(pixel_mask(BAD[view], part.wcs), BAD[view])


@pytest.mark.parametrize("array", [BAD.T, BAD[:10], BAD[:, :10], np.ones((1, 1))])
def test_shapes_are_those_of_the_wcs(array):
    image = array.astype(np.uint8)
    with pytest.raises(ValueError, match=r"an image of the shape of its WCS, \(20, 26"):
        SkyMask((image, MAP))
    part = SlicedLowLevelWCS(MAP, (slice(0, 7), slice(0, 9)))
    with pytest.raises(ValueError, match=r"the shape of its WCS, \(7, 9\)"):
        SkyMask((image, part))
    # A WCS from a header without NAXIS has no shape, and takes that of the array.
    bare = WCS(MAP.to_header())
    assert pixel_mask((BAD, bare), MAP).sum() == BAD.sum()


def lookup_file(path, shift):
    """Write a flag image whose tables move the sky by some pixels along x."""
    header = MAP.to_header()
    for i in (1, 2):
        header[f"CPDIS{i}"] = "LOOKUP"
        for key, value in (("EXTVER", i), ("NAXES", 2), ("AXIS.1", 1), ("AXIS.2", 2)):
            header[f"DP{i}.{key}"] = float(value)
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(BAD.astype(np.uint8), header, name="DQ")]
    for i in (1, 2):
        table = fits.ImageHDU(np.full((5, 5), shift if i == 1 else 0, np.float32), name="WCSDVARR",
                              ver=i)
        table.header.update({"CRPIX1": 1.0, "CRPIX2": 1.0, "CRVAL1": 1.0, "CRVAL2": 1.0,
                             "CDELT1": 7.0, "CDELT2": 6.0})
        hdus.append(table)
    fits.HDUList(hdus).writeto(path)


def test_distortion_tables_are_read_from_the_file(tmp_path):
    lookup_file(tmp_path / "flt.fits", 3.0)
    expected = np.zeros(SHAPE, bool)
    expected[:4, 6:] = True
    path = str(tmp_path / "flt.fits")
    with fits.open(path) as hdus:
        for source in (path, f"{path}[DQ]", hdus, hdus["DQ"]):
            np.testing.assert_array_equal(pixel_mask(source, MAP), expected)
        alone = fits.ImageHDU(hdus["DQ"].data, hdus["DQ"].header)
    with pytest.raises(ValueError, match="give the whole HDUList, or the path"):
        SkyMask(alone)


def cube_header(order, **cards):
    header = MAP.to_header()
    kinds = {name: {key[:-1]: header[key] for key in header if key.endswith(str(i))
                    and key[:5] in ("CTYPE", "CRVAL", "CRPIX", "CDELT", "CUNIT")}
             for i, name in ((1, "RA"), (2, "DEC"))}
    kinds["FREQ"] = {"CTYPE": "FREQ", "CRVAL": 1e9, "CRPIX": 1.0, "CDELT": 1e6, "CUNIT": "Hz"}
    new = fits.Header({"WCSAXES": len(order), "RADESYS": "ICRS"})
    for i, name in enumerate(order, start=1):
        new.update({f"{key}{i}": value for key, value in kinds[name].items()})
    new.update(cards)
    return new


@pytest.mark.parametrize("order", ["RA DEC FREQ", "DEC RA FREQ", "FREQ RA DEC", "FREQ DEC RA",
                                   "RA FREQ DEC", "DEC FREQ RA"])
def test_axes_in_any_order(tmp_path, order):
    order = order.split()
    image = BAD.astype(np.uint8)
    sky = image if order.index("RA") < order.index("DEC") else image.T
    one = np.expand_dims(sky, 2 - order.index("FREQ"))
    header = cube_header(order)
    fits.writeto(tmp_path / "m.fits", one, header)
    path = str(tmp_path / "m.fits")
    for source in (path, (one, WCS(header)), fits.PrimaryHDU(one, header)):
        np.testing.assert_array_equal(pixel_mask(source, MAP), BAD)
    # More than one plane is asked for.
    axis = 2 - order.index("FREQ")
    cube = np.concatenate([np.zeros_like(one), one, np.zeros_like(one)], axis=axis)
    fits.writeto(path, cube, header, overwrite=True)
    words = r"holds 3 planes .*give its number, counted from 0.*\[0\]\[0\]'"
    with pytest.raises(ValueError, match=words):
        SkyMask(path)
    np.testing.assert_array_equal(pixel_mask(f"{path}[0][1]", MAP), BAD)
    assert not pixel_mask(f"{path}[0][2]", MAP).any()
    with pytest.raises(ValueError, match="number from 0 to 2, not '3'"):
        SkyMask(f"{path}[0][3]")
    with pytest.raises(ValueError, match="not of 3 planes"):
        SkyMask((cube, WCS(header)))


def test_a_flat_map_with_a_third_axis_in_its_header(tmp_path):
    header = cube_header(["RA", "DEC", "FREQ"])
    for shape in (SHAPE, (1, *SHAPE)):
        values = np.arange(BAD.size, dtype=float).reshape(shape)
        fits.writeto(tmp_path / "k.fits", values, header, overwrite=True)
        kappa = ConvergenceMap.read(tmp_path / "k.fits")
        assert kappa.shape == SHAPE and kappa.wcs.naxis == 2
        np.testing.assert_array_equal(kappa.data, values.reshape(SHAPE))
        fits.writeto(tmp_path / "m.fits", BAD.reshape(shape).astype(int), header, overwrite=True)
        np.testing.assert_array_equal(pixel_mask(tmp_path / "m.fits", MAP), BAD)


def test_a_frame_that_is_not_known(tmp_path):
    for cards in ({"RADESYS": "GAPPT"}, {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN"}):
        header = MAP.to_header()
        header.update(cards)
        fits.writeto(tmp_path / "m.fits", BAD.astype(int), header, overwrite=True)
        with pytest.raises(ValueError, match="cannot read .*m.fits.*the WCS of mask must be in an"):
            SkyMask(tmp_path / "m.fits")


def test_a_table_beside_an_image_is_asked_for(tmp_path):
    holes = fits.table_to_hdu(Table({"ra": [150.0], "dec": [2.0], "radius": [0.02]}))
    holes.name = "STARS"
    image = fits.ImageHDU(BAD.astype(np.uint8), MAP.to_header(), name="EDGE")
    fits.HDUList([fits.PrimaryHDU(), holes, image]).writeto(tmp_path / "m.fits")
    path = str(tmp_path / "m.fits")
    with pytest.raises(ValueError, match=r"several masks, in the HDUs 1 \(STARS\), 2 \(EDGE\)"):
        SkyMask(path)
    np.testing.assert_array_equal(pixel_mask(f"{path}:EDGE", MAP), BAD)
    assert 0 < pixel_mask(f"{path}:STARS", MAP).sum() < 20
    with fits.open(path) as hdus:
        assert 0 < pixel_mask(hdus["STARS"], MAP).sum() < 20


def test_a_map_of_lensmap(tmp_path):
    kappa = ConvergenceMap(np.zeros(SHAPE), np.ones(SHAPE), BAD, MAP, kappa_b=np.zeros(SHAPE),
                           counts=np.ones(SHAPE))
    kappa.write(tmp_path / "k.fits")
    for source in (kappa, tmp_path / "k.fits"):
        np.testing.assert_array_equal(pixel_mask(source, MAP), BAD)


def test_images_of_the_whole_sky_with_any_reference(tmp_path):
    """Column i holds RA i to i + 1: a disc is excluded where it lies on the sky."""
    center, radius = SkyCoord(250.0, 20.0, unit="deg"), 12 * u.deg
    rng = np.random.default_rng(3)
    sky = SkyCoord(rng.uniform(0, 360, 3000), rng.uniform(-85, 85, 3000), unit="deg")
    separation = center.separation(sky)
    far = np.abs(separation - radius) > 0.8 * u.deg  # a pixel of one degree lies between
    for crval in (0.0, 100.0, 180.0, 359.0):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---CAR", "DEC--CAR"], [1, 1]
        wcs.wcs.crval, wcs.wcs.crpix = [crval, 0], [0.5 + crval, 90.5]
        column, row = np.meshgrid(np.arange(360) + 0.5, np.arange(180) - 89.5)
        image = center.separation(SkyCoord(column, row, unit="deg")) < radius
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = SkyMask((image, wcs)).excluded_sky(sky)
        np.testing.assert_array_equal(found[far], (separation < radius)[far])
        assert 20 < found.sum() < 200
