# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the words of the command line mean."""

import argparse

import pytest
from astropy import units as u

from lensmap.cli._options import angle, pairs


@pytest.mark.parametrize("text", ["0.3arcmin", "0.3 arcmin", "18arcsec", "0.005deg"])
def test_angle(text):
    assert angle(text).to_value(u.arcmin) == pytest.approx(0.3)


@pytest.mark.parametrize("text", ["0.3", "3 furlong", "3 s", "-1arcmin", "0arcmin", "nanarcmin"])
def test_bad_angle(text):
    with pytest.raises(argparse.ArgumentTypeError, match="such as 0.6arcmin"):
        angle(text)


def test_pairs():
    assert pairs("kids") == "kids"
    assert pairs("ra=RA, dec=DEC") == {"ra": "RA", "dec": "DEC"}
    for text in ("ra=RA,dec", "ra=", "=RA", "ra=RA,"):
        with pytest.raises(argparse.ArgumentTypeError, match="ra=NAME"):
            pairs(text)
