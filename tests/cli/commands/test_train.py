# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap train``: its files, its messages, and that it goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from cli_records import validated
from simulate_command import simulate

from lensmap.cli import main
from lensmap.networks import FieldSet, load_network, read_card

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


@pytest.fixture
def own_model(tmp_path, monkeypatch):
    """Work in a folder with a small Keras model of the user."""
    import keras

    from lensmap.networks import Architecture, Network, save_network

    monkeypatch.chdir(tmp_path)
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(image))
    save_network(Network(model, Architecture("smoothed", reach=1)), "mine.keras")


@pytest.mark.slow
def test_a_model_and_maps_of_the_user(own_model, capsys):
    """From a folder of maps to a map of a catalog whose record verifies."""
    Path("maps").mkdir()
    rng = np.random.default_rng(1)
    for i in range(2):
        np.save(f"maps/m{i}.npy", rng.normal(0, 0.02, (64, 64)))
    words = ["train", "-o", "run", "--network", "mine.keras", "--fields", "maps", "--z-source", "1",
             "--survey", "wide", "--optimizer", "muon", "--loss", "huber", "--steps", "2"]
    assert main([*words, "--angle", "0.5deg", "--json", "r.json"]) == 0
    assert "weights.keras, weights.json" in capsys.readouterr().out
    card = read_card("run/weights.keras")
    assert card["training"]["optimizer"] == "muon" and card["training"]["loss"] == "huber"
    assert card["pixel_scale"] == pytest.approx([0.46875] * 2, abs=1e-4)
    assert card["inputs"] == "smoothed"
    (network,) = validated("r.json")["networks"]
    assert network["name"] == "mine.keras" and network["edition"] is None
    simulate("survey", "-o", "shear.fits", "--shape", "64", "64", "--density", "20")
    words = ["reconstruct", "shear.fits", "-o", "k.fits", "--method", "cnn", "--no-check"]
    assert main([*words, "--network", "run/weights.keras"]) == 0
    assert main(["verify", "k.fits", "run/weights.keras", "--inputs", "run"]) == 0
    with open("run/weights.keras", "ab") as file:
        file.write(b"x")
    assert main(["verify", "run/weights.keras"]) == 3
    assert main([*words, "--network", "run/weights.keras", "--overwrite"]) == 1
    assert "is damaged or does not belong to its card" in capsys.readouterr().err


@pytest.mark.slow
def test_fields_are_drawn_for_distributions_and_pixels(own_model):
    words = ["train", "-o", "run", "--network", "mine.keras", "--draw", "2", "--steps", "1"]
    words += ["--z-source", "lsst_y10", "1.0", "--pixel-scale", "0.5arcmin", "0.8arcmin"]
    assert main([*words, "--shape", "64", "64", "--workers", "1"]) == 0
    card = read_card("run/weights.keras")
    assert card["pixel_scale"] == [0.5, 0.8]
    assert [Path(name).name for name in card["training"]["sets"]] == ["0.5arcmin", "0.8arcmin"]
    for name in card["training"]["sets"]:
        fields = FieldSet(name)
        assert fields.n_redshifts == 2 and "lsst_y10" in str(fields.settings).lower()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--network", "no.keras"], "there is no card 'no.json'"),
        (["--loss", "no", "--draw", "2"], "--loss must be 'map', the name of a loss of Keras"),
        (["--width", "1deg"], "--width cannot be given, because it applies only to the maps of"),
        (["--fields", "maps", "--shape", "64", "64"], "--shape cannot be given, because the maps"),
        (["--fields", "maps", "--z-source", "1", "2"], "--z-source must be one value for the maps"),
        (["--fields", "maps"], "--pixel-scale must be given, or --width: 'maps/m.npy' has no"),
        (["--z-source", "1", "1"], "--z-source must name each redshift once"),
        (["--z-source", "lsst"], "lsst"),
    ],
)
def test_bad_maps_and_models(words, message, tmp_path, monkeypatch, capsys):
    """They are errors before fields are drawn."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "lensmap.networks.FieldSet.draw", lambda *args, **options: pytest.fail("it drew fields")
    )
    Path("maps").mkdir()
    np.save("maps/m.npy", np.zeros((64, 64)))
    assert _train("-o", "run", "--steps", 2, *words) in (1, 2)
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


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
