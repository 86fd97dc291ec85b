# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What each file records about its making, and the digests and checksums within files."""

import gzip
import hashlib
import json

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable

from lensmap.provenance import read_provenance
from lensmap.utils import (
    UNSEALED,
    ParameterError,
    add_provenance,
    creation_date,
    folder_digest,
    is_sealed,
    plain,
    provenance,
    recorded_hdf5_file,
    recording,
    run_tasks,
    seal,
    write_hdus,
    write_table,
)

RUN = {"command_line": "lensmap 'x y'", "inputs": [{"path": "é & 'z'.fits", "bytes": 3}]}
NAMES = ["t.ecsv", "t.fits", "t.fits.gz", "t.h5", "t.parquet", "t.vot"]


def need(name):
    for package, ends in (("h5py", ".h5"), ("pyarrow", ".parquet")):
        if name.endswith(ends):
            pytest.importorskip(package)


@pytest.fixture
def table():
    table = QTable({"a": [1.0, 2.0] * u.deg, "s": ["x", "yy"]}, meta={"n_positions": 2})
    table["a"].info.format = ".3f"
    return table


class TestProvenance:
    def test_without_a_run(self):
        record = provenance(results={"m": np.float32(0.5), "n": np.nan})
        assert record.keys() == {"schema", "lensmap", "date", "versions", "results"}
        assert record["results"] == {"m": 0.5, "n": None}
        assert record["versions"]["lensmap"] == record["lensmap"]
        assert record["versions"]["numpy"] == np.__version__

    def test_of_a_run(self):
        with recording(RUN):
            add_provenance(catalog={"n_galaxies": np.int64(3)})
            record = provenance()
        assert record["inputs"] == RUN["inputs"] and record["catalog"] == {"n_galaxies": 3}
        add_provenance(catalog=1)  # no run
        assert "catalog" not in provenance()

    def test_reaches_the_workers(self):
        with recording(RUN):
            lines = [outcome.value for outcome in run_tasks(_command_line, "", [1], workers=2)]
        assert lines == [RUN["command_line"]]

    def test_date(self, monkeypatch):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        assert provenance()["date"] == "2023-11-14T22:13:20+00:00"
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "today")
        with pytest.raises(ParameterError, match="SOURCE_DATE_EPOCH must be a number of seconds"):
            creation_date()

    def test_plain_values_keep_units(self):
        assert plain({"a": 2 * u.deg, "b": np.arange(2)}) == {"a": "2.0 deg", "b": [0, 1]}


def _command_line(shared, item):
    return provenance().get("command_line")


class TestTables:
    @pytest.mark.parametrize("name", NAMES)
    def test_record_and_values(self, name, table, tmp_path):
        need(name)
        with recording(RUN):
            write_table(table, tmp_path / name, results={"m": [1.5]})
        record = read_provenance(tmp_path / name)
        assert record["inputs"] == RUN["inputs"] and record["results"] == {"m": [1.5]}
        assert record["command_line"] == RUN["command_line"]
        assert table.meta == {"n_positions": 2}
        read = QTable.read(tmp_path / name)
        np.testing.assert_array_equal(u.Quantity(read["a"], u.deg).value, [1, 2])
        assert [*map(str, read["s"])] == ["x", "yy"]

    @pytest.mark.parametrize("name", NAMES)
    def test_the_same_bits_on_the_same_date(self, name, table, tmp_path, monkeypatch):
        need(name)
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        digests = set()
        for epoch in (1e9, 2e9):  # what gzip would write
            monkeypatch.setattr("time.time", lambda epoch=epoch: epoch)
            write_table(table, tmp_path / name)
            digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
        assert len(digests) == 1

    def test_csv_has_no_place(self, table, tmp_path):
        write_table(table, tmp_path / "t.csv")
        assert (tmp_path / "t.csv").read_text() == "a,s\n1.0,x\n2.0,yy\n"
        assert read_provenance(tmp_path / "t.csv") == {}

    def test_a_table_that_is_written_again(self, table, tmp_path):
        for run, name in ((RUN, "a.fits"), ({"command_line": "lensmap y"}, "b.fits")):
            with recording(run):
                write_table(table, tmp_path / name)
            table = QTable.read(tmp_path / name)
        assert read_provenance(tmp_path / "b.fits")["command_line"] == "lensmap y"
        with fits.open(tmp_path / "b.fits") as hdus:
            assert all(hdu.verify_checksum() == 1 for hdu in hdus)


@pytest.mark.parametrize("name", ["x.fits", "x.fits.gz"])
def test_fits_images(name, tmp_path):
    image = fits.ImageHDU(np.ones((3, 4)), name="A")
    with recording(RUN):
        write_hdus([fits.PrimaryHDU(np.arange(12.0).reshape(3, 4)), image], tmp_path / name)
    with fits.open(tmp_path / name) as hdus:
        hdus.verify("exception")
        # astropy's own test of the checksums
        assert all(hdu.verify_checksum() == hdu.verify_datasum() == 1 for hdu in hdus)
        assert hdus[0].header["CREATOR"].startswith("lensmap ") and "DATE" in hdus[0].header
        assert json.loads(hdus[0].header["LMPROV"])["inputs"] == RUN["inputs"]
    if name.endswith(".gz"):
        assert (tmp_path / name).read_bytes()[3:8] == bytes(5)  # no name, no date
        assert gzip.open(tmp_path / name).read(6) == b"SIMPLE"


class TestSeal:
    def test_of_text(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_text(f"some {UNSEALED} words")
        expected = hashlib.sha256(path.read_bytes()).hexdigest()
        seal(path)
        assert path.read_text() == f"some lensmap-sha256:{expected} words"
        assert is_sealed(path) is True

    def test_any_byte_counts(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_text(f"some {UNSEALED} words")
        seal(path)
        content = path.read_bytes()
        for i in range(len(content)):
            path.write_bytes(content[:i] + bytes([content[i] ^ 1]) + content[i + 1:])
            assert not is_sealed(path)
        for changed in (content[:-1], content + b" "):
            path.write_bytes(changed)
            assert is_sealed(path) is False

    @pytest.mark.parametrize("content", [b"", b"some words"])
    def test_without_a_place(self, content, tmp_path):
        path = tmp_path / "a.txt"
        path.write_bytes(content)
        seal(path)
        assert path.read_bytes() == content and is_sealed(path) is None

    def test_of_hdf5(self, tmp_path):
        pytest.importorskip("h5py")
        with recorded_hdf5_file(tmp_path / "a.h5") as file:
            file["a"] = np.arange(1000)
        assert is_sealed(tmp_path / "a.h5") is True


def test_folder_digest(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("12")
    first = folder_digest(tmp_path)
    assert (first["files"], first["bytes"]) == (1, 2)
    for name in (".lock", "run.json"):
        (tmp_path / name).write_text("3")
    assert folder_digest(tmp_path) == first
    (tmp_path / "a" / "x").write_text("21")
    assert folder_digest(tmp_path)["sha256"] != first["sha256"]
    (tmp_path / "a" / "x").write_text("12")
    (tmp_path / "a").rename(tmp_path / "b")
    assert folder_digest(tmp_path)["sha256"] != first["sha256"]
