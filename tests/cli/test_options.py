# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the words of the command line mean."""

import argparse

import pytest
from astropy import units as u

from lensmap.cli._options import angle, columns_text, condition, units_of_columns


@pytest.mark.parametrize("text", ["0.3arcmin", "0.3 arcmin", "18arcsec", "0.005deg"])
def test_angle(text):
    assert angle(text).to_value(u.arcmin) == pytest.approx(0.3)


@pytest.mark.parametrize("text", ["0.3", "3 furlong", "3 s", "-1arcmin", "0arcmin", "nanarcmin"])
def test_bad_angle(text):
    with pytest.raises(argparse.ArgumentTypeError, match="such as 0.6arcmin"):
        angle(text)


def test_columns():
    for text in ("kids", "ra=RA, dec=DEC", "hsc-y3,m=none", "mine.toml,e1=g[0]"):
        assert columns_text(text) == text
    for text in ("ra=RA,dec", "=RA", "ra=RA,", "kids,hsc-y3"):
        with pytest.raises(argparse.ArgumentTypeError, match="it must be a preset, changes"):
            columns_text(text)


def test_conditions():
    assert condition("z < 1 and flag == 0") == "z < 1 and flag == 0"
    with pytest.raises(argparse.ArgumentTypeError, match="^it must be .*write == to compare"):
        condition("z = 1")


def test_units():
    assert units_of_columns("ra=hourangle, dec = deg") == {"ra": "hourangle", "dec": "deg"}
    for text in ("ra", "ra=", "=deg", "ra=deg,", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="units are given as ra=UNIT"):
            units_of_columns(text)
