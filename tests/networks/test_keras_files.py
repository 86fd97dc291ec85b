# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Whole Keras models in files: they come back with their card, and code is refused."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from lensmap import CNNReconstructor, MaskedCNN
from lensmap.estimators import file_of_estimator, make_estimator
from lensmap.networks import (
    Architecture,
    Domain,
    LargeConv2D,
    Network,
    as_network,
    build,
    load_network,
    network_record,
    read_card,
    save_network,
)
from lensmap.networks._cards import network_files

DOMAIN = Domain((0.4, 0.5), (2.0, 9.0), (0.2, 0.4), (0.0, 0.2))


def _model(*more):
    image = keras.Input((None, None, 3))
    planes = layers.Conv2D(2, 5, padding="same", activation="relu")(image)
    for layer in more:
        planes = layer(planes)
    return keras.Model(image, layers.Conv2D(1, 3, padding="same")(planes))


@pytest.fixture(scope="module")
def network():
    # A compiled model has an optimizer and a loss, which must not get into the file.
    model = _model(LargeConv2D(2, 9, padding="same"))
    model.compile("adam", lambda y_true, y_pred: y_pred)
    return Network(model, Architecture("smoothed", stride=2, reach=7, margin=3), DOMAIN)


@pytest.fixture
def path(network, tmp_path):
    save_network(network, tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


def test_round_trip(network, path):
    back = load_network(path)
    assert back.architecture == network.architecture and back.domain == DOMAIN
    for one, other in zip(back.model.get_weights(), network.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    card = read_card(path.with_suffix(".json"))
    assert card == read_card(path) == back.card and "architecture" not in card
    assert network_record(path) == {"name": "mine.keras", "edition": None, "sha256": card["sha256"]}
    assert as_network(path) is as_network(str(path))
    assert sorted(file.name for file in path.parent.iterdir()) == ["mine.json", "mine.keras"]


def test_an_architecture_of_lensmap_may_be_a_whole_model(tmp_path):
    model = build("lensmap", widths=[4, 6], blocks=[1, 1], details=4)
    network = Network(model, Architecture("multiscale", stride=4), card={
        "masks": True, "architecture": "lensmap", "options": {},
    })
    save_network(network, tmp_path / "w.keras")
    back = load_network(tmp_path / "w.keras")
    images = np.random.default_rng(1).standard_normal((1, 16, 16, 18)).astype("f4")
    np.testing.assert_array_equal(back.model(images), model(images))
    assert "architecture" not in back.card
    MaskedCNN(network=tmp_path / "w.keras")


def test_estimators_take_it(path):
    estimator = CNNReconstructor(network=str(path))
    assert estimator.digest() == read_card(path)["sha256"]
    assert make_estimator(str(path)).network == str(path)
    assert make_estimator(f"cnn:{path}(symmetrize=True)").symmetrize
    for text in (str(path), f"cnn:{path}", f"cnn(network={path})"):
        assert file_of_estimator(text) == str(path)
    with pytest.raises(ValueError, match="a network that was trained with masks"):
        MaskedCNN(network=path)


def test_the_card_names_the_file_beside_it(path, tmp_path):
    assert network_files(tmp_path / "mine.json") == (path, tmp_path / "mine.json")
    assert network_files(tmp_path / "other.json")[0] == tmp_path / "other.h5"


def test_a_missing_card(path):
    path.with_suffix(".json").unlink()
    for use in (load_network, lambda name: CNNReconstructor(network=name)):
        with pytest.raises(FileNotFoundError, match="no card '.*mine.json' .*save_network"):
            use(path)


@pytest.mark.parametrize("has_card", [True, False])
def test_a_whole_model_in_hdf5(network, tmp_path, has_card):
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:  # what Model.save("mine.h5") begins with
        file.attrs["model_config"] = "{}"
    if has_card:
        card = {"format": 1, "sha256": "", "calibration": None, "architecture": "lensmap",
                "options": {}}
        import hashlib

        card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises((ValueError, FileNotFoundError), match="whole Keras model in HDF5.*NAME"):
        load_network(path)


LAMBDA = layers.Lambda(lambda x: 2 * x)


def test_code_is_not_written(tmp_path):
    network = Network(_model(LAMBDA), Architecture("paper"))
    with pytest.raises(ValueError, match="no code, not the layer 'lambda.*' of the class Lambda"):
        save_network(network, tmp_path / "mine.keras")
    assert list(tmp_path.iterdir()) == []


def _rewrite(path, change):
    """Change the members of the archive, and make the card agree."""
    import hashlib

    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    card = path.with_suffix(".json")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card.write_text(json.dumps({**json.loads(card.read_text()), "sha256": digest}))


def _with_lambda(members):
    config = json.loads(members["config.json"])
    layer = config["config"]["layers"][1]
    layer["class_name"], layer["config"] = "Lambda", {"name": "lambda_1", "function": "x"}
    members["config.json"] = json.dumps(config).encode()


def _with_a_lambda_hidden_in_an_argument(members):
    config = json.loads(members["config.json"])
    for layer in config["config"]["layers"]:
        if layer["class_name"] == "Conv2D":
            layer["config"]["activation"] = {"class_name": "__lambda__", "config": {"value": []}}
    members["config.json"] = json.dumps(config).encode()


def _with_an_unknown_layer(members):
    text = members["config.json"].decode().replace('"Conv2D"', '"Conv2DOfMine"')
    members["config.json"] = text.encode()


def _with_a_function_of_the_system(members):
    config = json.loads(members["config.json"])
    config["config"]["layers"][1]["config"]["activation"] = {
        "class_name": "function", "module": "os", "config": "system", "registered_name": "function",
    }
    members["config.json"] = json.dumps(config).encode()


def _change_weights(members, change):
    file = io.BytesIO(members["model.weights.h5"])
    with h5py.File(file, "a") as weights:
        change(weights)
    members["model.weights.h5"] = file.getvalue()


def _with_a_link(members):
    _change_weights(members, lambda file: file.__setitem__("x", h5py.ExternalLink("o.h5", "x")))


def _with_nan(members):
    def change(file):
        names = []
        file.visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
        for name in names:
            file[name][...] = np.nan

    _change_weights(members, change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_with_lambda, "the layer 'lambda.*' of the class Lambda, which can execute code"),
        (_with_a_lambda_hidden_in_an_argument, "of the class lambda, which can execute code"),
        (_with_an_unknown_layer, "Keras cannot load .*registered with keras.saving.register_keras"),
        (_with_a_function_of_the_system, "Keras cannot load"),
        (_with_a_link, "takes data from other files: '/x' is an external link"),
        (_with_nan, "NaN or infinite"),
        (lambda members: members.__setitem__("assets/a.txt", b"x"), "'assets/a.txt' is another fi"),
        (lambda members: members.pop("metadata.json"), "'metadata.json' is missing"),
        (lambda members: members.__setitem__("config.json", b"{"), "damaged"),
    ],
)
def test_files_that_are_refused(path, change, message):
    _rewrite(path, change)
    with pytest.raises(ValueError, match=message) as caught:
        load_network(path)
    assert "mine.keras" in str(caught.value)


def test_a_file_that_is_no_archive(path):
    import hashlib

    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="damaged or does not belong to its card: the SHA-256"):
        load_network(path)
    card = path.with_suffix(".json")
    digest = hashlib.sha256(b"nothing").hexdigest()
    card.write_text(json.dumps({**json.loads(card.read_text()), "sha256": digest}))
    with pytest.raises(ValueError, match="mine.keras' is not a Keras model in the format .keras"):
        load_network(path)


@pytest.mark.parametrize("key", ["inputs", "pixel_scale", "galaxies_per_pixel", "shape_noise",
                                 "reach", "stride", "calibration", "sha256"])
def test_a_card_without_an_entry(path, key):
    card = path.with_suffix(".json")
    content = json.loads(card.read_text())
    del content[key]
    card.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"mine\.json.*{key}"):
        load_network(path)


def test_paths(network, tmp_path):
    with pytest.raises(ValueError, match="path must end in .h5 or .keras, not 'mine.zip'"):
        save_network(network, tmp_path / "mine.zip")
    with pytest.raises(ValueError, match="architecture must be .* for a Keras model of your own"):
        save_network(network, tmp_path / "mine.h5")
