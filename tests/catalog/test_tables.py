# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files of every format, columns with units, byte orders and masks, and what meta declares."""

import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.utils.masked import Masked
from catalogs import read_shear_catalog, shear_catalog

from lensmap.catalog import read_table
from lensmap.utils import CatalogWarning

COLUMNS = {
    "ra": [149.5, 150.25, 151.0],
    "dec": [2.0, 2.25, -2.5],
    "e1": [0.125, -0.25, 0.5],
    "e2": [0.0, 0.0625, -0.5],
    "weight": [1.0, 2.0, 0.5],
}
FORMATS = {
    "cat.fits": {},
    "cat.fits.gz": {},
    "cat.ecsv": {},
    "cat.csv": {},
    "cat.parquet": {},
    "cat.hdf5": {"path": "shear"},
    "cat.h5": {"path": "shear"},
    "cat.txt": {"format": "ascii"},
}


def _require_reader(name):
    if "parquet" in name:
        pytest.importorskip("pyarrow")
        pytest.importorskip("pandas")
    if "cat.h" in name:
        pytest.importorskip("h5py")


def assert_is_ours(catalog):
    for name, values in COLUMNS.items():
        np.testing.assert_array_equal(catalog[name], values)
        assert catalog[name].dtype.isnative and catalog[name].dtype.kind == "f"


@pytest.mark.parametrize("name", FORMATS)
def test_formats(tmp_path, name):
    _require_reader(name)
    Table(COLUMNS).write(tmp_path / name, **FORMATS[name])
    for path in (tmp_path / name, str(tmp_path / name)):
        assert_is_ours(read_shear_catalog(path, **FORMATS[name]))


def test_a_file_from_elsewhere(tmp_path):
    """The second table of a FITS file, survey names, a declaration, further columns."""
    table = Table({"RAJ2000": [1.0], "DECJ2000": [2.0], "e1": [0.1], "e2": [0.2], "MAG": [24.0]})
    hdus = [fits.PrimaryHDU(), fits.table_to_hdu(Table({"a": [1]})), fits.table_to_hdu(table)]
    hdus[2].name = "SHEAR"
    fits.HDUList(hdus).writeto(tmp_path / "cat.fits")
    for hdu in (2, "SHEAR"):
        catalog = read_shear_catalog(
            tmp_path / "cat.fits", None, "euclidean", hdu=hdu, extra_columns=["MAG"], frame="fk5"
        )
        assert (catalog.preset, catalog.frame, catalog.e2[0]) == ("kids", "fk5", -0.2)
        assert catalog["MAG"].tolist() == [24.0]


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file '.*nowhere.fits'"):
        read_shear_catalog(tmp_path / "nowhere.fits")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cat.fits", "", ""),
        ("cat.fits", "no FITS", ""),
        ("cat.ecsv", "no ECSV", ""),
        ("cat.parquet", "no parquet", ""),
        ("cat.hdf5", "no HDF5", ""),
        ("cat.xyz", "ra dec e1 e2", "do not determine its format, or the file is damaged"),
    ],
)
def test_unreadable(tmp_path, name, content, words):
    _require_reader(name)
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError) as caught:
        read_table(path)
    message = str(caught.value)
    assert message.startswith(f"cannot read {str(path)!r} as a table: ") and words in message
    assert "\n" not in message


def test_package_that_is_missing(tmp_path, monkeypatch):
    (tmp_path / "cat.parquet").write_bytes(b"PAR1")
    for name in ("pandas", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)  # None there means: not to be had
    with pytest.raises(ImportError, match="cannot read '.*cat.parquet': .*pip install .lensmap.io"):
        read_table(tmp_path / "cat.parquet")


def test_a_directory(tmp_path):
    with pytest.raises((IsADirectoryError, ValueError), match=tmp_path.name):
        read_table(tmp_path)


# --- columns ---------------------------------------------------------------------------------


@pytest.mark.parametrize("table_class", [Table, QTable])
@pytest.mark.parametrize("unit", [u.deg, u.rad, u.arcsec, u.hourangle])
def test_positions_in_other_units(table_class, unit):
    factor = (1 * u.deg).to_value(unit)
    table = table_class(COLUMNS)
    for name in ("ra", "dec"):
        table[name] = table[name] * factor
        table[name].unit = unit
    table = table_class(table)
    catalog = shear_catalog(table)
    np.testing.assert_allclose(catalog.ra, COLUMNS["ra"], rtol=1e-14)
    np.testing.assert_allclose(catalog.dec, COLUMNS["dec"], rtol=1e-14)


def test_numbers_in_percent():
    catalog = shear_catalog(Table(COLUMNS | {"e1": [12.5, -25, 50] * u.percent}))
    np.testing.assert_allclose(catalog.e1, COLUMNS["e1"])


