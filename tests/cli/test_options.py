# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the words of the command line mean."""

import argparse

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table

from lensmap.cli.options import angle, angle_or_none, noise, pairs, read_positions


@pytest.mark.parametrize("text", ["0.3arcmin", "0.3 arcmin", "18arcsec", "0.005deg"])
def test_angle(text):
    assert angle(text).to_value(u.arcmin) == pytest.approx(0.3)
    assert angle_or_none(text) == angle(text)


@pytest.mark.parametrize("text", ["0.3", "3 furlong", "3 s", "-1arcmin", "0arcmin", "nanarcmin"])
def test_bad_angle(text):
    with pytest.raises(argparse.ArgumentTypeError, match="such as 0.6arcmin"):
        angle(text)


def test_no_angle():
    assert angle_or_none("none") is None and angle_or_none("None") is None


def test_noise():
    assert noise("analytic") == {"uncertainty": "analytic"}
    assert noise("posterior") == {"uncertainty": "posterior"}
    assert noise("posterior:20") == {"uncertainty": "posterior", "n_realizations": 20}
    assert noise("30") == {"uncertainty": "rotations", "n_realizations": 30}


@pytest.mark.parametrize("text", ["1", "0", "-3", "2.5", "lots", ""])
def test_bad_noise(text):
    with pytest.raises(argparse.ArgumentTypeError, match="rotations"):
        noise(text)


def test_pairs():
    assert pairs("kids") == "kids"
    assert pairs("ra=RA, dec=DEC") == {"ra": "RA", "dec": "DEC"}
    for text in ("ra=RA,dec", "ra=", "=RA", "ra=RA,"):
        with pytest.raises(argparse.ArgumentTypeError, match="ra=NAME"):
            pairs(text)


class TestPositions:
    def test_tables(self, tmp_path):
        table = QTable({"RA": [10.0, 11.0] * u.deg, "Dec": [60.0, -60.0] * u.arcmin})
        for name in ("t.ecsv", "t.fits"):
            table.write(tmp_path / name)
            sky = read_positions(str(tmp_path / name))
            np.testing.assert_allclose((sky.ra.deg, sky.dec.deg), [[10, 11], [1, -1]])

    @pytest.mark.parametrize("names", [("ra", "dec"), ("RAJ2000", "DEJ2000")])
    def test_csv_without_units(self, names, tmp_path):
        Table([[10.0], [1.0]], names=names).write(tmp_path / "t.csv")
        sky = read_positions(str(tmp_path / "t.csv"))
        assert (sky.ra.deg, sky.dec.deg) == (10, 1)

    def test_text_with_a_header_line(self, tmp_path):
        path = tmp_path / "t.txt"
        path.write_text(
            "# From somewhere\n# ID  RA   DEC  flux (10^-14)\n\n"
            "3\t150.5  2.25\t0.7  0.1\n# in between\n9\t150.75 -1.5 \n"
        )
        sky = read_positions(str(path))
        np.testing.assert_allclose((sky.ra.deg, sky.dec.deg), [[150.5, 150.75], [2.25, -1.5]])

    @pytest.mark.parametrize(
        "text, message",
        [
            ("1 2 3\n", "cannot read"),
            ("# RA DEC\n10:00:00 02:00:00\n", "a row without ra and dec in degrees"),
            ("# ID RA DEC\n3 150.0\n", "a row without ra and dec in degrees"),
            ("# ID RA DEC\n", "no rows"),
        ],
    )
    def test_bad_text(self, text, message, tmp_path):
        path = tmp_path / "t.txt"
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_positions(str(path))

    def test_bad_tables(self, tmp_path):
        Table({"x": [1.0], "dec": [2.0]}).write(tmp_path / "x.csv")
        with pytest.raises(ValueError, match="no columns ra and dec, only x, dec"):
            read_positions(str(tmp_path / "x.csv"))
        Table({"ra": ["10:00:00"], "dec": [2.0]}).write(tmp_path / "s.csv")
        with pytest.raises(ValueError, match="must hold numbers"):
            read_positions(str(tmp_path / "s.csv"))
        with pytest.raises(FileNotFoundError, match="no.csv"):
            read_positions(str(tmp_path / "no.csv"))

    def test_cosmos_clusters(self, cosmos_path):
        sky = read_positions(str(cosmos_path / "cosmos_xray_clusters.txt"))
        assert len(sky) == 72
        assert (sky[0].ra.deg, sky[0].dec.deg) == (150.80244, 1.98985)
