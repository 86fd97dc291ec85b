# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Bad input of ``lensmap survey`` and ``partition``: one clear line, and nothing is left behind."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from small_survey import galaxies, write_survey

from lensmap.catalog import HatsCatalog
from lensmap.cli import main

for _package in ("ducc0", "healsparse", "pyarrow"):
    pytest.importorskip(_package)

TILES = ["--tile-order", "5", "--margin", "0.8deg", "--no-large-scales", "--workers", "1"]
WORDS = ["--smoothing", "8arcmin", "--pixel-scale", "4arcmin", "--nside", "512", *TILES]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder of good and bad inputs."""
    folder = tmp_path_factory.mktemp("bad")
    columns = galaxies(side=1.2, density=0.1)
    write_survey(folder / "hats", columns)
    write_survey(folder / "elsewhere", galaxies(center=(80.0, -20.0), side=1.2, density=0.1))
    table = Table(columns, meta={"CONVENTN": "celestial", "KIND": "shear"})
    table.write(folder / "a.fits")
    table.write(folder / "b.parquet")
    weighted = table.copy()
    weighted["weight"] = 1.0
    weighted.write(folder / "weighted.fits")
    (folder / "cut.parquet").write_bytes((folder / "b.parquet").read_bytes()[:-9])
    (folder / "empty.fits").touch()
    table[:0].write(folder / "norows.fits")
    nowhere = table.copy()
    nowhere["ra"] = np.nan
    nowhere.write(folder / "nowhere.fits")
    (folder / "nothing").mkdir()
    (folder / "file.txt").write_text("x")
    (folder / "far.reg").write_text("icrs\ncircle(200,-30,0.1)\n")
    return folder


@pytest.fixture
def error(inputs, tmp_path, monkeypatch, capsys):
    """Return the exit code and the only error of a command, and what it leaves in the folder."""
    for path in inputs.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)

    def run(*words):
        before = {path.name for path in tmp_path.iterdir()}
        code = main([*words])
        lines = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
        assert len(lines) == (code != 0)
        left = {path.name for path in tmp_path.iterdir()} - before
        return code, lines[0] if lines else "", left

    return run


BAD = {
    "nside": (["hats", *WORDS, "--nside", "1000"], "--nside must be a power of 2"),
    "coarse": (["hats", *WORDS, "--nside", "64"], "--nside must be at least 128"),
    "hips": (["hats", *WORDS, "--products", "hips", "--nside", "256"], "at least 512 for a HiPS"),
    "margin": (["hats", *WORDS, "--margin", "5deg"], "--margin must be smaller than a tile"),
    "pixels": (["hats", *WORDS, "--pixel-scale", "3deg"], "--pixel-scale must be at most 12 arcmi"),
    "fine": (["hats", *WORDS, "--pixel-scale", "1e-9arcsec"], "--pixel-scale must be at least"),
    "where": (["hats", *WORDS, "--where", "redshift > 50"], "no row fulfills the condition"),
    "column": (["hats", *WORDS, "--where", "size > 50"], "there is no column 'size'"),
    "also": (["hats", *WORDS, "--also-map", "e1,e2"], "--also-map must name columns other than"),
    "differ": (["a.fits", "weighted.fits", *WORDS], "the catalog must have the same columns"),
    "twice": (["a.fits", "./a.fits", *WORDS], "must have each file once, not"),
    "damaged": (["cut.parquet", *WORDS], "cannot read '.*cut.parquet' as a table"),
    "empty": (["empty.fits", *WORDS], "cannot read '.*empty.fits' as a table"),
    "no rows": (["norows.fits", *WORDS], "must have galaxies with a position, not no row"),
    "nowhere": (["nowhere.fits", *WORDS], "must have galaxies with a position, not 518 rows"),
    "no galaxies": (["nothing", *WORDS], "the catalog must be a HATS folder, .* it holds none"),
    "missing": (["none.fits", *WORDS], "the catalog: there is no file"),
    "mask": (["hats", *WORDS, "--mask", "none.reg"], "--mask: there is no file 'none.reg'"),
    "dask": (["hats", *WORDS, "--dask", "nonsense"], "no dask scheduler answers at 'nonsense'"),
}


@pytest.mark.parametrize("words, message", BAD.values(), ids=BAD)
def test_survey(error, words, message):
    code, line, left = error("survey", *words, "-o", "map")
    assert code == 1 and re.search(message, line), line
    # The partitions of good files are kept for the next call.
    assert left in (set(), {"map"})
    if left:
        assert {path.name for path in Path("map").iterdir()} == {"catalog"}


PARTITION = {
    "differ": (["a.fits", "weighted.fits"], "the catalog must have the same columns"),
    "damaged": (["cut.parquet"], "cannot read 'cut.parquet'"),
    "empty": (["empty.fits"], "cannot read 'empty.fits'"),
    "no rows": (["norows.fits"], "galaxies with a position, not no row"),
    "no galaxies": (["nothing"], "the catalog must be a HATS folder"),
    "column": (["a.fits", "--columns", "ra=size"], "--columns must name columns"),
    "keep": (["a.fits", "--keep", "size"], "--keep must name columns"),
    "hdu": (["a.fits", "--hdu", "7"], "--hdu must be the number or name"),
}


@pytest.mark.parametrize("words, message", PARTITION.values(), ids=PARTITION)
def test_partition_leaves_nothing_and_the_same_folder_is_good_for_the_next_call(
    error, words, message
):
    code, line, left = error("partition", *words, "-o", "new")
    assert code == 1 and message in line and left == set()
    assert error("partition", "a.fits", "-o", "new")[0] == 0
    assert len(HatsCatalog("new")) == 518


def test_a_corrected_call_begins_again(error):
    code, _, left = error("survey", "a.fits", "-o", "map", *WORDS, "--also-map", "e1,e2")
    assert code == 1 and left == {"map"}
    assert error("survey", "a.fits", "-o", "map", *WORDS)[0] == 0


def test_another_survey_is_no_update(error):
    assert error("survey", "hats", "-o", "map", *WORDS)[0] == 0
    code, line, _ = error("survey", "elsewhere", "-o", "map", *WORDS, "--update")
    assert code == 1 and "one of another part of the sky: use another folder" in line
    assert error("survey", "hats", "-o", "map", *WORDS)[0] == 0


def test_places_of_the_map(error):
    code, line, _ = error("survey", "hats", "-o", "file.txt", *WORDS)
    assert code == 1 and "'file.txt' is a file, not a directory" in line
    if os.getuid() != 0:  # who may write everywhere
        Path("locked").mkdir(mode=0o555)
        code, line, _ = error("survey", "hats", "-o", "locked/map", *WORDS)
        assert code == 1 and "locked" in line


def test_only_a_region_without_galaxies_keeps_the_plan(error):
    code, line, left = error("survey", "hats", "-o", "map", *WORDS, "--only", "far.reg")
    assert code == 1 and "--only must be a region with galaxies" in line and left == {"map"}
    assert error("survey", "hats", "-o", "map", *WORDS)[0] == 0
