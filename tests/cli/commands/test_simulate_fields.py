# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate fields``: its files, its messages, and that it can be stopped at any time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from astropy import units as u
from simulate_command import SMALL, names, only_error, same, simulate

from lensmap.cli import main
from lensmap.simulate import FieldFolder, HaloModelField, LensingField, field_seed
from lensmap.utils import to_plain

# What a finished run has in its folder besides the fields.
RECORDS = ["run.json", "settings.json"]

MODEL = {"shape": (32, 32), "pixel_scale": 3 * u.arcmin}


class TestHelp:
    @pytest.mark.parametrize("command", ["fields", "survey", "cluster", "sky"])
    def test_of_a_command(self, command, capsys):
        with pytest.raises(SystemExit) as stop:
            simulate(command, "--help")
        assert stop.value.code == 0
        out = capsys.readouterr().out
        assert f"examples:\n  lensmap simulate {command} -o" in out and "--debug" in out
        assert max(map(len, out.splitlines())) <= 100

    def test_of_all(self, capsys):
        with pytest.raises(SystemExit):
            simulate("--help")
        out = capsys.readouterr().out
        assert "examples:\n  lensmap simulate" in out
        assert all(f"\n    {name} " in out for name in ("fields", "survey", "cluster", "sky"))
        with pytest.raises(SystemExit):
            main(["--help"])
        assert "mock shear catalogs" in " ".join(capsys.readouterr().out.split())

    @pytest.mark.parametrize(
        "words",
        [
            [], ["fly"], ["fields", "-o", "f"], ["fields", "-n", "3"],
            ["fields", "-o", "f", "-n", "0"], ["fields", "-o", "f", "-n", "1", "--workers", "0"],
            ["fields", "-o", "f", "-n", "1", "--pixel-scale", "3"],
            ["fields", "-o", "f", "-n", "1", "--z-source"],
            ["survey", "-o", "c.fits", "--center", "10"],
            ["survey", "-o", "c.fits", "--center", "10,95"],
        ],
    )
    def test_wrong_usage(self, words, own_folder, capsys):
        with pytest.raises(SystemExit) as stop:
            simulate(*words)
        assert stop.value.code == 2 and "usage: lensmap simulate" in capsys.readouterr().err
        assert names() == []