@pytest.mark.parametrize(
    ("name", "unit", "allowed"),
    [
        ("ra", "Jy", "have a unit of angle, such as deg"),
        ("dec", "pix", "have a unit of angle, such as deg"),
        ("e1", "deg", "be dimensionless"),
        ("weight", "Mpc", "be dimensionless"),
    ],
)
@pytest.mark.parametrize("table_class", [Table, QTable])
def test_wrong_unit(table_class, name, unit, allowed):
    table = Table(COLUMNS)
    table[name].unit = unit
    words = f"column '{name}' .for '{name}'. has the unit '{unit}', but {name} must {allowed}"
    with pytest.raises(ValueError, match=words):
        shear_catalog(table_class(table))


def test_unit_that_astropy_does_not_know(tmp_path):
    table = Table(COLUMNS)
    table["ra"].unit = u.Unit("gradians", parse_strict="silent")
    words = "'gradians', but ra must have a unit of angle.* units=.'ra': 'deg'"
    with pytest.raises(ValueError, match=words):
        shear_catalog(table)
    table["ra"].unit = u.deg
    assert_is_ours(shear_catalog(table))


@pytest.mark.parametrize("dtype", [">f8", "<f8", ">f4", "f4", "f2", ">i4", "i2", "u1"])
def test_types_of_numbers(dtype):
    numbers = {
        "ra": np.array([10, 20], dtype=dtype),
        "dec": np.array([1, 2], dtype=dtype),
        "e1": np.array([0, 1], dtype=dtype),
        "e2": np.array([1, 0], dtype=dtype),
    }
    catalog = shear_catalog(Table(numbers), convention="iau", kind="shear")
    assert catalog.ra.tolist() == [10, 20] and catalog.e1.tolist() == [0, -1]
    assert catalog.ra.dtype == catalog.dec.dtype == float  # single degrees are arcseconds off
    assert catalog.e1.dtype.isnative and catalog.e1.dtype.kind == "f"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((3, 2)), "one number per row for 'e1', not the column 'e1' with 2 numbers"),
        (np.zeros((3, 2, 2)), "one number per row, but it is 3-dimensional"),
        ([True, False, True], "of type bool"),
        ([1j, 2, 3], "of type complex"),
        (np.array([1, True, 2], dtype=object), "it holds True"),
        (np.array([1, [3, 4], 2], dtype=object), "in row 2, .* is not a number"),
    ],
)
def test_columns_without_numbers(values, words):
    with pytest.raises((TypeError, ValueError), match=words):
        shear_catalog(Table(COLUMNS | {"e1": values}))


def test_objects_that_are_numbers():
    with pytest.warns(CatalogWarning, match="1 of 3 .*: 1 e1 not finite"):
        catalog = shear_catalog(Table(COLUMNS | {"e1": np.array([1, None, 0.5], dtype=object)}))
    assert catalog.e1.tolist() == [1.0, 0.5]


def test_masked_quantities():
    table = QTable(COLUMNS)
    table["ra"] = Masked(COLUMNS["ra"] * u.deg, mask=[False, True, False])
    with pytest.warns(CatalogWarning, match="1 of 3 .*: 1 ra not finite"):
        catalog = shear_catalog(table)
    assert type(catalog.ra) is np.ndarray and catalog.ra.tolist() == [149.5, 151.0]


def test_missing_values_in_files(tmp_path):
    """A blank in a CSV file, a null in a FITS integer column, NaN in a FITS float column."""
    (tmp_path / "cat.csv").write_text("ra,dec,e1,e2\n1,2,,0\n1,2,0.1,0\n")
    with pytest.warns(CatalogWarning, match="1 of 2 .*: 1 e1 not finite"):
        assert len(read_shear_catalog(tmp_path / "cat.csv")) == 1
    columns = [
        fits.Column("ra", "D", array=np.array([1.0, np.nan, 3.0])),
        fits.Column("dec", "D", array=np.array([1.0, 2.0, 3.0])),
        fits.Column("e1", "E", array=np.zeros(3)),
        fits.Column("e2", "E", array=np.zeros(3)),
        fits.Column("weight", "J", null=-1, array=np.array([1, 1, -1])),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "cat.fits")
    with pytest.warns(CatalogWarning, match="2 of 3 .*: 1 ra not finite, 1 weight not finite"):
        catalog = read_shear_catalog(tmp_path / "cat.fits")
    assert catalog.ra.tolist() == [1.0]


def test_memory_is_shared_where_it_can_be():
    table = Table(COLUMNS)
    catalog = shear_catalog(table, convention="euclidean", kind="shear")
    for name in ("ra", "dec", "e1", "weight"):
        assert np.shares_memory(catalog[name], table[name])
    assert not np.shares_memory(catalog.e2, table["e2"])  # its sign is another
