# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables of positions that a command reads."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table

from lensmap.cli._positions import read_positions
from lensmap.utils import CatalogWarning


def test_tables(tmp_path):
    table = QTable({"RA": [10.0, 11.0] * u.deg, "Dec": [60.0, -60.0] * u.arcmin})
    for name in ("t.ecsv", "t.fits"):
        table.write(tmp_path / name)
        sky, *_ = read_positions(str(tmp_path / name))
        np.testing.assert_allclose((sky.ra.deg, sky.dec.deg), [[10, 11], [1, -1]])


@pytest.mark.parametrize("names", [("ra", "dec"), ("RAJ2000", "DEJ2000")])
def test_csv_without_units(names, tmp_path):
    Table([[10.0], [1.0]], names=names).write(tmp_path / "t.csv")
    sky, *_ = read_positions(str(tmp_path / "t.csv"))
    assert (sky.ra.deg, sky.dec.deg) == (10, 1)


def test_text_with_a_header_line(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(
        "# From somewhere\n# ID  RA   DEC  flux (10^-14)\n\n"
        "3\t150.5  2.25\t0.7  0.1\n# in between\n9\t150.75 -1.5 \n"
    )
    sky, *_ = read_positions(str(path))
    np.testing.assert_allclose((sky.ra.deg, sky.dec.deg), [[150.5, 150.75], [2.25, -1.5]])


@pytest.mark.parametrize(
    "text, message",
    [
        ("1 2 3\n", "cannot read"),
        ("# RA DEC\n10:00:00 02:70:00\n", "'DEC' of .* in row 1, '02:70:00' is not a sexag"),
        ("# ID RA DEC\n3 150.0\n", "must hold ra and dec, but one does not: '3 150.0'"),
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
    Table({"ra": ["A 1689"], "dec": [2.0]}).write(tmp_path / "s.csv")
    with pytest.raises(ValueError, match="'ra' of .* must hold positions, but in row 1, 'A 1689'"):
        read_positions(str(tmp_path / "s.csv"))
    Table({"ra": [1.0], "dec": [2.0] * u.Jy}).write(tmp_path / "u.ecsv")
    with pytest.raises(ValueError, match="'dec' of .* but the unit 'Jy' is not that of an angle"):
        read_positions(str(tmp_path / "u.ecsv"))
    with pytest.raises(FileNotFoundError, match="no.csv"):
        read_positions(str(tmp_path / "no.csv"))


def test_redshifts_beside_positions(tmp_path):
    path = str(tmp_path / "t.ecsv")
    Table({"ra": [10.0, 11.0], "dec": [1.0, 2.0], "z": [0.3, 0.5], "name": ["a", "b"]}).write(path)
    _, redshifts, _ = read_positions(path, "z")
    np.testing.assert_array_equal(redshifts, [0.3, 0.5])
    with pytest.raises(ValueError, match="has no column 'Z', only 'ra', 'dec', 'z', 'name'"):
        read_positions(path, "Z")
    with pytest.raises(ValueError, match="the column 'name' of .*t.ecsv' must hold redshifts"):
        read_positions(path, "name")


@pytest.mark.parametrize("suffix", ["csv", "fits", "ecsv", "h5", "vot", "parquet"])
@pytest.mark.parametrize("placeholder", [None, np.nan, -99.0])
def test_rows_without_a_position(tmp_path, suffix, placeholder):
    """They are left out with a warning, and so are the numbers beside them."""
    missing = [False, placeholder is None, False]
    number = 0.0 if placeholder is None else placeholder
    table = Table({
        "ra": np.ma.masked_array([10.0, number, 12.0], missing),
        "dec": np.ma.masked_array([1.0, number, 3.0], missing),
        "z": [0.1, 0.2, 0.3],
    })
    path = str(tmp_path / f"t.{suffix}")
    options = {"h5": {"path": "t", "serialize_meta": True}, "vot": {"format": "votable"}}
    table.write(path, **options.get(suffix, {}))
    with pytest.warns(CatalogWarning, match=r"1 of 3 rows .* are left out .row 2."):
        sky, z, _ = read_positions(path, "z")
    np.testing.assert_allclose((sky.ra.deg, sky.dec.deg, z), [[10, 12], [1, 3], [0.1, 0.3]])


@pytest.mark.parametrize("bad", [None, np.nan, -99.0, 0.0, -1.0, 99.0, np.inf, 9999.0])
def test_rows_without_a_redshift(tmp_path, bad):
    missing = [False, bad is None, False, False]
    table = Table({
        "ra": [10.0, 11.0, 12.0, -999.0], "dec": [1.0, 2.0, 3.0, -999.0],
        "z": np.ma.masked_array([0.1, 0.0 if bad is None else bad, 0.3, 0.4], missing),
    })
    path = str(tmp_path / "t.ecsv")
    table.write(path)
    with pytest.warns(CatalogWarning) as caught:
        sky, z, _ = read_positions(path, "z")
    texts = [str(one.message) for one in caught]
    assert len(texts) == 2 and "1 of 4 rows" in texts[0] and "have no position" in texts[0]
    assert "1 of 4 rows" in texts[1] and "have no redshift in 'z'" in texts[1]
    assert "(row 2)" in texts[1] and caught[1].message.parameter == "z_lens"
    np.testing.assert_array_equal((sky.ra.deg, z), [[10, 12], [0.1, 0.3]])
    table[[1, 3]].write(path, overwrite=True)
    with pytest.warns(CatalogWarning, match="have no position"):
        with pytest.raises(ValueError, match="'z' of .* at least one redshift above 0"):
            read_positions(path, "z")


def test_weights_beside_positions(tmp_path):
    path = str(tmp_path / "t.ecsv")
    table = Table({"ra": [10.0, 11.0, 12.0, 13.0], "dec": [1.0, 2.0, 3.0, 4.0],
                   "z": [0.3, np.nan, 0.5, 0.6], "richness": [20.0, 30.0, np.nan, 0.0]})
    table.write(path)
    with pytest.warns(CatalogWarning) as caught:
        sky, z, weight = read_positions(path, "z", "richness", option="randoms")
    np.testing.assert_array_equal((sky.ra.deg, z, weight), [[10, 13], [0.3, 0.6], [20, 0]])
    assert [one.message.parameter for one in caught] == ["z_lens", "lens_weight"]
    assert "1 of 4 rows" in str(caught[1].message) and "no weight in 'richness' and" in str(
        caught[1].message)
    assert read_positions(path)[1:] == (None, None)
    # A column may be both.
    _, z, weight = read_positions(path, "dec", "dec")
    np.testing.assert_array_equal((z, weight), [[1, 2, 3, 4]] * 2)
    for bad, cause in (([1.0, -2, 0, 0], "is -2 in row 2"), ([0.0] * 4, "has none above 0")):
        table["richness"] = bad
        table.write(path, overwrite=True)
        with pytest.raises(ValueError, match=f"'richness' of .* must hold weights .* but {cause}"):
            read_positions(path, None, "richness")
    with pytest.raises(ValueError, match="has no column 'w', only 'ra', 'dec', 'z', 'richness'"):
        read_positions(path, None, "w")


def test_no_position_at_all(tmp_path):
    (tmp_path / "t.csv").write_text("name,ra,dec\nA,,\nB,,\n")
    with pytest.raises(ValueError, match="none of its 2 rows has ra and dec"):
        read_positions(str(tmp_path / "t.csv"))


def test_sexagesimal_positions(tmp_path):
    (tmp_path / "t.csv").write_text("ra,dec\n10:00:24,+02:12:00\n10h01m00s,-00d30m00s\n")
    sky, *_ = read_positions(str(tmp_path / "t.csv"))
    np.testing.assert_allclose((sky.ra.deg, sky.dec.deg), [[150.1, 150.25], [2.2, -0.5]])


def test_cosmos_clusters(cosmos_path):
    sky, *_ = read_positions(str(cosmos_path / "cosmos_xray_clusters.txt"))
    assert len(sky) == 72
    assert (sky[0].ra.deg, sky[0].dec.deg) == (150.80244, 1.98985)
