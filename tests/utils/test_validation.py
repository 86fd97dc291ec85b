# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Each message names the parameter, what was found and what is allowed."""

import numpy as np
import pytest
from astropy import units as u
from astropy.wcs import WCS

from lensmap.utils import (
    check_angle,
    check_celestial_wcs,
    check_choice,
    check_count,
    look_up,
    match_name,
)


@pytest.mark.parametrize(
    "value", [0.6 * u.arcmin, "0.6 arcmin", "0.6arcmin", 36 * u.arcsec, np.float32(0.6) * u.arcmin]
)
def test_angle(value):
    assert check_angle(value, "smoothing").to_value(u.arcsec) == pytest.approx(36, rel=1e-6)


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (0.6, TypeError, "with a unit, .* not 0.6"),
        ("0.6", TypeError, "with a unit"),
        (None, TypeError, "not None"),
        (0.6 * u.Mpc, TypeError, "Mpc"),
        (0.6 * u.dimensionless_unscaled, TypeError, "with a unit"),
        ("0.6 furlongs", ValueError, "not '0.6 furlongs'"),
        ("wide", ValueError, "not 'wide'"),
        ([1, 2] * u.arcmin, ValueError, "one finite angle"),
        (np.nan * u.arcmin, ValueError, "one finite angle"),
        (np.inf * u.arcmin, ValueError, "one finite angle"),
        (-1 * u.arcmin, ValueError, "positive, not -1.0 arcmin"),
        (0 * u.arcmin, ValueError, "positive"),
    ],
)
def test_not_an_angle(value, error, words):
    with pytest.raises(error, match=f"(?s)^smoothing must be .*{words}"):
        check_angle(value, "smoothing")


def test_angles_that_may_be_none_or_zero():
    assert check_angle(None, "margin", allow_none=True) is None
    assert check_angle(0 * u.deg, "margin", allow_zero=True) == 0
    with pytest.raises(ValueError, match="margin must be 0 or positive"):
        check_angle(-1 * u.deg, "margin", allow_zero=True)


def test_choice():
    assert check_choice("shear", "kind", ("shear", "distortion")) == "shear"
    assert check_choice(None, "uncertainty", (None, "analytic")) is None


@pytest.mark.parametrize("value", ["Shear", None, 3, np.array(["shear", "shear"]), ["shear"]])
def test_no_choice(value):
    with pytest.raises(ValueError, match="^kind must be one of 'shear', 'distortion', not"):
        check_choice(value, "kind", ("shear", "distortion"))


@pytest.mark.parametrize("value", [3, np.int16(3)])
def test_count(value):
    found = check_count(value, "n", minimum=3)
    assert found == 3 and type(found) is int


@pytest.mark.parametrize(
    ("value", "error"),
    [(2, ValueError), (-1, ValueError), (3.0, TypeError), (True, TypeError), ("3", TypeError)],
)
def test_no_count(value, error):
    with pytest.raises(error, match=f"^n must be .*not {value!r}"):
        check_count(value, "n", minimum=3)


def _wcs(*ctype, shape=(3, 4)):
    wcs = WCS(naxis=len(ctype))
    wcs.wcs.ctype = ctype
    wcs.array_shape = shape
    return wcs


@pytest.mark.parametrize("ctype", [("RA---TAN", "DEC--TAN"), ("GLAT-CAR", "GLON-CAR")])
def test_celestial_wcs(ctype):
    wcs = _wcs(*ctype)
    assert check_celestial_wcs(wcs) is wcs


@pytest.mark.parametrize(
    ("wcs", "error", "words"),
    [
        (None, TypeError, "be an astropy.wcs.WCS or another WCS .*, not NoneType"),
        ((3, 4), TypeError, "not tuple"),
        (_wcs("", ""), ValueError, "have celestial axes"),
        (_wcs("RA---TAN", "FREQ"), ValueError, "not the axes 'RA---TAN', 'FREQ'"),
        (_wcs("RA---TAN", "DEC--TAN", "FREQ", shape=(2, 3, 4)), ValueError, "two axes, not 3"),
        (_wcs("RA---TAN", "DEC--TAN", shape=None), ValueError, "not None: set wcs.array_shape ="),
        (_wcs("RA---TAN", "DEC--TAN", shape=(0, 4)), ValueError, r"not \(0, 4\): set"),
    ],
)
def test_no_celestial_wcs(wcs, error, words):
    with pytest.raises(error, match=f"^wcs must .*{words}"):
        check_celestial_wcs(wcs)


def test_shape_not_needed():
    wcs = _wcs("RA---TAN", "DEC--TAN", shape=None)
    assert check_celestial_wcs(wcs, need_shape=False) is wcs


def test_look_up():
    known = {"a": 1, "b": 2}
    assert look_up(known, "b", "letter") == 2
    for name in ("c", None, ["a"]):
        with pytest.raises(ValueError, match="there is no letter .*: choose one of 'a', 'b'"):
            look_up(known, name, "letter")


def test_hyphens_and_underscores_are_equal():
    assert look_up({"hsc_y3": 3}, "hsc-y3", "preset") == 3
    assert match_name(["hsc_y3", "masked-cnn"], "masked_cnn") == "masked-cnn"
    assert match_name(["hsc_y3"], "hscy3") is None and match_name(["hsc_y3"], None) is None
