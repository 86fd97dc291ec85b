# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap train``: its files, its messages, and that it goes on."""

import json

import numpy as np
import pytest
from astropy.table import Table
from cli_records import validated
from simulate_command import simulate

from lensmap.cli import main
from lensmap.networks import load_network, read_card

SMALL = json.dumps({"widths": [4, 6], "blocks": [1, 1], "details": 4})


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    simulate("fields", "-o", str(folder), "-n", "3", "--shape", "64", "64", "--z-source", "1.5",
             "--workers", "1")
    return folder


def _train(*words):
    return main(["train", "--options", SMALL, "--check-every", "3", *map(str, words)])


@pytest.mark.slow
def test_trains_and_goes_on(fields, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert _train("-o", "run", "--fields", fields, "--steps", 6, "--json", "r.json") == 0
    assert validated("r.json")["n_steps"] == 6
    said = capsys.readouterr().out
    assert "6 steps; r = " in said and "on held-out fields" in said
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "checkpoint.npz", "curve.ecsv", "curve.png", "fields", "run.json", "weights.h5",
        "weights.json",
    ]
    assert list(Table.read("run/curve.ecsv")["step"]) == [3, 6]
    card = read_card("run/weights.h5")
    assert card["training"]["n_files"] == [2] and card["training"]["steps_done"] == 6
    before = load_network("run/weights.h5").model.get_weights()
    assert _train("-o", "run", "--fields", fields, "--steps", 6) == 0
    for one, other in zip(before, load_network("run/weights.h5").model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_the_map_of_a_trained_network(fields, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert _train("-o", "run", "--fields", f"{fields}:0.5", "--steps", 2) == 0
    simulate("survey", "-o", "shear.fits", "--field", str(fields / "field_0000.fits"))
    words = ["reconstruct", "shear.fits", "-o", "k.fits", "--method", "cnn", "--no-check"]
    assert main([*words, "--network", "run/weights.h5", "--uncertainty", "network"]) == 0
    assert "times its error about the truth" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fields", "nowhere"], "--fields: there is no folder 'nowhere'"),
        (["--fields", "empty"], "holds no maps"),
        (["--fields", "empty:much"], "must be DIR or DIR:PART, where PART is a number"),
        (["--network", "resnet", "--draw", "2"], "no architecture 'resnet'"),
        (["--start", "no.h5", "--draw", "2"], "there is no card 'no.json'"),
        (["-o", "file"], "--output: 'file' is a file, not a directory"),
        (["-o", "file/run"], "'file/run' cannot be made, because 'file' is a file"),
    ],
)
def test_bad_input(words, message, tmp_path, monkeypatch, capsys):
    """It is told before fields are drawn."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "lensmap.networks.FieldSet.draw", lambda *args, **options: pytest.fail("it drew fields")
    )
    (tmp_path / "empty").mkdir()
    # Hidden files are no maps: those of killed runs, and those of the system.
    for name in (".field_0000-lensmap-0123cdef-7-5-0123cdef.fits", "._field_0000.fits"):
        (tmp_path / "empty" / name).touch()
    (tmp_path / "file").touch()
    assert _train("-o", "run", "--steps", 2, *words) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "examples:\n  lensmap train -o" in out and "--options" not in out
    assert max(map(len, out.splitlines())) <= 100