class TestFields:
    def test_they_are_those_of_the_model(self, series):
        assert names(series) == [*(f"field_000{i}.fits" for i in range(4)), *RECORDS]
        model = HaloModelField(z_source=0.6, **MODEL)
        field = LensingField.read(series / "field_0002.fits")
        drawn = model.draw(field_seed(0, 2))
        np.testing.assert_array_equal(field.kappa.data, drawn.kappa.data)
        np.testing.assert_array_equal(field.gamma, drawn.gamma)
        assert field.z_source == 0.6 and len(field.halos) == len(drawn.halos)
        settings = json.loads((series / "settings.json").read_text())["settings"]
        assert settings["pixel_scale_arcmin"] == 3 and settings["seed"] == 0
        assert set(to_plain(model)) < set(settings)

    def test_what_is_missing_is_drawn_and_nothing_else(self, series, own_folder, capsys):
        words = ["fields", "-o", "f", *SMALL, "--workers", "1"]
        assert simulate(*words, "-n", 3) == 0
        assert "3 fields of 32 x 32 pixels of 3.0 arcmin\n" in capsys.readouterr().out
        (own_folder / "f" / "field_0001.fits").unlink()
        kept = (own_folder / "f" / "field_0000.fits").stat().st_mtime_ns
        assert simulate(*words, "-n", 4) == 0
        out = capsys.readouterr().out
        assert "(2 of them existed)" in out and "written: f" in out
        assert (own_folder / "f" / "field_0000.fits").stat().st_mtime_ns == kept
        for name in ("field_0001.fits", "field_0002.fits", "field_0003.fits"):
            assert same(series / name, own_folder / "f" / name)
        kept = set(names("f")) - {"run.json"}
        before = {name: os.stat(f"f/{name}").st_mtime_ns for name in kept}
        assert simulate(*words, "-n", 4) == 0
        assert "existing: f" in capsys.readouterr().out
        assert before == {name: os.stat(f"f/{name}").st_mtime_ns for name in kept}

    @pytest.mark.parametrize("content", ["mine", "half"])
    def test_a_file_that_is_no_field_is_named_and_kept(self, content, series, own_folder, capsys):
        shutil.copytree(series, "f")
        path = own_folder / "f" / "field_0001.fits"
        path.write_bytes(b"mine" if content == "mine" else path.read_bytes()[:-5000])
        before = path.read_bytes()
        assert simulate("fields", "-o", "f", "-n", 4, *SMALL) == 1
        assert (
            "the folder 'f' holds files that are damaged or that another program wrote "
            "(field_0001.fits): move these files to another folder" in only_error(capsys)
        )
        assert path.read_bytes() == before
        path.unlink()
        assert simulate("fields", "-o", "f", "-n", 4, *SMALL) == 0
        assert same(series / "field_0001.fits", path)

    def test_two_runs_at_once(self, own_folder, capsys):
        model = HaloModelField(z_source=0.6, **MODEL)
        with FieldFolder("f", model, seed=0, format="fits"):
            assert simulate("fields", "-o", "f", "-n", 1, *SMALL) == 1
            error = only_error(capsys)
            assert "'f' is in use by another run" in error
            assert "take over its folder with --take-over" in error
            assert simulate("fields", "-o", "f", "-n", 1, *SMALL, "--take-over") == 0

    def test_several_redshifts(self, own_folder, capsys):
        words = ["fields", "-o", "f", "-n", 1, *SMALL[:5], "--z-source", "0.6", "0.25"]
        assert simulate(*words, "--seed", 3) == 0
        assert names("f") == ["field_0000_z0.25.fits", "field_0000_z0.6.fits", *RECORDS]
        near, far = (LensingField.read(f"f/field_0000_z{z}.fits") for z in ("0.25", "0.6"))
        assert (near.z_source, far.z_source) == (0.25, 0.6)
        assert near.kappa.data.std() < far.kappa.data.std()
        os.unlink("f/field_0000_z0.25.fits")
        assert simulate(*words, "--seed", 3) == 0
        again = LensingField.read("f/field_0000_z0.25.fits")
        np.testing.assert_array_equal(again.kappa.data, near.kappa.data)
        assert "z = 0.6, z = 0.25" in capsys.readouterr().out

    def test_hdf5_and_a_distribution(self, own_folder, capsys):
        assert simulate(
            "fields", "-o", "deep/f", "-n", 1, *SMALL[:5], "--z-source", "lsst_y10", "--format",
            "hdf5", "--cosmology", "planck18", "--resolution", "massivenus",
        ) == 0
        field = LensingField.read("deep/f/field_0000.h5")
        assert field.z_source.mean == pytest.approx(1.05, abs=0.01)
        assert field.kappa.meta["cosmology"] == "Planck18"
        assert field.kappa.meta["resolution"] == "massivenus"
        settings = json.loads((own_folder / "deep" / "f" / "settings.json").read_text())["settings"]
        assert settings["z_source"]["name"] == "lsst_y10"
        assert simulate(
            "fields", "-o", "deep/f", "-n", 1, *SMALL[:5], "--z-source", "lsst_y10", "--format",
            "hdf5", "--cosmology", "planck18", "--resolution", "massivenus",
        ) == 0
        assert "sources: lsst_y10" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "words, message",
        [
            (["--seed", "1"], "seed was 0 and is now 1;"),
            (["--z-source", "0.7"], "z-source was 0.6 and is now 0.7;"),
            (["--z-source", "0.6", "0.7"], "z-source was 0.6 and is now 0.6 0.7;"),
            (["--z-source", "lsst_y1"], "z-source was 0.6 and is now lsst_y1;"),
            (["--shape", "32", "64"], "shape was 32 32 and is now 32 64;"),
            (["--pixel-scale", "2arcmin"], "pixel-scale was 3 arcmin and is now 2 arcmin;"),
            (["--cosmology", "WMAP7"], "cosmology was massivenus and is now WMAP7;"),
            (["--resolution", "massivenus"], "resolution was none and is now massivenus;"),
            (["--format", "hdf5", "--seed", "2"],
             "seed was 0 and is now 2; --format was fits and is now hdf5;"),
        ],
    )
    def test_other_settings_need_another_folder(self, words, message, series, capsys):
        before = names(series)
        assert simulate("fields", "-o", series, "-n", 5, *SMALL, *words) == 1
        err = only_error(capsys)
        assert message in err and "another folder" in err
        assert names(series) == before

    def test_equal_settings_in_other_words(self, series, capsys):
        words = ["--pixel-scale", "180arcsec", "--cosmology", "MassiveNuS", "--workers", "1"]
        assert simulate("fields", "-o", series, "-n", 4, *SMALL, *words) == 0
        assert "(4 of them existed)" in capsys.readouterr().out

    def test_folders_that_will_not_do(self, series, own_folder, capsys):
        (own_folder / "file").write_text("mine")
        assert simulate("fields", "-o", "file", "-n", 1, *SMALL) == 1
        assert "is a file, not a directory" in only_error(capsys)
        (own_folder / "f").mkdir()
        (own_folder / "f" / "field_0000.fits").write_text("mine")
        assert simulate("fields", "-o", "f", "-n", 1, *SMALL) == 1
        assert "holds results (field_0000.fits), but no file 'settings.json'" in only_error(capsys)
        for text in ("{", "{}", "[]"):
            (own_folder / "f" / "settings.json").write_text(text)
            assert simulate("fields", "-o", "f", "-n", 1, *SMALL) == 1
            assert "settings.json' does not hold the settings" in only_error(capsys)

    @pytest.mark.filterwarnings("always::lensmap.utils.LensmapWarning")
    def test_fields_of_another_lensmap(self, series, capsys):
        path = series / "settings.json"
        text = path.read_text()
        path.write_text(json.dumps(json.loads(text) | {"lensmap": "0.0.1"}))
        assert simulate("fields", "-o", series, "-n", 4, *SMALL) == 0
        assert "was begun with lensmap 0.0.1" in capsys.readouterr().err
        path.write_text(text)

    @pytest.mark.parametrize(
        "words, message",
        [
            (["--z-source", "-1"], "--z-source must be between 0.001 and 100, the plausible"),
            (["--z-source", "nan"], "--z-source must be between 0.001 and 100"),
            (["--z-source", "1", "1.0"], "--z-source must name each redshift once, but 1 "),
            (["--z-source", "1", "lsst_y1"], "the name of one distribution, not '1.0 lsst"),
            (["--z-source", "all"], "choose one of 'lsst_y1', 'lsst_y10'"),
            (["--pixel-scale", "30deg"], "holds only up to 25 deg"),
            (["--shape", "31", "32"], "shape must be two even numbers"),
            (["--shape", "-4", "32"], "at least 8"),
            (["--cosmology", "flat"], "cosmology must be one of 'massivenus'"),
            (["--resolution", "high"], "'massivenus', not 'high'"),
            (["--seed", "-1"], "seed must be at least 0"),
        ],
    )
    def test_bad_values(self, words, message, own_folder, capsys):
        assert simulate("fields", "-o", "f", "-n", 1, *words) == 1
        assert message in only_error(capsys)
        assert names() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
