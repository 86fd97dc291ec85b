# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files of any format that are partitioned into HATS folders."""

import hashlib
import os
import re
import shutil
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import lensmap.catalog.hats._tasks as tasks
from lensmap.catalog import HatsCatalog, ShearCatalog, partition_catalog
from lensmap.utils import (
    CatalogWarning,
    ConventionWarning,
    IncompleteRunError,
    OtherSettingsError,
    OutputExistsError,
    ParameterError,
)

pytest.importorskip("pyarrow")
pytest.importorskip("hpgeom")

# The galaxies of a test are too few per square arcminute.
pytestmark = pytest.mark.filterwarnings("ignore:.*per square arcminute")

N = 800
META = {"CONVENTN": "euclidean", "KIND": "distortion"}


def galaxies(seed, n=N, center=40.0):
    """Return a table of galaxies, with names and units of columns that are not lensmap's."""
    rng = np.random.default_rng(seed)
    table = Table({
        "RA_J2000": rng.uniform(center, center + 4.0, n),
        "DEC_J2000": rng.uniform(-2.0, 2.0, n),
        "e1": rng.normal(0.0, 0.2, n),
        "e2": rng.normal(0.0, 0.2, n),
        "weight": rng.uniform(0.5, 1.5, n),
        "zphot": rng.uniform(0.2, 1.5, n),
        "mag_i": rng.uniform(20.0, 24.0, n).astype(np.float32),
        "flag": rng.integers(0, 3, n),
        "field": rng.choice(["W1", "W4"], n),
    }, meta=META)
    table["mag_i"].unit = "mag"
    return table


COLUMNS = {"ra": "RA_J2000", "dec": "DEC_J2000", "redshift": "zphot"}
KWARGS = {"columns": COLUMNS, "keep": ["mag_i", "flag", "field"], "rows_per_partition": 400}


def write_files(folder, n=3, suffix=".fits"):
    paths = []
    for i in range(n):
        paths.append(str(folder / f"part{i}{suffix}"))
        kwargs = {"path": "table", "serialize_meta": True} if suffix == ".hdf5" else {}
        galaxies(i, center=40.0 + i).write(paths[-1], **kwargs)
    return paths


