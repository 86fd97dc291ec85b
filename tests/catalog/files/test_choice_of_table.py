# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files with several tables: FITS extensions, LDAC, groups of HDF5, and VOTables."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from catalogs import read_shear_catalog, shear_catalog
from table_writers import write_hdf5_rows

from lensmap.utils import CatalogWarning, ParameterError

N = 50
RNG = np.random.default_rng(7)
TRUTH = {
    "ra": 30.0 + RNG.uniform(0.0, 0.3, N),
    "dec": RNG.uniform(0.0, 0.3, N),
    "e1": RNG.normal(0.0, 0.2, N),
    "e2": RNG.normal(0.0, 0.2, N),
}
OTHER = {name: values + 0.01 for name, values in TRUTH.items()}


def assert_true(catalog, truth=TRUTH):
    for name, values in truth.items():
        np.testing.assert_array_equal(catalog[name], values)


def write_extensions(path, tables):
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 3)), name="IMAGE")]
    for name, columns in tables.items():
        hdus.append(fits.BinTableHDU(Table(columns), name=name))
    fits.HDUList(hdus).writeto(path)


def write_groups(path, tables):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for group, columns in tables.items():
            for name, values in columns.items():
                file[f"{group}/{name}"] = values


def write_votables(path, tables):
    from astropy.io.votable.tree import Resource, TableElement, VOTableFile

    file = VOTableFile()
    resource = Resource()
    file.resources.append(resource)
    for name, columns in tables.items():
        one = TableElement.from_table(file, Table(columns))
        one.ID = one.name = name
        resource.tables.append(one)
    file.to_xml(str(path))


KINDS = pytest.mark.parametrize(
    ("write", "name", "option"),
    [
        (write_extensions, "cat.fits", "hdu"),
        (write_groups, "cat.h5", "path"),
        (write_votables, "cat.vot", "path"),
    ],
)


@KINDS
def test_the_only_table_with_the_columns(tmp_path, write, name, option):
    """Wherever it stands; also by the columns that the user names."""
    tables = {"fields": {"a": [1.0]}, "shear": TRUTH, "stars": {"ra": [1.0], "mag": [20.0]}}
    write(tmp_path / name, tables)
    assert_true(read_shear_catalog(tmp_path / name))
    renamed = {f"x{name}": values for name, values in TRUTH.items()}
    (tmp_path / name).unlink()
    write(tmp_path / name, tables | {"shear": renamed})
    assert_true(read_shear_catalog(tmp_path / name, columns={name: f"x{name}" for name in TRUTH}))


@KINDS
def test_two_tables_with_the_columns(tmp_path, write, name, option):
    write(tmp_path / name, {"first": TRUTH, "second": OTHER})
    with pytest.raises(ParameterError, match="(?i)2 tables .*first.*second.*; give, for") as caught:
        read_shear_catalog(tmp_path / name)
    assert caught.value.parameter == option
    assert_true(read_shear_catalog(tmp_path / name, **{option: "second"}), OTHER)


@KINDS
def test_no_table_with_the_columns(tmp_path, write, name, option):
    many = {f"t{i}": {f"col{j}": [1.0] for j in range(60)} for i in range(9)}
    write(tmp_path / name, many)
    with pytest.raises(ParameterError, match="among the 9 of .*col.* and 48 more.*; and 3 more ta"):
        read_shear_catalog(tmp_path / name)


@KINDS
def test_table_that_is_not_there(tmp_path, write, name, option):
    write(tmp_path / name, {"first": TRUTH, "second": OTHER})
    with pytest.raises(ParameterError, match="(?i)not 'third'.*: the file has .*first.*second"):
        read_shear_catalog(tmp_path / name, **{option: "third"})


def test_option_of_another_format(tmp_path):
    write_extensions(tmp_path / "cat.fits", {"shear": TRUTH})
    with pytest.raises(ParameterError, match="path must name a table in a HDF5 file or a VOTable"):
        read_shear_catalog(tmp_path / "cat.fits", path="shear")
    Table(TRUTH).write(tmp_path / "cat.csv")
    with pytest.raises(ParameterError, match="hdu must name a table in a FITS file"):
        read_shear_catalog(tmp_path / "cat.csv", hdu=1)


