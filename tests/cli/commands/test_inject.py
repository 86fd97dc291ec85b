# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap inject``: from a catalog to a table, a picture and an answer."""

import shutil

import numpy as np
import pytest
from cli_records import code_of

from lensmap.cli import main
from lensmap.cli.commands._demo import demo_table
from lensmap.injection import HaloRecovery
from lensmap.utils import RunFolder

HALOS = ["--mass", "1e14", "1e15", "--z-lens", "0.3", "--z-source", "1", "--no-check"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    demo_table().write("shear.fits")

    def run(*words):
        code = main(["inject", "shear.fits", "-o", "halos.ecsv", *HALOS, *map(str, words)])
        return code, *capsys.readouterr()

    return run


def test_table_picture_and_answer(run, tmp_path):
    code, out, err = run("-n", 3, "--halos", 4, "--plot", "halos.png", "--cells", 2)
    assert code == 0, err
    found = HaloRecovery.read(tmp_path / "halos.ecsv")
    assert (len(found), found.n_realizations, found.threshold) == (12, 3, 4.0)
    assert "KaiserSquires(uncertainty='analytic')" in found.settings["estimator"]
    assert "12 halos in 3 realizations, peaks above S/N of 4 within 2 arcmin" in out
    assert "places without a halo" in out and "completeness" in out
    large = found.summary()[1]
    assert large["n"] == 6 and large["rate"] > 0.5
    assert f"{large['corrected']:.2f}" in out.splitlines()[-2]
    assert out.endswith("written: halos.ecsv, halos.png\n")
    assert (tmp_path / "halos.png").stat().st_size > 20_000


def test_same_command_goes_on(run, tmp_path, monkeypatch):
    save = RunFolder.save

    def interrupted(self, number, *args, **kwargs):
        save(self, number, *args, **kwargs)
        if number == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "save", interrupted)
    code, _, err = run("-n", 3, "--halos", 2, "--plot", "halos.png")
    assert code == 130 and "interrupted" in err
    assert "stopped: the realizations so far are in 'halos.run'; the same command resumes" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["halos.run", "shear.fits"]
    monkeypatch.setattr(RunFolder, "save", save)
    first = HaloRecovery.read("halos.run").halos
    assert len(first) == 4
    assert run("-n", 3, "--halos", 2)[0] == 0
    whole = HaloRecovery.read("halos.ecsv")
    assert whole.n_realizations == 3 and np.array_equal(whole.halos["ra"][:4], first["ra"])
    # Nothing is left to do, and the answer is the same.
    before = (tmp_path / "halos.ecsv").stat().st_mtime_ns
    assert "6 halos in 3 realizations" in run("-n", 3, "--halos", 2)[1]
    assert (tmp_path / "halos.ecsv").stat().st_mtime_ns == before
    shutil.rmtree("halos.run")
    code, _, err = run("-n", 3, "--halos", 2)
    assert code == 1 and "because the folder 'halos.run' with the realizations is missing" in err
    assert "--overwrite to start again" in err


def test_other_parameters_do_not_mix(run):
    assert run("-n", 1, "--halos", 2)[0] == 0
    code, _, err = run("-n", 1, "--halos", 2, "--smoothing", "1.5arcmin")
    assert code == 1 and "holds a recovery of halos with other settings: --method was" in err
    assert "or start anew with --overwrite" in err
    code, _, err = run("-n", 1, "--halos", 2, "--smoothing", "1.5arcmin", "--overwrite")
    assert code == 0, err
    assert "1.5 arcmin" in HaloRecovery.read("halos.ecsv").settings["estimator"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--method", "wiener", "--by", "kappa", "--threshold", 0.05],
         "WienerFilter(z_source=1.0)"),
        (["--uncertainty", 5, "--peak-density", 8], "uncertainty='rotations', n_realizations=5"),
        (["--pixel-scale", "0.5arcmin", "--mask", "mask.reg"], "KaiserSquires("),
    ],
    ids=["wiener", "density", "mask"],
)
def test_options_of_the_map(run, tmp_path, words, expected):
    (tmp_path / "mask.reg").write_text("icrs\ncircle(36.91, 12.57, 300\")\n")
    code, _, err = run("-n", 1, "--halos", 1, *words)
    assert code == 0, err
    found = HaloRecovery.read("halos.ecsv")
    assert expected in found.settings["estimator"]
    if "--method" in words:
        assert found.by == "kappa"
    if "--peak-density" in words:
        assert found.peak_density.value == pytest.approx(8, abs=3)


def test_wiener_expects_the_matter_before_the_galaxies(run):
    code, _, err = run("-n", 1, "--halos", 1, "--method", "wiener", "--by", "kappa",
                       "--threshold", 0.05)
    assert code == 0, err
    code = main(["inject", "shear.fits", "-o", "others.ecsv", "--mass", "1e15", "--z-lens", "0.3",
                 "--z-source", "lsst_y10", "--no-check", "-n", "1", "--halos", "1", "--method",
                 "wiener", "--by", "kappa", "--threshold", "0.05"])
    assert code == 0
    settings = HaloRecovery.read("others.ecsv").settings
    assert "z_source=1.0478" in settings["estimator"] and "mean 1.05" in settings["z_source"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "halos.fits"], "must end in .ecsv"),
        (["-o", "nowhere/halos.ecsv"], "'nowhere' does not exist"),
        (["-o", "shear.ecsv", "--plot", "shear.fits"], "is the catalog, which would be lost"),
        (["--plot", "halos.doc"], "--plot must end in one of"),
        (["--halos", "500"], "found room on the map without overlap"),
        (["--z-lens", "2"], "--z-lens must be lower than --z-source, not 2"),
        (["--mass", "2e14", "1e14"], "--mass must be"),
        (["--method", "wiener", "--smoothing", "1arcmin"], "--smoothing does not apply to"),
    ],
)
def test_errors_are_one_line(run, tmp_path, words, message):
    code, out, err = run("-n", 1, *words)
    assert code == code_of(message) and message in err and err.count("\n") == 1 and out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["shear.fits"]


def test_a_table_of_something_else(run, tmp_path):
    demo_table().write(tmp_path / "halos.ecsv")
    code, _, err = run("-n", 1)
    assert code == 1 and "lacks the settings of an injection" in err


def test_redshifts_of_galaxies_are_needed(run, capsys):
    words = ["inject", "shear.fits", "-o", "halos.ecsv", "--mass", "1e15", "--z-lens", "0.3"]
    assert main([*words, "--no-check"]) == 1
    assert "--z-source must be given" in capsys.readouterr().err
