# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mutations of images: pixels, shapes, WCS, extensions."""

import numpy as np
from astropy.io import fits
from fuzz_mutation import Expect, mutation

IMAGES, TARGETS = "map image mask field", "map image mask"


def _header(name, expect, kinds=TARGETS, **keywords):
    """Register a mutation that sets keywords of all headers; None removes a keyword."""

    def change(hdus, rng):
        for hdu in hdus:
            for key, value in keywords.items():
                if value is None:
                    hdu.header.remove(key, ignore_missing=True)
                else:
                    hdu.header[key] = value

    change.__name__ = name
    mutation(kinds, expect)(change)


_NO_WCS = dict.fromkeys(f"{key}{i}" for key in ("CTYPE", "CRVAL", "CRPIX", "CDELT", "CUNIT")
                        for i in (1, 2))
_header("no_wcs", Expect.REFUSED, **_NO_WCS)
_header("wcs_of_wavelengths", Expect.REFUSED, CTYPE1="WAVE", CTYPE2="FREQ", CUNIT1="m",
        CUNIT2="Hz")
_header("unknown_projection", Expect.REFUSED, CTYPE1="RA---XYZ", CTYPE2="DEC--XYZ")
_header("unequal_projections", Expect.REFUSED, CTYPE1="RA---TAN", CTYPE2="DEC--SIN")
_header("positions_in_meters", Expect.REFUSED, CUNIT1="m", CUNIT2="m")
_header("scale_of_zero", Expect.REFUSED, CDELT1=0.0)
_header("nearly_singular", Expect.WARNED, CD1_1=0.01, CD1_2=0.01, CD2_1=0.01, CD2_2=0.01 + 1e-12)
_header("singular", Expect.REFUSED, CD1_1=0.01, CD1_2=0.01, CD2_1=0.01, CD2_2=0.01)
_header("rotated", Expect.FREE, PC1_1=0.6, PC1_2=-0.8, PC2_1=0.8, PC2_2=0.6)
_header("mirrored", Expect.FREE, CDELT1=0.025)
_header("galactic", Expect.FREE, CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN")
_header("axes_in_the_other_order", Expect.FREE, CTYPE1="DEC--TAN", CTYPE2="RA---TAN", CRVAL1=2.0,
        CRVAL2=150.0)
_header("pixels_of_a_degree", Expect.FREE, CDELT1=-1.0, CDELT2=1.0)
_header("pixels_of_a_nanodegree", Expect.FREE, CDELT1=-1e-9, CDELT2=1e-9)
_header("huge_pixels", Expect.WARNED, CDELT1=-1e9, CDELT2=1e9)
_header("text_in_crval", Expect.REFUSED, CRVAL1="here")
_header("dec_beyond_the_pole", Expect.WARNED, CRVAL2=123.0)
_header("elsewhere", Expect.FREE, CRVAL1=10.0)
_header("unknown_frame", Expect.REFUSED, RADESYS="MARS", CTYPE1="MRLN-TAN", CTYPE2="MRLT-TAN")
_header("an_odd_frame", Expect.FREE, RADESYS="GAPPT")
_header("an_equinox_of_text", Expect.FREE, EQUINOX="soon")
_header("crpix_far_away", Expect.FREE, CRPIX1=1e6)
_header("control_characters", Expect.FREE, OBJECT="a?[31mb")
_header("a_card_of_distortion", Expect.FREE, A_ORDER=2, A_2_0=1e-3)
_header("a_broken_distortion", Expect.FREE, CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP",
        A_ORDER="two")
_header("negative_number_of_galaxies", Expect.FREE, kinds="map", NGAL=-5)


@mutation(TARGETS, Expect.FREE)
def nan_in_the_header(hdus, rng):
    """FITS has no NaN in headers, but some programs write it as text."""
    for hdu in hdus:
        hdu.header["CRVAL1"] = "NaN"


@mutation(TARGETS, Expect.HARMLESS)
def a_third_axis_of_one(hdus, rng):
    for hdu in hdus:
        hdu.data = hdu.data[None]


@mutation("map mask", Expect.WARNED)
def a_cube(hdus, rng):
    hdus[0].data = np.stack([hdus[0].data, 0 * hdus[0].data + 1, hdus[0].data])


@mutation(IMAGES, Expect.REFUSED)
def one_axis(hdus, rng):
    for hdu in hdus:
        hdu.data = hdu.data[0]


@mutation("map mask field", Expect.REFUSED)
def no_data(hdus, rng):
    hdus[0].data = None


@mutation("map", Expect.REFUSED)
def a_mask_of_another_shape(hdus, rng):
    hdus["MASK"].data = hdus["MASK"].data[:-3]


@mutation("map", Expect.REFUSED)
def all_pixels_masked(hdus, rng):
    hdus["MASK"].data[:] = 1


@mutation("map", Expect.FREE)
def no_mask(hdus, rng):
    del hdus["MASK"]


@mutation("map", Expect.FREE)
def no_uncertainty(hdus, rng):
    del hdus["UNCERT"]


@mutation("map", Expect.WARNED)
def negative_uncertainty(hdus, rng):
    hdus["UNCERT"].data *= -1


@mutation("map", Expect.WARNED)
def uncertainty_of_zero(hdus, rng):
    hdus["UNCERT"].data *= 0


@mutation("map", Expect.FREE)
def nan_in_open_pixels(hdus, rng):
    hdus[0].data[10:12, 10:12] = np.nan


@mutation("map", Expect.WARNED)
def inf_in_open_pixels(hdus, rng):
    hdus[0].data[10, 10] = np.inf


@mutation("map", Expect.FREE)
def values_of_masked_pixels(hdus, rng):
    hdus[0].data[:4, :4] = 1e30


@mutation("map field", Expect.WARNED)
def huge_values(hdus, rng):
    hdus[0].data = hdus[0].data * 1e200


@mutation("map field", Expect.FREE)
def constant(hdus, rng):
    hdus[0].data = np.zeros_like(hdus[0].data)


@mutation("map field", Expect.REFUSED)
def all_nan(hdus, rng):
    hdus[0].data = np.full_like(hdus[0].data, np.nan)


@mutation("map", Expect.FREE)
def integers_with_a_scale(hdus, rng):
    hdus[0].data = np.nan_to_num(hdus[0].data * 1000).astype(np.int16)


@mutation("map", Expect.FREE)
def extensions_in_another_order(hdus, rng):
    hdus.append(hdus.pop(1))


@mutation("map", Expect.WARNED)
def an_extension_twice(hdus, rng):
    other = hdus["MASK"].copy()
    other.data = 1 - other.data
    hdus.append(other)


@mutation("map mask image field", Expect.HARMLESS)
def a_table_besides(hdus, rng):
    hdus.append(fits.BinTableHDU.from_columns([fits.Column("a", "D", array=np.arange(3.0))]))


@mutation("mask", Expect.WARNED)
def a_mask_of_everything(hdus, rng):
    hdus[0].data[:] = 1


@mutation("mask", Expect.FREE)
def a_mask_of_nothing(hdus, rng):
    hdus[0].data[:] = 0


@mutation("mask", Expect.WARNED)
def a_mask_of_nan(hdus, rng):
    hdus[0].data = np.full(hdus[0].data.shape, np.nan)


@mutation("mask", Expect.FREE)
def flags(hdus, rng):
    hdus[0].data = hdus[0].data * 32


@mutation("mask", Expect.HARMLESS)
def a_mask_of_floats(hdus, rng):
    hdus[0].data = hdus[0].data.astype(np.float32)


@mutation("image mask", Expect.FREE)
def two_images(hdus, rng):
    hdus.append(fits.ImageHDU(1 - hdus[0].data, hdus[0].header, name="OTHER"))


@mutation("image field", Expect.WARNED)
def one_pixel(hdus, rng):
    hdus[0].data = hdus[0].data[:1, :1]


@mutation("image", Expect.FREE)
def one_row_of_pixels(hdus, rng):
    hdus[0].data = hdus[0].data[:1]


@mutation("image", Expect.REFUSED)
def a_gigantic_image(hdus, rng):
    """State a size that no computer holds; the data are missing."""
    hdus[0] = fits.PrimaryHDU(None, hdus[0].header)
    hdus[0].header.update({"NAXIS": 2, "NAXIS1": 3000000, "NAXIS2": 3000000})


@mutation("field", Expect.FREE)
def an_axis_more(hdus, rng):
    hdus[0].data = hdus[0].data[None]


@mutation("array", Expect.REFUSED)
def objects(data, rng):
    return np.array([{"a": 1}, None], dtype=object)


@mutation("array", Expect.REFUSED)
def texts(data, rng):
    return np.array([["a", "b"], ["c", "d"]])


@mutation("array", Expect.REFUSED)
def three_axes(data, rng):
    return np.stack([data] * 3)


@mutation("array", Expect.REFUSED)
def complex_numbers(data, rng):
    return data + 1j


@mutation("array", Expect.REFUSED)
def not_a_number(data, rng):
    return data * np.nan


@mutation("array", Expect.FREE)
def oblong(data, rng):
    return data[:10]


@mutation("healpix", Expect.REFUSED)
def wrong_nside(hdus, rng):
    hdus[1].header["NSIDE"] = 500


@mutation("healpix", Expect.REFUSED)
def another_nside(hdus, rng):
    hdus[1].header["NSIDE"] = 64


@mutation("healpix", Expect.WARNED)
def no_ordering(hdus, rng):
    del hdus[1].header["ORDERING"]


@mutation("healpix", Expect.REFUSED)
def unknown_ordering(hdus, rng):
    hdus[1].header["ORDERING"] = "SIDEWAYS"


@mutation("healpix", Expect.REFUSED)
def unknown_coordinates(hdus, rng):
    hdus[1].header["COORDSYS"] = "MARS"


@mutation("healpix", Expect.FREE)
def nside_of_text(hdus, rng):
    hdus[1].header["NSIDE"] = "many"


@mutation("healpix", Expect.WARNED)
def a_survey_elsewhere(hdus, rng):
    hdus[1].data["MASK"][:] = 1
