# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap survey``: its map, its folder, its plan, its messages and its exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from cli_records import validated
from small_survey import galaxies, write_survey

from lensmap import KaiserSquires
from lensmap.cli import main
from lensmap.maps import HealpixMap
from lensmap.provenance import verify
from lensmap.survey import SurveyMap, map_survey

for _package in ("ducc0", "healsparse", "pyarrow"):
    pytest.importorskip(_package)

TILES = ["--tile-order", "5", "--margin", "0.8deg", "--no-large-scales", "--workers", "1"]
WORDS = ["--smoothing", "8arcmin", "--pixel-scale", "4arcmin", "--nside", "512", *TILES]
OPTIONS = {
    "pixel_scale": 4 * u.arcmin, "nside": 512, "tile_order": 5, "margin": 0.8 * u.deg,
    "large_scales": False, "workers": 1,
}
KS = KaiserSquires(smoothing=8 * u.arcmin)


@pytest.fixture(scope="module")
def columns():
    return galaxies(side=1.6, density=0.5)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, columns):
    """A folder with a HATS folder, the same galaxies as files, and the map of a command."""
    folder = tmp_path_factory.mktemp("survey")
    write_survey(folder / "hats", columns)
    table = Table(columns, meta={"CONVENTN": "celestial", "KIND": "shear"})
    table[::2].write(folder / "a.fits")
    table[1::2].write(folder / "b.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["survey", "hats", "-o", "map", *WORDS, "--also-map", "psf_e1,psf_e2"]
        assert main([*words, "--products", "fits,hips,moc", "--json", "map.json"]) == 0
    return folder


@pytest.fixture
def work(inputs, tmp_path, monkeypatch):
    """A folder to work in, with links to the inputs."""
    for name in ("hats", "a.fits", "b.parquet", "map", "map.json"):
        (tmp_path / name).symlink_to(inputs / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_map_is_that_of_python(work):
    survey = map_survey("hats", KS, "python", also_map="psf_e1,psf_e2", **OPTIONS)
    found, expected = SurveyMap("map").to_map(), survey.to_map()
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.data, expected.data)
    assert SurveyMap("map").settings["parameters"] == survey.settings["parameters"]


def test_the_record_and_the_folder(work):
    record = validated("map.json")
    assert record["n_done"] == record["n_tiles"] == record["n_requested"] > 1
    assert record["n_failed"] == 0 and not record["dry_run"]
    assert record["n_mapped_galaxies"] == record["n_galaxies"] == 4608
    assert record["area_deg2"] == pytest.approx(2.56, rel=0.35)
    assert record["density_per_arcmin2"] == pytest.approx(0.5, rel=0.15)
    assert record["declaration"]["convention_from"] == "file"
    assert record["files"] == [
        "kappa.hsp", "kappa_b.hsp", "counts.hsp", "footprint.hsp", "quality.hsp", "maps.fits",
        "hips", "moc.fits", "tiles.ecsv",
    ]
    assert verify("map").findings == []
    assert json.loads(Path("map/run.json").read_text())["n_done"] == record["n_done"]


def test_the_products_hold_the_map(work):
    from mocpy import MOC

    whole = SurveyMap("map").to_map()
    table = HealpixMap.read("map/maps.fits")
    np.testing.assert_allclose(table.data[~table.mask], whole.data[~whole.mask])
    assert "PSF_E" in Table.read("map/maps.fits", hdu=1).colnames
    lon, lat = whole.pixels.centers(whole.index)
    covered = MOC.from_fits("map/moc.fits").contains_lonlat(lon * u.deg, lat * u.deg)
    np.testing.assert_array_equal(covered, ~whole.mask)
    assert "obs_title" in Path("map/hips/properties").read_text()


def test_the_table_of_tiles(work):
    table = Table.read("map/tiles.ecsv")
    assert table["n_galaxies"].sum() == 4608
    assert set(table["error"].filled("")) == {""} and np.all(table["seconds"] > 0)


def test_a_dry_run_prints_the_plan_and_maps_nothing(work, capsys):
    words = ["survey", "hats", "-o", "d", *WORDS, "--dry-run", "--json", "d.json"]
    assert main(words) == 0
    out = capsys.readouterr().out
    record = validated("d.json")
    assert f"{record['n_tiles']} tiles of HEALPix order 5 with margins of 0.8 deg" in out
    assert "4608 galaxies on" in out and "each worker needs" in out and "are free" in out
    assert "halves the amplitude at multipole 1.91e+03" in out and "nside 1024 keeps" in out
    assert record["dry_run"] and "n_done" not in record
    assert not Path("d/tiles").exists() and not Path("d/run.json").exists()
    assert main([*words[:4], *WORDS[:4], *TILES, "--dry-run"]) == 1  # another nside
    assert "nside" in capsys.readouterr().err


def test_what_does_not_fit_is_refused_before_work(work, capsys, monkeypatch):
    words = ["survey", "hats", "-o", "m", *WORDS]
    from lensmap.survey import _plan

    with monkeypatch.context() as patch:
        patch.setattr(_plan, "_BYTES_PER_PIXEL", 1e15)
        assert main([*words, "--dry-run", "--json", "m.json"]) == 1
        err = capsys.readouterr().err
        assert "a tile of order 5 would need" in err and "each worker needs" in err
        assert validated("m.json")["n_tiles"] > 1
        assert main(words) == 1
    with monkeypatch.context() as patch:
        patch.setattr(_plan, "_BYTES_PER_TILE_PIXEL", 1e15)
        assert main(words) == 1
        err = capsys.readouterr().err
        assert "--output must lie on a disk with" in err and "a smaller --nside" in err
    assert not Path("m/tiles").exists()
    assert main([*words, "--quiet"]) == 0


def test_files_are_partitioned_and_a_damaged_one_is_exit_code_5(work, capsys, columns):
    Path("c.parquet").write_bytes(Path("b.parquet").read_bytes()[:-9])
    words = ["survey", "a.fits", "c.parquet", "-o", "f", *WORDS, "--json", "f.json"]
    assert main(words) == 5
    err = capsys.readouterr().err
    assert "c.parquet'" in err and "galaxies 2304 used" in err
    record = validated("f.json")
    assert record["status"] == "partial" and record["n_galaxies"] == 2304
    assert SurveyMap("f").to_map().counts.sum() == 2304


def test_failed_tiles_are_exit_code_5_and_the_same_command_goes_on(work, capsys, monkeypatch):
    from lensmap.survey import _run

    whole = SurveyMap("map")
    bad = int(whole.tiles["tile"][1])
    map_tile = _run.map_tile

    def fail(task, item):
        if item[0] == bad:
            raise RuntimeError("the moon is too bright")
        return map_tile(task, item)

    words = ["survey", "hats", "-o", "p", *WORDS, "--json", "p.json"]
    with monkeypatch.context() as patch:
        patch.setattr(_run, "map_tile", fail)
        assert main(words) == 5
    err = capsys.readouterr().err
    n = len(whole.tiles)
    assert f"1 of {n} tiles failed: {bad}" in err and f"tiles {n - 1} of {n}, 1 failed" in err
    record = validated("p.json")
    assert (record["n_done"], record["n_failed"]) == (n - 1, 1)
    table = Table.read("p/tiles.ecsv")
    (row,) = table[table["tile"] == bad]
    assert row["error"] == "the moon is too bright" and np.isnan(row["seconds"])
    assert Path("p/kappa.hsp").exists() and not Path("p/run.json").exists()
    assert main(words) == 0
    assert validated("p.json")["n_done"] == n
    assert verify("p").findings == []


def test_only_a_region(work, capsys):
    Path("r.reg").write_text("icrs\ncircle(39.2,30.6,0.1)\n")
    words = ["survey", "hats", "-o", "o", *WORDS, "--only", "r.reg", "--json", "o.json"]
    assert main(words) == 0
    record = validated("o.json")
    assert 1 <= record["n_done"] == record["n_requested"] < record["n_tiles"]
    assert "not mapped" in capsys.readouterr().out
    Path("far.reg").write_text("icrs\ncircle(200,-30,0.1)\n")
    assert main([*words[:-4], "--only", "far.reg"]) == 1
    assert "--only must be a region with galaxies" in capsys.readouterr().err


@pytest.mark.slow
def test_update_maps_what_has_changed(work, capsys, columns):
    write_survey(Path("mine"), columns)
    words = ["survey", "mine", "-o", "u", *WORDS, "--quiet"]
    assert main(words) == 0
    changed = {**columns, "e1": np.where(columns["ra"] > 40.9, 0.1, columns["e1"])}
    for path in sorted(Path("mine").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    Path("mine").rmdir()
    write_survey(Path("mine"), changed)
    assert main(words) == 1
    err = capsys.readouterr().err
    assert "the catalog must be the catalog with which" in err and "use --update" in err
    assert main([*words, "--update"]) == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of dask and tornado
def test_a_dask_cluster_gives_the_same_map(work, capsys):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "dashboard_address": None, "host": "127.0.0.1"}
    words = ["survey", "hats", "-o", "d", *WORDS[:-2], "--also-map", "psf_e1,psf_e2", "--dask"]
    with distributed.LocalCluster(threads_per_worker=1, **options) as cluster:
        assert main([*words, cluster.scheduler_address, "--json", "d.json"]) == 0
    assert validated("d.json")["free_memory_bytes"] is None
    found, expected = SurveyMap("d").to_map(), SurveyMap("map").to_map()
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.data, expected.data)
    with distributed.LocalCluster(threads_per_worker=2, **options) as cluster:
        assert main([*words, cluster.scheduler_address]) == 1
    assert "--nthreads 1" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "code", "message"), [
    (["hats", "a.fits"], 1, "the catalog must be one HATS folder, or files"),
    (["hats", "--hdu", "1"], 2, "--hdu applies to files"),
    (["hats", "--nside", "1000"], 1, "--nside must be a power of 2"),
    (["hats", "--margin", "5deg"], 1, "--margin must be smaller than a tile of order 5"),
    (["hats", "--tile-order", "9"], 1, "--tile-order must be from 0 to 7"),
    (["hats", "--also-map", "psf_e1"], 1, "--also-map must hold pairs of columns"),
    (["hats", "--also-map", "no_1,no_2"], 1, "--also-map must name columns of the catalog"),
    (["hats", "--products", "hips,fist"], 2, "a list of fits, hips, moc, picture"),
    (["hats", "--products", "hips", "--nside", "256"], 1,
     "--nside must be at least 512 for a HiPS"),
    (["hats", "--method", "sphere-ks"], 1, "--method must be one for planes"),
    (["hats", "--network", "lensmap"], 2, "--network does not apply to --method ks"),
    (["none.fits"], 1, "there is no file 'none.fits'"),
    (["hats", "--only", "none.reg"], 1, "there is no file 'none.reg'"),
])
def test_errors_name_options(words, code, message, work, capsys):
    given = ["survey", "-o", "e", *WORDS, *words]
    try:
        assert main(given) == code
    except SystemExit as error:
        assert error.code == code
    assert message in capsys.readouterr().err
