# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A run resumes what it began, refuses everything else by name, and has its folder alone."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table

from lensmap.utils import LensmapWarning, ParameterError, RunFolder
from lensmap.utils import _folder_lock as folder_lock
from lensmap.utils import _record_files as record_files

SETTINGS = {"seed": 1, "pixel_scale": 0.4 * u.arcmin, "shape": (3, 4), "model": {"padding": 1.5},
            "text": "[1 2] eV"}


def begin(path, settings=SETTINGS, **options):
    return RunFolder(path, settings, **{"schema": 1, "kind": "test", **options})


class TestSettings:
    def test_equal_in_other_words(self, tmp_path):
        with begin(tmp_path / "deep" / "new") as run:
            assert run.settings["pixel_scale_arcmin"] == 0.4 and run.settings["shape"] == [3, 4]
        with begin(run.path, {**SETTINGS, "pixel_scale": 24 * u.arcsec, "shape": [3, 4]}) as again:
            assert again.settings == run.settings
        stored = json.loads((run.path / "settings.json").read_text())
        assert stored["schema"] == stored["algorithm"] == 1 and stored["settings"] == run.settings
        assert RunFolder.read(run.path, schema=1, kind="test").settings == run.settings

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"seed": 2}, "seed was 1 and is now 2;"),
            ({"pixel_scale": 1 * u.deg}, "pixel_scale was 0.4 arcmin and is now 60 arcmin;"),
            ({"shape": (3, 5)}, "shape was 3 4 and is now 3 5;"),
            ({"model": {"padding": None}}, "model.padding was 1.5 and is now none;"),
            ({"model": {}, "seed": 2}, "seed was 1 and is now 2; model.padding was 1.5 and is now "
             "nothing;"),
            ({"more": "x" * 99}, "more was nothing and is now " + 60 * "x" + "...;"),
        ],
    )
    def test_another_setting_is_named(self, tmp_path, change, message):
        begin(tmp_path).close()
        with pytest.raises(ValueError, match="holds a test with other settings") as caught:
            begin(tmp_path, SETTINGS | change)
        assert message in str(caught.value) and "use another folder" in str(caught.value)
        begin(tmp_path).close()  # the refused run does not keep the folder

    def test_another_kind_schema_or_algorithm(self, tmp_path):
        begin(tmp_path, version="0.1").close()
        with pytest.raises(ValueError, match="must hold a survey, not a test"):
            begin(tmp_path, kind="survey")
        with pytest.raises(ValueError, match="version 1 of the file format.* reads version 2"):
            begin(tmp_path, schema=2)
        with pytest.raises(ValueError, match="lensmap 0.1 with version 1 of .* has version 2"):
            begin(tmp_path, algorithm=2)
        with pytest.raises(ValueError, match="reads version 3"):
            RunFolder.read(tmp_path, schema=3, kind="test")
        with pytest.raises(FileNotFoundError, match="holds no test"):
            RunFolder.read(tmp_path / "none", schema=1, kind="test")

    def test_another_version_is_a_warning(self, tmp_path):
        begin(tmp_path, version="0.1").close()
        with pytest.warns(LensmapWarning, match="with lensmap 0.1 and goes on with lensmap 0.2"):
            run = begin(tmp_path, version="0.2")
        assert run.version == "0.1"

    def test_what_may_grow(self, tmp_path):
        def settings(**changes):
            base = {"n": 5, "estimators": {"a": 1}, "files": ["x"], "more": None, "seed": 1}
            with begin(tmp_path, base | changes, addable=("n", "estimators", "files"),
                       fillable=("more",)) as run:
                return run.settings

        settings()
        grown = settings(n=9, estimators={"b": 2}, files=["x", "y"], more={"c": 3})
        assert settings() == grown
        assert settings(n=2) == {"n": 9, "estimators": {"a": 1, "b": 2}, "files": ["x", "y"],
                                 "more": {"c": 3}, "seed": 1}
        for change, name in (
            ({"estimators": {"a": 2}}, "estimators.a was 1 and is now 2"),
            ({"files": ["z"]}, "files was x y and is now z"),
            ({"more": {"d": 4}}, "more.c was 3 and is now nothing"),
            ({"seed": 2}, "seed was 1"),
        ):
            with pytest.raises(ValueError, match=name):
                settings(**change)

    def test_overwrite_starts_anew(self, tmp_path):
        with begin(tmp_path, products=("*.dat",)) as run:
            run.save(0, {"a": 1}, "part")
            run.note("some", {"b": 2})
        for name in ("a.dat", "mine.txt"):
            (tmp_path / name).write_text("x")
        with begin(tmp_path, {"other": 1}, products=("*.dat",), overwrite=True) as run:
            assert run.numbers("part") == [] and run.notes("some") == {}
            assert run.settings == {"other": 1}
        assert not (tmp_path / "a.dat").exists() and (tmp_path / "mine.txt").exists()
        with pytest.raises(ValueError, match="must hold a survey"):
            begin(tmp_path, kind="survey", overwrite=True)

    @pytest.mark.parametrize("text", ["{", "{}", "[]"])
    def test_a_broken_or_foreign_folder(self, tmp_path, text):
        (tmp_path / "settings.json").write_text(text)
        with pytest.raises(ValueError, match="settings.json' does not hold the settings"):
            begin(tmp_path)

    def test_items_without_settings(self, tmp_path):
        with begin(tmp_path) as run:
            run.save(3, {"a": 1}, "part")
        (tmp_path / "settings.json").unlink()
        with pytest.raises(ValueError, match="results .000003.npz., but no file .settings.json"):
            begin(tmp_path)

    def test_places_that_are_no_folder(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(NotADirectoryError, match="is a file"):
            begin(tmp_path / "file")
        with pytest.raises(ParameterError, match="local or network .* not 's3://bucket/run'"):
            begin("s3://bucket/run")


class TestRecords:
    def test_come_back_as_they_were(self, tmp_path):
        table = QTable({"mass": [1.5, np.nan] * u.solMass, "name": ["a", "b"], "n": [1, 2]})
        record = {"a": np.arange(3, dtype="f4"), "b": {"c": "x", "d": {"e": 1.5}}, "t": table,
                  "in": {"t.2": table[:0]}, "none": {}}
        with begin(tmp_path) as run:
            assert run.missing(3) == [0, 1, 2] and run.numbers() == []
            run.save(1, record)
            run.save(7, {"a": 1}, "part")
            assert run.missing(3) == [0, 2] and run.numbers("part") == [7]
        loaded = RunFolder.read(tmp_path, schema=1, kind="test").load(1)
        np.testing.assert_array_equal(loaded["a"], record["a"])
        assert loaded["a"].dtype == np.float32 and loaded["b"]["d"]["e"] == 1.5
        assert str(loaded["b"]["c"]) == "x" and len(loaded["in"]["t.2"]) == 0
        for name in table.colnames:
            np.testing.assert_array_equal(loaded["t"][name], table[name])
            assert loaded["t"][name].unit == table[name].unit
        assert loaded["t"].colnames == table.colnames and type(loaded["t"]) is QTable
        with pytest.raises(FileNotFoundError):
            run.load(0)

    @pytest.mark.parametrize(
        ("record", "error"),
        [({"a/b": 1}, ValueError), ({1: 1}, ValueError), ({"a": object()}, TypeError),
         ({"a": Table({"b": MaskedColumn([1, 2], mask=[True, False])})}, TypeError)],
    )
    def test_nothing_is_lost_silently(self, tmp_path, record, error):
        with begin(tmp_path) as run, pytest.raises(error):
            run.save(0, record)
        assert run.numbers() == []

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04half", b"\x93NUMPY", b"text"])
    def test_an_unreadable_one_is_named_and_made_anew(self, tmp_path, content):
        with begin(tmp_path) as run:
            for number in range(3):
                run.save(number, {"a": number})
            (tmp_path / "data" / "000001.npz").write_bytes(content)
            with pytest.warns(LensmapWarning, match="data' holds damaged files .000001.npz.,"):
                assert run.missing(3) == [1]
            with pytest.raises(ValueError, match="cannot read the record .*000001.npz.*delete the"):
                run.load(1)
            run.save(1, {"a": 1})
            assert run.missing(3) == []

    @pytest.mark.parametrize("position", range(0, 400, 37))
    def test_a_changed_byte_is_found_wherever_it_is(self, tmp_path, position):
        with begin(tmp_path) as run:
            run.save(7, {"a": np.arange(30), "b": "text"})
            path = tmp_path / "data" / "000007.npz"
            data = bytearray(path.read_bytes())
            data[position % len(data)] ^= 0x55
            path.write_bytes(data)
            try:
                record = run.load(7)
            except ValueError as error:
                assert "cannot read the record" in str(error) and "000007.npz" in str(error)
            else:  # bytes such as those of the time of writing have no meaning
                assert record["a"].tolist() == list(range(30)) and record["b"] == "text"

    def test_errors_of_a_conversion_name_the_record(self, tmp_path):
        with begin(tmp_path) as run:
            run.save(3, {"a": 1})
            assert run.load(3, convert=lambda record: int(record["a"])) == 1
            with pytest.raises(ValueError, match="000003.npz'.*delete the file"):
                run.load(3, convert=lambda record: record["b"])

    @pytest.mark.parametrize("name", ["000001 (1).npz", "000001-copy.npz", "1.npz", "0000001.npz"])
    def test_copies_are_no_records(self, tmp_path, name):
        with begin(tmp_path) as run:
            run.save(0, {"a": 1})
            shutil.copy(tmp_path / "data" / "000000.npz", tmp_path / "data" / name)
            assert run.numbers() == [0] and run.missing(2) == [1]

    def test_a_foreign_one_is_refused(self, tmp_path):
        for seed in (1, 2):
            with begin(tmp_path / str(seed), {"seed": seed}) as run:
                run.save(0, {"a": seed})
        (tmp_path / "1" / "data" / "000000.npz").rename(tmp_path / "2" / "data" / "000001.npz")
        with begin(tmp_path / "2", {"seed": 2}) as run:
            with pytest.raises(ValueError, match="000001.npz.* settings than this test: move"):
                run.missing(2)
            assert run.missing(1) == []
            np.savez(tmp_path / "2" / "data" / "000001.npz", a=1)
            with pytest.raises(ValueError, match="with other settings than this test"):
                run.missing(2)

    def test_one_of_another_algorithm_is_refused(self, tmp_path):
        with begin(tmp_path) as run:
            run.save(0, {"a": 1})
        path = tmp_path / "settings.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"algorithm": 2}))
        with begin(tmp_path, algorithm=2) as run, pytest.raises(
            ValueError, match="version 1 of the algorithm, but .* version 2"
        ):
            run.missing(1)

    def test_a_full_disk_leaves_the_old_record(self, tmp_path, monkeypatch):
        def full(file, **arrays):
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with begin(tmp_path) as run:
            run.save(0, {"a": 1})
            monkeypatch.setattr(record_files.np, "savez_compressed", full)
            with pytest.raises(OSError, match="No space left"):
                run.save(0, {"a": 2})
            assert run.load(0)["a"] == 1
        assert [path.name for path in (tmp_path / "data").iterdir()] == ["000000.npz"]

    def test_leftovers_of_killed_writers_are_removed(self, tmp_path):
        with begin(tmp_path) as run:
            run.save(0, {"a": 1}, "part")
        left = [tmp_path / ".field_0001-lensmap-abcd1234-7-5-0123cdef.fits",
                tmp_path / "data" / "part" / ".000001-lensmap-abcd1234-7--0123cdef.npz"]
        kept = tmp_path / ".my-settings.json"
        for path in (*left, kept):
            path.write_text("half")
        with begin(tmp_path):
            assert not any(path.exists() for path in left) and kept.exists()

    def test_products(self, tmp_path):
        def check(path):
            if path.read_text() != "whole":
                raise ValueError("torn")

        names = ["{:02d}.a", "{:02d}.b"]
        with begin(tmp_path, products=("*.a", "*.b")) as run:
            for name in ("00.a", "00.b", "02.a"):
                (tmp_path / name).write_text("whole")
            assert run.missing_files(names, 3, check) == [1, 2]
            (tmp_path / "00.b").write_text("half")
            with pytest.raises(ValueError, match="wrote .00.b.: move these.*first file: torn"):
                run.missing_files(names, 3, check)


SCRIPT = """
import sys, time
import numpy as np
from lensmap.utils import RunFolder
run = RunFolder(sys.argv[1], {"seed": 1}, schema=1, kind="test")
for number in run.missing(10**6):
    run.save(number, {"a": np.random.default_rng(number).normal(size=999)})
    if number == 5:
        print("ready", flush=True)
"""


def resume(path, n):
    """Do what the script does, up to a number."""
    with begin(path, {"seed": 1}) as run:
        missing = run.missing(n)
        for number in missing:
            run.save(number, {"a": np.random.default_rng(number).normal(size=999)})
        return missing, [run.load(number)["a"] for number in range(n)]


class TestLock:
    def test_a_second_run_is_refused_until_the_first_is_killed(self, tmp_path):
        _, undisturbed = resume(tmp_path / "other", 5)
        tmp_path = tmp_path / "run"
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout.readline() == "ready\n"
            with pytest.raises(RuntimeError, match=rf"another run \(process {process.pid} on"):
                begin(tmp_path, {"seed": 1})
            assert len(RunFolder.read(tmp_path, schema=1, kind="test").load(0)["a"]) == 999
        finally:
            process.kill()
            process.communicate()
        assert (tmp_path / ".lensmap-lock").exists()
        n = max(RunFolder.read(tmp_path, schema=1, kind="test").numbers()) + 3
        (tmp_path / "data" / "000001.npz").unlink()
        missing, resumed = resume(tmp_path, n)
        assert missing[0] == 1 and missing[-2:] == [n - 2, n - 1]
        np.testing.assert_array_equal(resumed[:5], undisturbed)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "settings.json"]
        assert len(list((tmp_path / "data").iterdir())) == n

    def test_in_one_process_too(self, tmp_path):
        run = begin(tmp_path)
        with pytest.raises(RuntimeError, match="in use by another run"):
            begin(tmp_path)
        run.close()
        run.close()
        with begin(tmp_path), pytest.raises(RuntimeError, match="no longer write to the folder"):
            run.save(0, {"a": 1})

    def test_a_forgotten_run_gives_the_folder_back(self, tmp_path):
        begin(tmp_path)
        begin(tmp_path).close()

    def test_a_run_that_was_taken_over_saves_nothing(self, tmp_path):
        first, second = begin(tmp_path), begin(tmp_path, take_over=True)
        with pytest.raises(RuntimeError, match="another run has taken the folder over"):
            first.save(0, {"a": 1})
        with pytest.raises(RuntimeError, match="another run has taken the folder over"):
            first.note("some", {"a": 1})
        first.close()  # the lock stays that of the second
        with pytest.raises(RuntimeError, match="in use"):
            begin(tmp_path)
        second.close()

    def test_reading_takes_no_lock(self, tmp_path):
        with begin(tmp_path):
            run = RunFolder.read(tmp_path, schema=1, kind="test")
        with pytest.raises(RuntimeError, match="for reading only"):
            run.save(0, {"a": 1})

    @pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"boot": "x"}, {"namespace": "y"}])
    def test_elsewhere_ten_minutes_without_a_heartbeat(self, tmp_path, change):
        lock = tmp_path / ".lensmap-lock"
        lock.write_text(json.dumps({**folder_lock._identity(), "token": "t", **change}))
        with pytest.raises(RuntimeError, match="in use"):
            begin(tmp_path)
        os.utime(lock, (time.time() - 590,) * 2)
        with pytest.raises(RuntimeError, match="last sign of life 59"):
            begin(tmp_path)
        os.utime(lock, (time.time() - 610,) * 2)
        begin(tmp_path).close()

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_another_process_of_the_same_number(self, tmp_path):
        stale = {**folder_lock._identity(), "started": "1", "token": "t"}
        (tmp_path / ".lensmap-lock").write_text(json.dumps(stale))
        begin(tmp_path).close()

    def test_heartbeat(self, tmp_path, monkeypatch):
        monkeypatch.setattr(folder_lock, "_HEARTBEAT", 0.01)
        with begin(tmp_path):
            lock = tmp_path / ".lensmap-lock"
            os.utime(lock, (1, 1))
            limit = time.monotonic() + 5
            while lock.stat().st_mtime == 1 and time.monotonic() < limit:
                time.sleep(0.01)
            assert lock.stat().st_mtime > 1

    def test_a_stale_lock_that_was_replaced_meanwhile_stays(self, tmp_path):
        with begin(tmp_path):
            before = (tmp_path / ".lensmap-lock").read_text()
            other = object.__new__(folder_lock.FolderLock)
            other._path, other._token = tmp_path / ".lensmap-lock", "other"
            other._remove({"token": "stale"})
            assert (tmp_path / ".lensmap-lock").read_text() == before
            assert [path.name for path in tmp_path.iterdir()] != []

    def test_without_links(self, tmp_path, monkeypatch):
        def refuse(*args):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refuse)
        with begin(tmp_path), pytest.raises(RuntimeError, match="in use"):
            begin(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["settings.json"]
