# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Convention, kind and response from the shell: what counts, what is said, and ``--strict``."""

import json
import warnings

import numpy as np
import pytest
from astropy.table import Table
from cli_records import validated

from lensmap import ConvergenceMap
from lensmap.cli import main
from lensmap.cli.commands._demo import demo_table

TRUTH = demo_table().meta
SHAPE = "i_hsmshaperegauss_"
AT = f"{TRUTH['TRUTHRA1']},{TRUTH['TRUTHDE1']}"
COMMANDS = {
    "reconstruct": ["-o", "out.fits", "--pixel-scale", "1arcmin", "--smoothing", "2arcmin"],
    "check": ["--rotations", "30"],
    "profile": ["--at", AT, "--radii", "1arcmin", "9arcmin", "--bins", "2", "-o", "out.ecsv"],
    "inject": ["-o", "out.ecsv", "--mass", "1e15", "--z-lens", "0.3", "--z-source", "1", "-n", "1",
               "--halos", "1", "--pixel-scale", "1arcmin"],
}


def _distortions(table):
    e = np.asarray(table["e1"]) + 1j * np.asarray(table["e2"])
    return 2 * e / (1 + np.abs(e) ** 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demo's galaxies in several guises, none of which declares anything but the first."""
    folder = tmp_path_factory.mktemp("declared")
    demo = demo_table()
    demo.write(folder / "demo.fits")
    names = ("ra", "dec", "e1", "e2", "weight")
    Table({name: demo[name] for name in names}).write(folder / "plain.csv")
    demo[:200].write(folder / "few.fits")
    e = _distortions(demo)
    Table({"i_ra": demo["ra"], "i_dec": demo["dec"], f"{SHAPE}e1": e.real, f"{SHAPE}e2": e.imag,
           f"{SHAPE}derived_weight": demo["weight"]}).write(folder / "hsc.fits")
    return folder


@pytest.fixture
def run(folder, tmp_path, monkeypatch, capsys):
    """Run a command with its options on a catalog; return code, record and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(command, catalog, *words):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            code = main([command, str(folder / catalog), *COMMANDS[command], *words,
                         "--json", "record.json", "--overwrite"])
        return code, validated("record.json"), capsys.readouterr().err

    return run


def codes_of(record):
    return [one["code"] for one in record["warnings"]]


def test_the_survey_declares_its_columns(run):
    """Distortions of HSC with nothing declared give the map of the same shears."""
    peaks = {}
    for name in ("demo.fits", "hsc.fits"):
        code, record, err = run("reconstruct", name)
        assert code == 0 and not record["warnings"]
        peaks[name] = np.nanmax(ConvergenceMap.read("out.fits").data)
    assert peaks["hsc.fits"] == pytest.approx(peaks["demo.fits"], rel=0.02)
    declared = record["declaration"]
    assert (declared["kind"], declared["kind_from"]) == ("distortion", "survey")
    assert declared["survey"] == "hsc_y3" and declared["reference"] in err
    assert record["convention_check"]["verdict"] == "right"
    assert record["convention_check"]["documented_convention"] == "celestial"
    (line,) = [line for line in err.splitlines() if "of the survey" in line]
    assert "kind 'distortion' are used" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_of_columns_declares_them(command, run, tmp_path):
    """The user's own file of columns documents what it says, as a known survey does."""
    (tmp_path / "ours.toml").write_text(
        'convention = "celestial"\nkind = "shear"\nreference = "Us 2030"\n'
        '[columns]\nra = "ra"\ndec = "dec"\ne1 = "e1"\ne2 = "e2"\n'
    )
    code, record, _ = run(command, "plain.csv", "--columns", "ours.toml")
    assert code == 0 and not record["warnings"]
    declared = record["declaration"]
    assert declared["convention_from"] == declared["kind_from"] == "survey"
    assert (declared["survey"], declared["reference"]) == ("ours.toml", "Us 2030")
    words = ["--columns", "ours.toml", "--convention", "euclidean", "--no-check"]
    if command != "check":
        code, record, _ = run(command, "plain.csv", *words)
        assert code == 0 and "differs_from_survey" in codes_of(record)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_table_that_declares_nothing(command, run):
    code, record, err = run(command, "plain.csv")
    assert code == 0
    assert codes_of(record) == ["undeclared_convention"]
    assert "--convention celestial and --kind shear" in err
    assert "declared convention" not in err
    assert record["declaration"]["convention_from"] == record["declaration"]["kind_from"] == (
        "default"
    )
    words = ["--convention", "celestial", "--kind", "shear", "--strict"]
    code, record, err = run(command, "plain.csv", *words)
    assert code == 0 and not record["warnings"]
    assert record["declaration"]["kind_from"] == "argument"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("catalog", "words", "code"),
    [
        ("plain.csv", [], "undeclared_convention"),
        ("plain.csv", ["--convention", "celestial"], "undeclared_kind"),
        ("demo.fits", ["--kind", "distortion"], "differs_from_file"),
        ("demo.fits", ["--response", "0.9"], None),
        ("hsc.fits", ["--kind", "shear"], "differs_from_survey"),
    ],
)
def test_strict(command, catalog, words, code, run, tmp_path):
    """Doubts about the catalog end every command before it writes anything."""
    if code is None and command != "reconstruct":
        pytest.skip("one command suffices")
    found, record, err = run(command, catalog, *words, "--strict")
    if code is None:
        assert found == 0 and record["declaration"]["response"] == 0.9
        return
    assert found == 1 and record["status"] == "failed"
    (error,) = record["errors"]
    assert error["code"] == code and "because of --strict" in err
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize("command", ["reconstruct", "profile", "inject"])
@pytest.mark.parametrize(
    ("catalog", "words", "verdict", "strict_code"),
    [("demo.fits", ["--convention", "iau"], "wrong", 3), ("few.fits", [], "undecided", 4)],
)
def test_the_check_on_the_way(command, catalog, words, verdict, strict_code, run, tmp_path):
    code, record, err = run(command, catalog, *words)
    assert code == 0 and f"convention_{verdict}" in codes_of(record)
    assert record["convention_check"]["verdict"] == verdict and "sigma" in err
    if words:
        return  # --strict stops at the difference between the file and the argument
    for path in tmp_path.glob("out*"):
        if path.is_file():
            path.unlink()
    code, record, err = run(command, catalog, *words, "--strict")
    assert code == strict_code and record["status"] == verdict
    assert record["errors"][0]["code"] == f"convention_{verdict}"
    assert record["convention_check"]["verdict"] == verdict
    assert not [path for path in tmp_path.glob("out*") if path.is_file()]
    code, record, _ = run(command, catalog, *words, "--strict", "--no-check")
    assert code == 0 and record["convention_check"] is None


