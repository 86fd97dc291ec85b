# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Units as people write them, and sexagesimal angles beside those of astropy."""

import warnings

import pytest
from astropy import units as u
from astropy.coordinates import Angle

from lensmap.utils import angle_of_text, as_angle_unit, as_plain_unit


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (u.deg, [None, "", "none", "deg", "DEG", "degrees", "[deg]", " (Degree) ", "d", u.deg,
                 u.Unit("d"), "°", '"d:m:s"']),
        (u.rad, ["rad", "RADIANS", "Radian"]),
        (u.hourangle, ["hourangle", "hours", "h", "hr", "Hour Angle", "hour_angle", '"h:m:s"']),
        (u.arcmin, ["arcmin", "arcminutes", "'"]),
        (u.arcsec, ["arcsec", "ARCSEC", '"']),
        (u.mas, ["mas"]),
        (u.uas, ["uas"]),
        (None, ["Jy", "furlong", "%", "pix", "m", "mag"]),
    ],
)
def test_units_of_angles(unit, words):
    for word in words:
        assert as_angle_unit(word) == unit, word


def test_units_without_dimension():
    for word in (None, "", "1", "none", "None", "UNITLESS", "[dimensionless]", "---", "n/a"):
        assert as_plain_unit(word) == u.dimensionless_unscaled
    assert as_plain_unit("%") == u.percent
    for word in ("deg", "Jy", "furlong", "mag", "1/pc"):
        assert as_plain_unit(word) is None


@pytest.mark.parametrize(
    "text",
    ["10:12:13.5", "10 12 13.5", "10h12m13.5s", "10h 12m 13.5s", "10h12.25m", "0:0:0.1",
     "23:59:59.999", "10:12", "10h", "-1:30:00", "\N{MINUS SIGN}01 30 00"],
)
def test_right_ascension_in_hours(text):
    right = Angle(text.replace("\N{MINUS SIGN}", "-"), u.hourangle).deg
    assert angle_of_text(text, longitude=True) == pytest.approx(right, rel=1e-14)


@pytest.mark.parametrize(
    "text",
    ["+12:13:14.5", "-00:30:00", "-0d30m", "12d13m14s", "12\N{DEGREE SIGN}13'14\"", "-12 13 14",
     "-12d", "5.5d", "+5deg", "89:59:60"],
)
def test_declination_in_degrees(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy warns of 60 seconds
        right = Angle(text, u.deg).deg
    assert angle_of_text(text, longitude=False) == pytest.approx(right, rel=1e-14)


def test_units_decide():
    assert angle_of_text("10:30:00", longitude=True, unit=u.deg) == 10.5
    assert angle_of_text("10h30m00s", longitude=True, unit=u.deg) == 157.5  # the letter wins
    assert angle_of_text("10d30m00s", longitude=True) == 10.5
    assert angle_of_text("10.5", longitude=True) == 10.5
    assert angle_of_text("10.5", longitude=True, unit=u.hourangle) == pytest.approx(157.5)


@pytest.mark.parametrize(
    "text", ["", "A 1689", "10:60:00", "10:12:61", "10.5:12:13", "10:12:13:14", "h", "10m", "1e"]
)
def test_no_angle(text):
    with pytest.raises(ValueError, match="neither a number nor a sexag|is not a sexagesimal angle"):
        angle_of_text(text, longitude=True)
