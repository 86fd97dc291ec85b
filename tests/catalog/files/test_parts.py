# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Parts of tables hold the rows of the whole table, whatever the format and the column."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from lensmap.catalog import open_table

N = 1000
RNG = np.random.default_rng(3)
COLUMNS = {
    "ra": RNG.uniform(0.0, 1.0, N),
    "e1": RNG.normal(0.0, 1.0, N).astype(np.float32),
    "id": np.arange(N, dtype=np.int64),
    "count": RNG.integers(0, 60_000, N).astype(np.uint16),  # scaled in FITS
    "flag": RNG.random(N) < 0.5,
    "name": np.array([f"g{i}" for i in range(N)]),
    "g": RNG.normal(0.0, 1.0, (N, 2)),
}
PARTS = [(0, 1), (0, N), (17, 400), (399, 401), (N - 3, N), (N - 3, N + 100), (5, 5)]


def write(path):
    """Write a table of all kinds of columns."""
    table = Table(COLUMNS)
    if path.name == "rows.h5":
        table["name"] = table["name"].astype("S")
        table.write(path, path="t")
    elif path.name == "group.h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, values in COLUMNS.items():
                file[f"t/{name}"] = values.astype("S") if values.dtype.kind == "U" else values
    elif path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        table.write(path)
        parquet.write_table(parquet.read_table(path), path, row_group_size=200)
    else:
        table.write(path)


@pytest.mark.parametrize("name", ["t.fits", "t.parquet", "rows.h5", "group.h5"])
def test_parts_are_slices_of_the_whole(name, tmp_path):
    write(tmp_path / name)
    with open_table(tmp_path / name) as table:
        assert table.n_rows == N
        for start, stop in PARTS:
            part = table.part(start, stop)
            part.load(COLUMNS)
            for key, values in COLUMNS.items():
                found = np.asarray(part[key])
                found = found.astype(str) if values.dtype.kind == "U" else found
                np.testing.assert_array_equal(found, values[start:stop], err_msg=f"{key} {start}")


def test_missing_values_of_a_part(tmp_path):
    pytest.importorskip("pyarrow")
    mask = np.arange(N) % 7 == 0
    table = Table({"id": np.ma.array(COLUMNS["id"], mask=mask)})
    for name in ("t.fits", "t.parquet"):
        table.write(tmp_path / name)
        with open_table(tmp_path / name) as source:
            part = source.part(100, 300)["id"]
        np.testing.assert_array_equal(part.mask, mask[100:300])
        np.testing.assert_array_equal(part[~part.mask], COLUMNS["id"][100:300][~mask[100:300]])


@pytest.mark.parametrize("name", ["t.ecsv", "t.fits.gz", "t.vot"])
def test_other_formats_are_read_as_a_whole(name, tmp_path):
    Table({"ra": COLUMNS["ra"]}).write(
        tmp_path / name, **({"format": "votable"} if name == "t.vot" else {})
    )
    with open_table(tmp_path / name) as table:
        assert table.n_rows is None
        np.testing.assert_allclose(table["ra"], COLUMNS["ra"])
        with pytest.raises(ValueError, match="can be read as a whole only"):
            table.part(0, 3)


def test_a_cut_file_is_named_when_its_part_is_read(tmp_path):
    write(tmp_path / "t.fits")
    content = (tmp_path / "t.fits").read_bytes()
    (tmp_path / "t.fits").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"cannot read '.*t\.fits' as a table"):
        with open_table(tmp_path / "t.fits") as table:
            np.asarray(table.part(900, N)["ra"])


def test_scaled_columns_of_a_part(tmp_path):
    hdu = fits.BinTableHDU.from_columns([fits.Column("e1", "I", array=np.arange(N))])
    hdu.header.update(TSCAL1=0.001, TZERO1=0.5)
    hdu.writeto(tmp_path / "t.fits")
    with open_table(tmp_path / "t.fits") as table:
        np.testing.assert_allclose(table.part(20, 50)["e1"], 0.5 + 0.001 * np.arange(20, 50))