def test_strict_and_wrong(run, folder):
    """A plain table that is declared wrongly, by nothing but the user."""
    words = ["--convention", "euclidean", "--kind", "shear", "--strict"]
    code, record, _ = run("reconstruct", "plain.csv", *words)
    assert code == 3 and record["errors"][0]["code"] == "convention_wrong"
    assert "it should be 'celestial'" in record["errors"][0]["message"]
    code, record, _ = run("check", "plain.csv", *words)
    assert code == 3 and record["verdict"] == "wrong" and record["handedness"] == "mirrored"


def test_the_user_overrides_the_file(run, folder):
    """Convention, kind, frame and response, even if the file's entry means nothing."""
    table = Table.read(folder / "demo.fits")
    table.meta |= {"RESPONSE": "megacam-r", "FRAME": "tile", "KIND": "galaxies",
                   "CONVENTN": "lensfit"}
    table.write(folder / "strange.fits", overwrite=True)
    code, record, err = run("reconstruct", "strange.fits", "--no-check")
    assert code == 1 and "--convention" in err and "'lensfit', which the table's meta" in err
    words = ["--convention", "celestial", "--kind", "shear", "--frame", "icrs"]
    code, record, err = run("reconstruct", "strange.fits", "--no-check", *words)
    assert code == 1 and "--response none" in err
    code, record, _ = run("reconstruct", "strange.fits", "--no-check", *words, "--response", "none")
    assert code == 0 and codes_of(record) == ["differs_from_file"]
    assert {record["declaration"][f"{name}_from"] for name in
            ("convention", "kind", "frame", "response")} == {"argument"}
    strange = ConvergenceMap.read("out.fits").data
    run("reconstruct", "demo.fits", "--no-check")
    np.testing.assert_array_equal(strange, ConvergenceMap.read("out.fits").data)


@pytest.mark.parametrize("text, matrix", [("0.5", 0.5), ("0.5,0,0,0.5", [[0.5, 0], [0, 0.5]])])
def test_response(text, matrix, run):
    run("reconstruct", "demo.fits", "--no-check")
    plain = ConvergenceMap.read("out.fits").data
    code, record, _ = run("reconstruct", "demo.fits", "--no-check", "--response", text)
    assert code == 0 and record["declaration"]["response"] == matrix
    np.testing.assert_allclose(ConvergenceMap.read("out.fits").data, 2 * plain, rtol=1e-4,
                               atol=1e-9)
    assert json.loads(json.dumps(record["declaration"]))["response_from"] == "argument"