class TestStopped:
    """Whatever stops it, there are whole files, and the rest comes with the next run."""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "number, code, workers, group",
        [
            (signal.SIGTERM, 143, "1", False),
            pytest.param(signal.SIGTERM, 143, "2", False, marks=pytest.mark.slow),
            # Ctrl-C reaches the workers, too, and so do some batch systems.
            pytest.param(signal.SIGINT, 130, "2", True, marks=pytest.mark.slow),
            pytest.param(signal.SIGTERM, 143, "2", True, marks=pytest.mark.slow),
        ],
    )
    def test_and_resumed(self, number, code, workers, group, series, own_folder, capsys):
        words = ["simulate", "fields", "-o", "f", *SMALL]
        process = subprocess.Popen(
            [sys.executable, "-m", "lensmap", *words, "-n", "200", "--workers", workers],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            # What a shell without job control puts into the background ignores Ctrl-C: not here.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        limit = time.monotonic() + 60
        while not (own_folder / "f" / "field_0001.fits").exists() and time.monotonic() < limit:
            time.sleep(0.05)
        (os.killpg if group else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code and out == ""
        there = names("f")
        assert there[-1] == "settings.json" and all(n[:6] == "field_" for n in there[:-1])
        lines = err.splitlines()
        assert lines[0] == (
            f"lensmap: stopped: {len(there) - 1} of 200 fields are in 'f'; the same command "
            "resumes"
        )
        word = "interrupted" if code == 130 else "terminated"
        assert lines[1:] == [f"lensmap: {word}; nothing was left half written"]
        assert all(LensingField.read(own_folder / "f" / name) for name in there[:-1])
        assert main([*words, "-n", "4", "--workers", "1"]) == 0
        for i in range(4):
            assert same(series / f"field_000{i}.fits", own_folder / "f" / f"field_000{i}.fits")

    @pytest.mark.slow
    def test_a_worker_that_is_killed(self, own_folder):
        # The workers import the script, too: there, writing ends them.
        (own_folder / "script.py").write_text(
            "import os, sys\n"
            "from lensmap.cli import main\n"
            "from lensmap.simulate import LensingField\n"
            "if __name__ == '__main__':\n"
            "    sys.exit(main(sys.argv[1:]))\n"
            "LensingField.write = lambda *a, **k: os.kill(os.getpid(), 9)\n"
        )
        done = subprocess.run(
            [sys.executable, "script.py", "simulate", "fields", "-o", "f", "-n", "2", *SMALL,
             "--workers", "2"],
            capture_output=True, text=True, timeout=180,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("lensmap: error: a worker process ended")
        assert done.stderr.count("\n") == 1 and names("f") == ["settings.json"]