def contents(folder):
    """Return the digests of all files of a catalog, without the date in its properties."""
    digests = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "settings.json":
            content = re.sub(rb"hats_creation_date=.*", b"", path.read_bytes())
            digests[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return digests


def check_catalog(folder, tables):
    """Check that a folder holds exactly the galaxies of tables, sorted, in the right pixels."""
    rows, files = [], []
    for part in HatsCatalog(folder).partitions:
        table = Table.read(part.paths[0])
        own = healpy.ang2pix(2**part.order, table["ra"], table["dec"], nest=True, lonlat=True)
        assert np.all(own == part.pixel)
        order = list(zip(table["src_file"], table["src_row"], strict=True))
        assert order == sorted(order)
        rows += [tuple(row) for row in table.iterrows("src_file", "src_row", "ra", "e2", "mag_i",
                                                      "flag", "field", "redshift")]
        files.append(len(table))
    truth = [
        (i, j, row["RA_J2000"], np.float32(row["e2"]), row["mag_i"], row["flag"], row["field"],
         np.float32(row["zphot"]))
        for i, table in enumerate(tables) for j, row in enumerate(table)
    ]
    # Text files do not tell single precision.
    rows = [(*row[:4], np.float32(row[4]), *row[5:]) for row in rows]
    assert sorted(rows) == truth
    assert sum(files) == len(truth) and max(files) <= 400


@pytest.mark.parametrize("suffix", [".fits", ".parquet", ".hdf5", ".ecsv", ".fits.gz"])
def test_all_galaxies_of_all_files_are_in_their_pixels(suffix, tmp_path):
    files = write_files(tmp_path, 2, suffix)
    catalog = partition_catalog(files, tmp_path / "h", **KWARGS)
    tables = [galaxies(i, center=40.0 + i) for i in range(2)]
    check_catalog(tmp_path / "h", tables)
    assert len(catalog) == 2 * N and len({part.order for part in catalog.partitions}) > 1
    assert (catalog.convention, catalog.kind) == ("euclidean", "distortion")
    assert not [p.name for p in (tmp_path / "h").iterdir() if p.name.startswith(".")]


def test_the_catalog_is_that_of_the_file(tmp_path):
    (file,) = write_files(tmp_path, 1)
    partition_catalog(file, tmp_path / "h", **KWARGS, where="flag == 0 and zphot < 1.2")
    direct = ShearCatalog.read(file, COLUMNS, where="flag == 0 and zphot < 1.2",
                               extra_columns="mag_i")
    read = ShearCatalog.read(tmp_path / "h", extra_columns=("src_row", "mag_i"))
    order = np.argsort(read["src_row"])
    for name in ("ra", "dec", "e1", "e2", "weight", "redshift"):
        np.testing.assert_array_equal(read[name][order], direct[name].astype(read[name].dtype))
    assert (read.convention, read.kind, read.where) == (
        direct.convention, direct.kind, "flag == 0 and zphot < 1.2"
    )
    assert str(read["mag_i"].unit) == "mag"
    chunks = list(HatsCatalog(tmp_path / "h").chunks())
    assert sum(map(len, chunks)) == len(direct)
    assert len(ShearCatalog.read(tmp_path / "h", where="none")) == N


def test_the_parts_of_files_do_not_matter(tmp_path, monkeypatch):
    files = write_files(tmp_path, 2)
    partition_catalog(files, tmp_path / "a", **KWARGS, name="sky")
    monkeypatch.setattr(tasks, "_CHUNK_ROWS", (137, 137))
    partition_catalog(files, tmp_path / "b", **KWARGS, name="sky")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.slow
def test_the_number_of_processes_does_not_matter(tmp_path):
    files = write_files(tmp_path, 3)
    partition_catalog(files, tmp_path / "a", **KWARGS, name="sky")
    partition_catalog(files, tmp_path / "b", **KWARGS, name="sky", workers=2)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


class Stopped(Exception):
    pass


@pytest.mark.parametrize("step", ["_count", "_sort", "_join", "complete"])
def test_an_interrupted_run_resumes_with_the_same_files(step, tmp_path, monkeypatch):
    import lensmap.catalog.hats._partition as module

    files = write_files(tmp_path, 3)
    partition_catalog(files, tmp_path / "whole", **KWARGS, name="sky")
    calls = []
    name = "complete_folder" if step == "complete" else step
    place = module if step == "complete" else tasks
    original = getattr(place, name)

    def stopping(*arguments, **kwargs):
        if len(calls) == 2 or step == "complete":
            raise KeyboardInterrupt
        calls.append(arguments[-1])
        original(*arguments, **kwargs)

    monkeypatch.setattr(place, name, stopping)
    with pytest.raises(KeyboardInterrupt):
        partition_catalog(files, tmp_path / "h", **KWARGS, name="sky")
    assert not (tmp_path / "h" / "dataset").exists()
    with pytest.raises(ParameterError, match="a HATS folder"):
        HatsCatalog(tmp_path / "h")
    again = []
    monkeypatch.setattr(
        place, name, lambda *a, **k: (again.append(a[-1]), original(*a, **k))[1]
    )
    partition_catalog(files, tmp_path / "h", **KWARGS, name="sky")
    assert not set(map(str, calls)) & set(map(str, again))  # what was done is not done again
    assert contents(tmp_path / "h") == contents(tmp_path / "whole")


def test_a_finished_run_reads_nothing_and_other_settings_are_refused(tmp_path, monkeypatch):
    files = write_files(tmp_path, 2)
    partition_catalog(files, tmp_path / "h", **KWARGS)
    before = contents(tmp_path / "h")
    monkeypatch.setattr(tasks, "_count", None)
    assert len(partition_catalog(files, tmp_path / "h", **KWARGS)) == 2 * N
    with pytest.raises(ValueError, match="rows_per_partition"):
        partition_catalog(files, tmp_path / "h", **{**KWARGS, "rows_per_partition": 500})
    galaxies(9).write(files[1], overwrite=True)
    with pytest.raises(ValueError, match="files"):
        partition_catalog(files, tmp_path / "h", **KWARGS)
    assert contents(tmp_path / "h") == before


def test_overwrite_replaces_a_catalog_at_the_end(tmp_path):
    files = write_files(tmp_path, 2)
    partition_catalog(files, tmp_path / "h", **KWARGS)
    before = contents(tmp_path / "h")
    with pytest.raises(ParameterError, match="missing"):
        partition_catalog(files, tmp_path / "h", {"ra": "missing"}, overwrite=True)
    assert contents(tmp_path / "h") == before
    partition_catalog(files[:1], tmp_path / "h", **KWARGS, overwrite=True)
    assert len(HatsCatalog(tmp_path / "h")) == N


@pytest.mark.parametrize("damage", ["footer", "rows"])
def test_a_damaged_file_is_named_and_the_others_are_partitioned(damage, tmp_path):
    files = write_files(tmp_path, 3, ".parquet")
    content = bytearray((tmp_path / "part1.parquet").read_bytes())
    if damage == "footer":
        content = content[:-30]
    else:
        content[4:300] = bytes(296)
    (tmp_path / "part1.parquet").write_bytes(content)
    with pytest.raises(IncompleteRunError, match=r"1 of 3 files .*part1\.parquet"):
        partition_catalog(files, tmp_path / "h", **KWARGS)
    catalog = HatsCatalog(tmp_path / "h")
    assert len(catalog) == 2 * N
    files_of = {n for chunk in HatsCatalog(tmp_path / "h", extra_columns="src_file").chunks()
                for n in chunk["src_file"]}
    assert files_of == {0, 2}
    # The same call does not take the incomplete catalog for a complete one.
    with pytest.raises(IncompleteRunError, match=r"1 of 3 files .*part1\.parquet"):
        partition_catalog(files, tmp_path / "h", **KWARGS)
    galaxies(1, center=41.0).write(files[1], overwrite=True)
    assert len(partition_catalog(files, tmp_path / "h", **KWARGS, overwrite=True)) == 3 * N


def test_all_files_damaged_is_the_error_of_the_first(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"cannot read '.*a\.parquet' as a table"):
        partition_catalog(tmp_path / "a.parquet", tmp_path / "h")
    assert not (tmp_path / "h" / "dataset").exists()


@pytest.mark.parametrize(("change", "message"), [
    (lambda t: t.remove_column("weight"), "which lacks weight"),
    (lambda t: t.meta.update(CONVENTN="iau"), "the convention 'euclidean' of the first one"),
    (lambda t: t.meta.update(KIND="shear"), "the kind 'distortion' of the first one"),
    (lambda t: t.meta.update(FRAME="fk5"), "the frame 'icrs' of the first one"),
    (lambda t: t.remove_column("e2"), r"e2.*part1\.fits"),
    (lambda t: t.remove_column("flag"), r"flag.*part1\.fits"),
    (lambda t: t.replace_column("flag", ["a"] * N), "'flag', not int64 and text"),
])
def test_files_that_differ_are_refused(change, message, tmp_path):
    files = write_files(tmp_path, 2)
    table = galaxies(1)
    change(table)
    table.write(files[1], overwrite=True)
    with pytest.raises(ParameterError, match=message):
        partition_catalog(files, tmp_path / "h", **KWARGS)
    assert not (tmp_path / "h" / "dataset").exists()


def test_names_may_differ_between_files(tmp_path):
    files = write_files(tmp_path, 2)
    table = galaxies(1)
    table.rename_columns(["e1", "e2"], ["E1", "E2"])
    table.write(files[1], overwrite=True)
    assert len(partition_catalog(files, tmp_path / "h", **KWARGS)) == 2 * N


def test_rows_without_a_position_are_counted_and_left_out(tmp_path):
    table = galaxies(0)
    table["RA_J2000"][3] = np.nan
    table["DEC_J2000"][[4, 5]] = -99.0
    table["e1"][7] = np.nan
    table["weight"] = np.ma.array(table["weight"], mask=np.arange(N) == 8)
    table.write(tmp_path / "a.ecsv")
    with pytest.warns(CatalogWarning, match=f"3 of {N} rows are left out of the partitions"):
        catalog = partition_catalog(tmp_path / "a.ecsv", tmp_path / "h", **KWARGS)
    assert len(catalog) == N - 3  # rows that are unusable for other reasons are there
    with pytest.warns(CatalogWarning, match=f"2 of {N - 3} rows are left out: 1 e1 not finite, 1 "):
        whole = ShearCatalog.read(tmp_path / "h", extra_columns="src_row")
    assert sorted({*range(N)} - {*whole["src_row"]}) == [3, 4, 5, 7, 8]


def test_positions_in_hours_and_expressions_are_stored_as_their_values(tmp_path):
    table = galaxies(0)
    table["RA_J2000"] /= 15.0
    table["var"] = np.linspace(0.01, 0.04, N)
    table.write(tmp_path / "a.fits")
    columns = COLUMNS | {"sigma_m": "sqrt(var)"}
    units = {"ra": "hourangle"}
    partition_catalog(tmp_path / "a.fits", tmp_path / "h", columns, units=units)
    read = ShearCatalog.read(tmp_path / "h", extra_columns="src_row")
    order = np.argsort(read["src_row"])
    np.testing.assert_allclose(read.ra[order], 15.0 * table["RA_J2000"], rtol=1e-15)
    np.testing.assert_allclose(read["sigma_m"][order], np.sqrt(table["var"]), rtol=1e-6)


def test_densities_of_redshift_are_kept_with_their_redshifts(tmp_path):
    table = galaxies(0)
    table["P"] = np.random.default_rng(0).uniform(0.0, 1.0, (N, 3))
    table.write(tmp_path / "a.fits")
    columns = COLUMNS | {"pz": "P"}
    partition_catalog(tmp_path / "a.fits", tmp_path / "h", columns, z_grid=[0.5, 1.0, 2.0])
    part = next(HatsCatalog(tmp_path / "h", {"pz": "pz"}, extra_columns="src_row").chunks())
    np.testing.assert_array_equal(part.z_grid, [0.5, 1.0, 2.0])
    np.testing.assert_array_equal(part.pz, table["P"][np.asarray(part["src_row"])])


def test_what_nobody_declares_stays_undeclared(tmp_path):
    table = galaxies(0)
    table.meta = {}
    table.write(tmp_path / "a.fits")
    with pytest.warns(ConventionWarning, match="are assumed"):
        partition_catalog(tmp_path / "a.fits", tmp_path / "h", COLUMNS)
    with pytest.warns(ConventionWarning, match="are assumed"):
        catalog = HatsCatalog(tmp_path / "h")
    assert catalog.origins["convention"] == "default"


def test_flags_of_the_survey_are_kept_and_counted(tmp_path):
    n = 200
    rng = np.random.default_rng(0)
    Table({
        "alpha_j2000": rng.uniform(10, 11, n), "delta_j2000": rng.uniform(0, 1, n),
        "e1": rng.normal(0, 0.2, n), "e2": rng.normal(0, 0.2, n), "weight": np.ones(n),
        "MASK": np.arange(n) % 2,
    }).write(tmp_path / "a.fits")
    preset = tmp_path / "mine.toml"
    preset.write_text(
        'convention = "celestial"\nkind = "shear"\nselection = ["MASK == 0"]\n[columns]\n'
        'ra = "alpha_j2000"\ndec = "delta_j2000"\ne1 = "e1"\ne2 = "e2"\nweight = "weight"\n'
    )
    with pytest.warns(CatalogWarning, match=r"of 200 rows, 100 do not fulfill MASK == 0"):
        partition_catalog(tmp_path / "a.fits", tmp_path / "h", str(preset))
    assert len(ShearCatalog.read(tmp_path / "h", where="MASK == 0")) == 100


@pytest.mark.parametrize(("kwargs", "message"), [
    ({"keep": ["nothing"]}, "keep must name columns of the catalog, not 'nothing'"),
    ({"keep": ["m"], "columns": COLUMNS | {"m": None}}, "keep must name columns whose names"),
    ({"where": "nothing > 3"}, "nothing"),
    ({"rows_per_partition": 0}, "rows_per_partition must be at least 1"),
    ({"max_memory": "1 MB"}, "max_memory must be at least"),
    ({"convention": "up"}, "convention must be"),
    ({"z_grid": [0.5, 1.0]}, "z_grid must be None for a catalog without"),
])
def test_wrong_parameters_are_refused_before_work_begins(kwargs, message, tmp_path):
    table = galaxies(0)
    table["m"] = 0.0
    table.write(tmp_path / "a.fits")
    with pytest.raises(ValueError, match=message):
        partition_catalog(tmp_path / "a.fits", tmp_path / "h", **{**KWARGS, **kwargs})
    assert not (tmp_path / "h" / "dataset").exists()


def test_missing_files_unknown_parameters_and_wrong_folders(tmp_path):
    files = write_files(tmp_path, 1)
    with pytest.raises(FileNotFoundError, match="nothing"):
        partition_catalog([*files, tmp_path / "nothing"], tmp_path / "h", **KWARGS)
    with pytest.raises(TypeError, match="no parameter 'colors'"):
        partition_catalog(files, tmp_path / "h", **KWARGS, colors=3)
    with pytest.raises(ParameterError, match="use a local copy"):
        partition_catalog(files, "s3://bucket/h", **KWARGS)
    (tmp_path / "data").mkdir()
    with pytest.raises(FileExistsError, match="holds 'data', which is no part of a partitioned"):
        partition_catalog(files, tmp_path, **KWARGS)
    (tmp_path / "w" / "dataset").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="holds a catalog that partition_catalog did not"):
        partition_catalog(files, tmp_path / "w", **KWARGS)
    with pytest.raises(ParameterError, match="at least one file"):
        partition_catalog([], tmp_path / "h")