def test_ldac(tmp_path):
    """KiDS distributes FITS files of the LDAC tools: a table of the fields, and one of objects."""
    lensfit = {"ALPHA_J2000": TRUTH["ra"], "DELTA_J2000": TRUTH["dec"], "e1": TRUTH["e1"],
               "e2": TRUTH["e2"], "weight": np.ones(N), "Z_B": np.full(N, 0.7)}
    write_extensions(
        tmp_path / "KiDS.cat",
        {"FIELDS": {"FITSFILE": ["a.fits"], "SeqNr": [1]}, "OBJECTS": lensfit},
    )
    catalog = read_shear_catalog(tmp_path / "KiDS.cat", convention="euclidean")
    np.testing.assert_array_equal(catalog.ra, TRUTH["ra"])
    np.testing.assert_array_equal(catalog["redshift"], 0.7)


def test_one_of_several_extensions_with_the_same_name(tmp_path):
    path = tmp_path / "cat.fits"
    tables = [fits.BinTableHDU(Table(columns), name="SHEAR", ver=version)
              for version, columns in ((1, OTHER), (2, TRUTH))]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path)
    assert_true(read_shear_catalog(path, hdu="SHEAR,2"))
    assert_true(read_shear_catalog(path, hdu="shear,1"), OTHER)
    with pytest.raises(ParameterError, match="one table in .*, not 'SHEAR': the file has HDU 1"):
        read_shear_catalog(path, hdu="SHEAR")


@pytest.mark.parametrize("hdu", [2, "SHEAR", "shear"])
def test_number_and_name_of_an_extension(tmp_path, hdu):
    write_extensions(tmp_path / "cat.fits", {"shear": TRUTH, "other": OTHER})
    assert_true(read_shear_catalog(tmp_path / "cat.fits", hdu=hdu))
    for wrong in (1, 0, 9, "IMAGE"):
        words = f"hdu must be .*, not {wrong!r}: the file has HDU 2 "
        with pytest.raises(ParameterError, match=words):
            read_shear_catalog(tmp_path / "cat.fits", hdu=wrong)


def test_images_only(tmp_path):
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "image.fits")
    with pytest.raises(ValueError, match="cannot read .*image.fits' as a table: it holds no table"):
        read_shear_catalog(tmp_path / "image.fits")


# --- HDF5 ------------------------------------------------------------------------------------


def test_columns_from_several_groups(tmp_path):
    """Positions in one group and shapes in another, of the same rows, as in DES Y3's file."""
    write_groups(
        tmp_path / "y3.h5",
        {
            "catalog/gold": {name: TRUTH[name] for name in ("ra", "dec")},
            "catalog/unsheared": {name: TRUTH[name] for name in ("e1", "e2")},
            "catalog/index": {"rows": np.arange(7)},
        },
    )
    names = {"ra": "gold/ra", "dec": "gold/dec", "e1": "unsheared/e1", "e2": "unsheared/e2"}
    assert_true(read_shear_catalog(tmp_path / "y3.h5", columns=names, path="catalog"))


def test_lengths_that_differ(tmp_path):
    write_groups(tmp_path / "cat.h5", {"shear": TRUTH | {"e1": TRUTH["e1"][:-1], "z": [1.0]}})
    with pytest.raises(ValueError, match="number of rows, but ra has 50, dec has 50, e1 h"):
        read_shear_catalog(tmp_path / "cat.h5")


def test_a_dataset_that_is_no_table(tmp_path):
    write_groups(tmp_path / "cat.h5", {"shear": TRUTH})
    words = "not 'shear/ra', which is one column: the file has .shear"
    with pytest.raises(ParameterError, match=words):
        read_shear_catalog(tmp_path / "cat.h5", path="shear/ra")


def test_many_datasets(tmp_path):
    write_groups(tmp_path / "cat.h5", {f"group{i}": {"ra": [1.0]} for i in range(300)})
    for options in ({}, {"path": "elsewhere"}):
        with pytest.raises(ParameterError, match="more") as caught:
            read_shear_catalog(tmp_path / "cat.h5", **options)
        assert len(str(caught.value)) < 1500


def test_groups_and_rows_in_one_file(tmp_path):
    path = tmp_path / "cat.h5"
    pytest.importorskip("h5py")
    write_hdf5_rows(path, TRUTH)
    import h5py

    with h5py.File(path, "a") as file:
        file["other/ra"] = [1.0]
    assert_true(read_shear_catalog(path))
    assert_true(read_shear_catalog(path, path="deep/below/rows"))
    assert_true(read_shear_catalog(path, path="deep"))


