# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables of positions that a command reads."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table

from lensmap.cli._positions import numbers_of, read_positions


def test_tables(tmp_path):
    table = QTable({"RA": [10.0, 11.0] * u.deg, "Dec": [60.0, -60.0] * u.arcmin})
    for name in ("t.ecsv", "t.fits"):
        table.write(tmp_path / name)
        sky, _ = read_positions(str(tmp_path / name))
        np.testing.assert_allclose((sky.ra.deg, sky.dec.deg), [[10, 11], [1, -1]])


@pytest.mark.parametrize("names", [("ra", "dec"), ("RAJ2000", "DEJ2000")])
def test_csv_without_units(names, tmp_path):
    Table([[10.0], [1.0]], names=names).write(tmp_path / "t.csv")
    sky, _ = read_positions(str(tmp_path / "t.csv"))
    assert (sky.ra.deg, sky.dec.deg) == (10, 1)


def test_text_with_a_header_line(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(
        "# From somewhere\n# ID  RA   DEC  flux (10^-14)\n\n"
        "3\t150.5  2.25\t0.7  0.1\n# in between\n9\t150.75 -1.5 \n"
    )
    sky, _ = read_positions(str(path))
    np.testing.assert_allclose((sky.ra.deg, sky.dec.deg), [[150.5, 150.75], [2.25, -1.5]])


@pytest.mark.parametrize(
    "text, message",
    [
        ("1 2 3\n", "cannot read"),
        ("# RA DEC\n10:00:00 02:00:00\n", "must hold ra and dec in degrees"),
        ("# ID RA DEC\n3 150.0\n", "must hold ra and dec in degrees"),
        ("# ID RA DEC\n", "no rows"),
    ],
)
def test_bad_text(text, message, tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_positions(str(path))


def test_bad_tables(tmp_path):
    Table({"x": [1.0], "dec": [2.0]}).write(tmp_path / "x.csv")
    with pytest.raises(ValueError, match="names 'ra' and 'dec', not only 'x', 'dec'"):
        read_positions(str(tmp_path / "x.csv"))
    Table({"ra": ["10:00:00"], "dec": [2.0]}).write(tmp_path / "s.csv")
    with pytest.raises(ValueError, match="must hold numbers"):
        read_positions(str(tmp_path / "s.csv"))
    with pytest.raises(FileNotFoundError, match="no.csv"):
        read_positions(str(tmp_path / "no.csv"))


def test_numbers_beside_positions(tmp_path):
    path = str(tmp_path / "t.ecsv")
    z = np.ma.masked_array([0.3, 0.5], mask=[False, True])
    Table({"ra": [10.0, 11.0], "dec": [1.0, 2.0], "z": z, "name": ["a", "b"]}).write(path)
    _, table = read_positions(path)
    np.testing.assert_array_equal(numbers_of(table, "z", path), [0.3, np.nan])
    with pytest.raises(ValueError, match=" has no column 'Z', only 'ra', 'dec', 'z', 'name'"):
        numbers_of(table, "Z", path)
    with pytest.raises(ValueError, match="the column 'name' of .*t.ecsv' must hold numbers"):
        numbers_of(table, "name", path)


def test_cosmos_clusters(cosmos_path):
    sky, _ = read_positions(str(cosmos_path / "cosmos_xray_clusters.txt"))
    assert len(sky) == 72
    assert (sky[0].ra.deg, sky[0].dec.deg) == (150.80244, 1.98985)