def test_a_full_disk_is_refused_before_sorting(tmp_path, monkeypatch):
    files = write_files(tmp_path, 1)
    free = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(tasks.shutil, "disk_usage", lambda path: free)
    with pytest.raises(ParameterError, match="free some space"):
        partition_catalog(files, tmp_path / "h", **KWARGS)


def test_a_catalog_is_partitioned_again_from_its_folder(tmp_path):
    files = write_files(tmp_path, 2)
    partition_catalog(files, tmp_path / "a", **KWARGS)
    again = partition_catalog(tmp_path / "a", tmp_path / "b", keep="flag", rows_per_partition=99)
    assert len(again) == 2 * N and max(part.n_rows for part in again.partitions) <= 99


def test_a_table_in_one_of_several_hdus(tmp_path):
    hdus = [fits.PrimaryHDU(), *(fits.table_to_hdu(galaxies(i)) for i in range(2))]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    catalog = partition_catalog(tmp_path / "a.fits", tmp_path / "h", COLUMNS, hdu=2)
    truth = np.sort(galaxies(1)["RA_J2000"])
    np.testing.assert_array_equal(np.sort(np.concatenate([c.ra for c in catalog.chunks()])), truth)


def test_a_kill_at_any_write_leaves_what_a_second_run_completes(tmp_path):
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    files = write_files(tmp_path, 2)
    partition_catalog(files, tmp_path / "whole", **KWARGS, name="sky")
    truth = contents(tmp_path / "whole")
    replace, number = os.replace, [0]
    for moment in (1, 3, 5, 8, 13, 21, 25):
        pid = os.fork()
        if pid == 0:
            def dying(*arguments):
                number[0] += 1
                if number[0] == moment:
                    os.kill(os.getpid(), 9)
                replace(*arguments)

            os.replace = dying
            partition_catalog(files, tmp_path / "h", **KWARGS, name="sky")
            os._exit(0)
        os.waitpid(pid, 0)
    partition_catalog(files, tmp_path / "h", **KWARGS, name="sky")
    assert contents(tmp_path / "h") == truth
    assert not [p.name for p in (tmp_path / "h").rglob("*") if p.name.startswith(".")]


