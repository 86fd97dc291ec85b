# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap partition``: its folder, its messages and exit codes, and commands that read it."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from cli_records import validated

from lensmap import ShearCatalog
from lensmap.cli import main
from lensmap.cli.commands._demo import demo_table
from lensmap.provenance import verify

pytest.importorskip("pyarrow")
pytest.importorskip("hpgeom")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two files with the galaxies of the demonstration."""
    monkeypatch.chdir(tmp_path)
    table = demo_table()[::10]
    table["mag_i"] = np.linspace(20, 24, len(table))
    table[::2].write("a.fits")
    table[1::2].write("b.parquet")
    return table


def test_the_folder_has_all_galaxies_and_its_record(files, capsys):
    words = ["partition", "a.fits", "b.parquet", "-o", "h", "--rows", "1000", "--keep", "mag_i",
             "--where", "mag_i < 23", "--name", "demo"]
    assert main([*words, "--json", "r.json"]) == 0
    out = capsys.readouterr().out
    record = validated("r.json")
    assert f"{len(files)} rows of 2 files in {record['n_partitions']} partitions" in out
    assert "rows when it is read: mag_i < 23" in out
    assert record["n_rows"] == len(files) and record["n_partitions"] > 3
    assert record["declaration"]["convention"] == files.meta["CONVENTN"]
    assert verify("h", inputs=".").findings == []
    assert len(ShearCatalog.read("h")) == (files["mag_i"] < 23).sum()
    assert "obs_collection=demo" in Path("h/hats.properties").read_text()
    # The same command has nothing to do.
    assert main(words) == 0


def test_other_commands_read_the_folder(files, capsys):
    assert main(["partition", "a.fits", "b.parquet", "-o", "h", "--quiet"]) == 0
    files.write("whole.fits")
    words = ["--no-check", "--pixel-scale", "2arcmin", "--smoothing", "2arcmin"]
    for catalog in ("h", "whole.fits"):
        assert main(["reconstruct", catalog, "-o", f"{catalog}.k.fits", *words,
                     "--json", f"{catalog}.json"]) == 0
    records = [validated(f"{catalog}.json") for catalog in ("h", "whole.fits")]
    assert records[0]["n_galaxies"] == records[1]["n_galaxies"] == len(files)
    assert records[0]["inputs"][0]["files"] > 4
    from lensmap import ConvergenceMap

    maps = [ConvergenceMap.read(f"{catalog}.k.fits") for catalog in ("h", "whole.fits")]
    np.testing.assert_allclose(maps[0].data, maps[1].data, atol=1e-5)


def test_a_damaged_file_is_exit_code_5(files, capsys):
    Path("b.parquet").write_bytes(Path("b.parquet").read_bytes()[:-9])
    assert main(["partition", "a.fits", "b.parquet", "-o", "h", "--json", "r.json"]) == 5
    err = capsys.readouterr().err
    assert "1 of 2 files could not be read: 'b.parquet'" in err and "with overwrite" in err
    record = validated("r.json")
    assert record["status"] == "partial" and record["n_rows"] == len(files[::2])


@pytest.mark.parametrize(("words", "message"), [
    (["a.fits", "c.fits"], "there is no file 'c.fits'"),
    (["a.fits", "--keep", "nothing"], "--keep must name columns of the catalog, not 'nothing'"),
    (["a.fits", "--where", "nothing > 3"], "--where"),
    (["a.fits", "--columns", "e1=nothing"], "--columns"),
    (["a.fits", "--z-grid", "0,1,3"], "--z-grid must be None"),
])
def test_errors_name_options(words, message, files, capsys):
    assert main(["partition", *words, "-o", "h"]) in (1, 2)
    assert message in capsys.readouterr().err


def test_files_that_differ_and_folders_of_others(files, capsys):
    table = Table.read("a.fits")
    table.meta["CONVENTN"] = "iau"
    table.write("c.fits")
    assert main(["partition", "a.fits", "c.fits", "-o", "h"]) == 1
    err = capsys.readouterr().err
    assert "the catalog must have the convention" in err and "--convention" in err
    Path("properties").touch()
    assert main(["partition", "a.fits", "-o", "."]) == 1
    assert "holds 'properties'" in capsys.readouterr().err
    assert main(["check", "nowhere", "--rotations", "30"]) == 1
    assert main(["check", ".", "--rotations", "30"]) == 1
    assert "a HATS folder" in capsys.readouterr().err


def test_other_settings_are_refused_by_the_names_of_options(files, capsys):
    assert main(["partition", "a.fits", "-o", "h", "--quiet"]) == 0
    assert main(["partition", "a.fits", "-o", "h", "--rows", "500"]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert main(["partition", "a.fits", "-o", "h", "--rows", "500", "--overwrite"]) == 0
    assert json.loads(Path("h/settings.json").read_text())["settings"]["rows_per_partition"] == 500