# --- text ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    ["comma", "semicolon", "tab", "bar", "blanks", "commented", "sextractor", "crlf", "cr",
     "bom", "utf16", "spaced names", "quoted names"],
)
@pytest.mark.parametrize("suffix", ["csv", "txt", "dat", "cat"])
def test_text_as_people_write_it(tmp_path, form, suffix):
    rows = [[repr(float(value)) for value in row] for row in zip(*TRUTH.values(), strict=True)]
    sep = {"semicolon": ";", "tab": "\t", "bar": "|", "blanks": "  ", "commented": " ",
           "sextractor": " "}.get(form, ",")
    lines = [sep.join(row) for row in rows]
    header = {
        "commented": "# made by hand\n# ra  dec e1 e2",
        "sextractor": "# 1 ra  Right ascension [deg]\n# 2 dec  Declination [deg]\n# 3 e1\n# 4 e2",
        "spaced names": " ra , dec,e1 ,  e2",
        "quoted names": '"ra","dec","e1","e2"',
    }.get(form, sep.join(TRUTH))
    end = {"crlf": "\r\n", "cr": "\r"}.get(form, "\n")
    text = end.join([*header.split("\n"), *lines]) + end
    encoding = {"bom": "utf-8-sig", "utf16": "utf-16"}.get(form, "utf-8")
    path = tmp_path / f"cat.{suffix}"
    path.write_bytes(text.encode(encoding))
    assert_true(read_shear_catalog(path))


def test_names_that_repeat(tmp_path):
    (tmp_path / "a.csv").write_text("ra,dec,e1,e2,z,z\n1,2,0.1,0,3,4\n")
    with pytest.raises(ValueError, match="a.csv' has 2 columns of the name 'z'"):
        read_shear_catalog(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("ra,dec,e1,e2,x,x\n1,2,0.1,0,3,4\n")
    assert len(read_shear_catalog(tmp_path / "b.csv")) == 1


def test_text_without_names(tmp_path):
    (tmp_path / "a.txt").write_text("# some catalog\n1 2 0.1 0.2\n")
    words = "a.txt' as a table: no line of the file names the columns"
    with pytest.raises(ValueError, match=words):
        read_shear_catalog(tmp_path / "a.txt")


def test_words_beyond_ascii(tmp_path):
    text = "ra,dec,e1,e2,name\n1,2,0.1,0,Zwicky \u2603 \\x41\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    catalog = read_shear_catalog(tmp_path / "a.csv", extra_columns="name")
    assert catalog["name"].tolist() == ["Zwicky \u2603 \\x41"]


def test_a_table_within_memory(tmp_path):
    """Tables in memory have the same kinds of columns."""
    vectors = np.stack([TRUTH["e1"], TRUTH["e2"]], axis=1)
    table = Table({"ra": TRUTH["ra"], "dec": TRUTH["dec"], "g": vectors})
    assert_true(shear_catalog(table, {"e1": "g[0]", "e2": "g[1]"}))
    assert_true(shear_catalog(Table({name: values[np.newaxis] for name, values in TRUTH.items()})))


# --- HDF5 files that refer to other files -------------------------------------------------------


def _external_link(file, h5py, folder):
    with h5py.File(folder / "other.hdf5", "w") as other:
        other["x"] = TRUTH["e1"]
    file["e1"] = h5py.ExternalLink("other.hdf5", "x")


def _virtual_dataset(file, h5py, folder):
    _external_link({}, h5py, folder)
    layout = h5py.VirtualLayout((N,), float)
    layout[...] = h5py.VirtualSource(str(folder / "other.hdf5"), "x", (N,), float)
    file.create_virtual_dataset("e1", layout)


def _external_storage(file, h5py, folder):
    TRUTH["e1"].tofile(folder / "other.hdf5")
    file.create_dataset("e1", (N,), float, external=[(str(folder / "other.hdf5"), 0, 8 * N)])


@pytest.mark.parametrize("make", [_external_link, _virtual_dataset, _external_storage])
def test_columns_in_other_files(tmp_path, make):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "cat.hdf5"
    with h5py.File(path, "w") as file:
        for name in ("ra", "dec", "e2"):
            file[name] = TRUTH[name]
        make(file, h5py, tmp_path)
    with pytest.warns(CatalogWarning, match="takes columns from other files, .*other.hdf5"):
        assert_true(read_shear_catalog(path))
    (tmp_path / "other.hdf5").unlink()
    # Of a virtual dataset without its file, HDF5 would return zeros.
    with pytest.raises(ValueError, match="which does not exist|'e1'"):
        read_shear_catalog(path)


def test_a_column_that_claims_more_than_the_memory(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "cat.hdf5", "w") as file:
        for name in ("ra", "dec", "e1", "e2"):
            file.create_dataset(name, (2**40,), float, chunks=(1024,))
    with pytest.raises(MemoryError, match="columns of .*cat.hdf5"):
        read_shear_catalog(tmp_path / "cat.hdf5")