class Killed(BaseException):
    """Ends a call as a kill does: nothing catches it."""


def kill_at(patch, moment):
    """Let the process die at a step: before or after a file or folder gets or loses a name.

    Return the list of steps.
    """
    steps = []

    def stepping(function):
        def call(*args, **kwargs):
            for part in ("before", "after"):
                if len(steps) >= moment:
                    steps.append("dead")
                    raise Killed
                steps.append(part)
                if part == "before":
                    result = function(*args, **kwargs)
            return result
        return call

    for owner, name in (
        (os, "replace"), (os, "rename"), (os, "unlink"), (shutil, "rmtree"),
        (Path, "rename"), (Path, "unlink"),
    ):
        patch.setattr(owner, name, stepping(getattr(owner, name)))
    return steps


def rows_of(folder):
    """Return the sums of ra of all rows and the stated number of rows; None if it is no catalog."""
    try:
        catalog = HatsCatalog(folder)
        lines = (folder / "hats.properties").read_text().split()
        entries = dict(line.split("=") for line in lines if "=" in line)
    except (ValueError, FileNotFoundError):
        return None
    total = sum(chunk.ra.sum() for chunk in catalog.chunks())
    assert int(entries["hats_nrows"]) == len(catalog)
    return round(float(total), 3)


@pytest.mark.slow
def test_a_killed_overwrite_leaves_no_mix(tmp_path, monkeypatch):
    """The folder is never taken for the new catalog while it holds the old one, or parts of it."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = write_files(tmp_path / "old", 2), [str(tmp_path / "new" / "other.fits")]
    galaxies(7, n=500, center=47.0).write(new[0])
    partition_catalog(old, tmp_path / "whole", **KWARGS)
    partition_catalog(new, tmp_path / "other", **KWARGS)
    before, after = rows_of(tmp_path / "whole"), rows_of(tmp_path / "other")
    with monkeypatch.context() as patch:
        shutil.copytree(tmp_path / "whole", tmp_path / "h")
        steps = kill_at(patch, 10**6)
        partition_catalog(new, tmp_path / "h", **KWARGS, overwrite=True)
    assert rows_of(tmp_path / "h") == after
    n_steps, found = len(steps), set()
    assert n_steps > 30
    for moment in sorted({*range(0, 16, 3), *range(16, n_steps, n_steps // 7), n_steps - 3}):
        folder = tmp_path / f"h{moment}"
        shutil.copytree(tmp_path / "whole", folder, dirs_exist_ok=True)
        with monkeypatch.context() as patch:
            kill_at(patch, moment)
            with pytest.raises(Killed):
                partition_catalog(new, folder, **KWARGS, overwrite=True)
        state = rows_of(folder)
        found.add(state)
        assert state in (None, before, after)
        try:
            partition_catalog(new, folder, **KWARGS, take_over=True)
        except (OtherSettingsError, OutputExistsError):  # those of the catalog before, or none yet
            assert state in (None, before)
            partition_catalog(new, folder, **KWARGS, overwrite=True, take_over=True)
        assert rows_of(folder) == after
        shutil.rmtree(folder)
    assert found == {None, before, after}
