# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files of weights: what is written comes back, and what is damaged is told."""

import dataclasses
import hashlib
import json
import os

import h5py
import numpy as np
import pytest

from lensmap.estimators import make_estimator
from lensmap.networks import (
    Architecture,
    Domain,
    Network,
    as_network,
    available_editions,
    available_networks,
    build,
    load_network,
    network_record,
    read_card,
    save_network,
)
from lensmap.networks._calibration import IntervalCalibration
from lensmap.networks._cards import network_files

CALIBRATION = IntervalCalibration(
    ("log noise",), ((-1.0, 1.5), (0.0, 4.0)), ((0.1, 0, 0, 0.2, 0, 0), (0.0, 0.3, 0, 0, 0, 0))
)

OPTIONS = {"widths": [4, 6], "blocks": [1, 1], "details": 4}


@pytest.fixture(scope="module")
def network():
    model = build("lensmap", **OPTIONS)
    rng = np.random.default_rng(1)
    model.set_weights([0.1 * rng.standard_normal(w.shape) for w in model.get_weights()])
    architecture = Architecture("multiscale", stride=4, reach=20, margin=2, large_scales=9.0)
    domain = Domain(pixel_scale=(0.3, 0.6), galaxies_per_pixel=(2.0, 9.0), shape_noise=(0.2, 0.3),
                    measurement_error=(0.01, 0.1))
    return Network(model, architecture, domain, CALIBRATION,
                   card={"name": "small", "masks": True})


@pytest.fixture
def path(network, tmp_path):
    save_network(network, tmp_path / "w.h5", architecture="lensmap", options=OPTIONS)
    return tmp_path / "w.h5"


def test_round_trip(network, path):
    back = load_network(path)
    assert back.architecture.to_card() == network.architecture.to_card()
    assert back.domain == network.domain
    assert back.calibration == network.calibration == CALIBRATION
    for one, other in zip(back.model.get_weights(), network.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other.astype(np.float16).astype(np.float32))
    assert back.card["masks"] is True and back.card["n_parameters"] == network.model.count_params()
    assert read_card(path) == back.card == read_card(path.with_suffix(".json"))


def test_nothing_but_arrays_of_half_precision_is_in_the_file(path):
    kinds = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: kinds.append(getattr(item, "dtype", None)))
    assert {str(kind) for kind in kinds if kind is not None} == {"float16", "object"}  # and names


def test_a_changed_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="does not belong to its card: the SHA-256"):
        load_network(path)


def test_a_missing_file(path, tmp_path):
    path.unlink()
    with pytest.raises(FileNotFoundError, match="no weights file"):
        load_network(path)
    with pytest.raises(FileNotFoundError, match="no card"):
        load_network(tmp_path / "other.h5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "format 99, but this version"),
        ({"options": {**OPTIONS, "widths": [4, 8]}}, "has the shape"),
        ({"options": {**OPTIONS, "blocks": [2, 1]}}, "is missing in the file"),
        ({"options": {"widths": [4], "blocks": [1], "details": 4}}, "is not a weight of the arch"),
        ({"architecture": "transformer"}, "no architecture 'transformer': choose one of 'lensmap'"),
        ({"inputs": "paper"}, "have 3 input channels .g1, g2, .*inputs='paper' .*, not 18"),
    ],
)
def test_a_card_that_does_not_fit(path, change, message):
    card = path.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **change}))
    with pytest.raises(ValueError, match=message):
        load_network(path)


def test_a_card_without_a_range(path):
    card = path.with_suffix(".json")
    content = json.loads(card.read_text())
    del content["measurement_error"]
    card.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="w.json.*lacks measurement_error, the range of the train"):
        load_network(path)


KEYS = ["format", "sha256", "architecture", "options", "calibration", "inputs", "stride",
        "reach", "margin", "large_scales", "pixel_scale", "shape_noise"]


@pytest.mark.parametrize("key", KEYS)
def test_a_card_without_an_entry(path, key):
    card = path.with_suffix(".json")
    content = json.loads(card.read_text())
    del content[key]
    card.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"w\.json.*{key}.*train"):
        load_network(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("sha256", 5), ("architecture", ["lensmap"]), ("options", []), ("options", {"hue": 1}),
     ("options", {"widths": "many"}), ("calibration", [1.0]), ("stride", 0),
     ("calibration", {}), ("calibration", {**CALIBRATION.to_card(), "ranges": [[1, 0]]}),
     ("calibration", {**CALIBRATION.to_card(), "channels": ["redshift"]}),
     ("calibration", {**CALIBRATION.to_card(), "coefficients": [["a"], ["b"]]}),
     ("calibration", {**CALIBRATION.to_card(), "coefficients": [[float("nan")] * 6] * 2}),
     ("stride", 1.5), ("reach", -1), ("margin", None), ("large_scales", "big"),
     ("large_scales", float("nan")), ("pixel_scale", [0.6, 0.3]), ("pixel_scale", 0.4),
     ("pixel_scale", [0.3, float("inf")]), ("shape_noise", ["a", "b"]), ("inputs", "colors")],
)
def test_a_card_with_a_wrong_entry(path, key, value):
    card = path.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), key: value}))
    with pytest.raises(ValueError, match=r"the card '.*w\.json' .*intact copy"):
        load_network(path)


def _rewrite(path, change):
    """Change the arrays of a weights file, and make the card agree."""
    with h5py.File(path, "a") as file:
        change(file)
    card = path.with_suffix(".json")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card.write_text(json.dumps({**json.loads(card.read_text()), "sha256": digest}))


def _largest(file):
    names = [str(name) for name in file["names"].asstr()]
    return max(names, key=lambda name: file[name].size)


def _replace(file, make):
    name = _largest(file)
    values = file[name][()]
    del file[name]
    make(file, name, values)


def _external_link(file, name, values):
    with h5py.File(f"{file.filename}.other", "w") as other:
        other["x"] = values
    file[name] = h5py.ExternalLink(f"{file.filename}.other", "x")


def _virtual(file, name, values):
    with h5py.File(f"{file.filename}.other", "w") as other:
        source = h5py.VirtualSource(other.create_dataset("x", data=values))
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[...] = source
    file.create_virtual_dataset(name, layout)


def _external_storage(file, name, values):
    values.tofile(f"{file.filename}.raw")
    file.create_dataset(name, values.shape, values.dtype,
                        external=[(f"{file.filename}.raw", 0, values.nbytes)])


def _link_through(file, name, values):
    _external_link(file, "elsewhere", values)
    file[name] = h5py.SoftLink("/elsewhere")


def _huge(file, name, values):
    file.create_dataset(name, (2**20, 2**20), "f4", chunks=(64, 64))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_external_link, "from other files: .* is an external link; copy all data into one"),
        (_link_through, "from other files: '/elsewhere' is an external link"),
        (_virtual, "is a virtual dataset"),
        (_external_storage, "is a dataset with external storage"),
        (_huge, r"has the shape \(1048576, 1048576\) instead of"),
        (lambda file, name, values: None, "is missing, although the file lists it"),
        (lambda file, name, values: file.create_group(name), "is missing, although"),
        (lambda file, name, values: file.__setitem__(name, values * np.nan), "NaN or infinite"),
        (lambda file, name, values: file.__setitem__(name, values * 1e300 + 1e300), "or infinite"),
        (lambda file, name, values: file.__setitem__(name, values * 1j), "not complex"),
        (lambda file, name, values: file.__setitem__(name, values.astype(int)), "not int64"),
        (lambda file, name, values: file.__setitem__(name, values.astype("S3")), r"not \|S3"),
    ],
)
def test_weights_that_are_not_arrays_of_the_file(path, make, message):
    def change(file):
        with np.errstate(all="ignore"):
            _replace(file, lambda file, name, values: make(file, name, values.astype("f8")))

    _rewrite(path, change)
    with pytest.raises(ValueError, match=message) as caught:
        load_network(path)
    assert "w.h5" in str(caught.value)


def test_a_huge_list_of_names(path):
    def change(file):
        del file["names"]
        file.create_dataset("names", (2**40,), "S64", chunks=(64,))

    _rewrite(path, change)
    with pytest.raises(ValueError, match="is missing in the file"):
        load_network(path)


def test_weights_in_another_format(path):
    path.write_bytes(b"not HDF5")
    card = path.with_suffix(".json")
    digest = hashlib.sha256(b"not HDF5").hexdigest()
    card.write_text(json.dumps({**json.loads(card.read_text()), "sha256": digest}))
    with pytest.raises(ValueError, match=r"w\.h5' is not an HDF5 file"):
        load_network(path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", "no json"])
def test_a_damaged_card(path, text):
    path.with_suffix(".json").write_text(text)
    with pytest.raises(ValueError, match="is damaged"):
        load_network(path)


def test_names():
    with pytest.raises(ValueError, match="no network 'deepmass': lensmap has .*which ends in .h5"):
        load_network("deepmass")
    with pytest.raises(ValueError, match="no architecture 'deepmass': choose one of 'lensmap', 'c"):
        build("deepmass")


def test_editions():
    """A name stands for the newest edition; each edition has a name of its own."""
    editions = available_editions()
    assert set(available_networks()) == set(editions.values())
    for edition, name in editions.items():
        assert network_files(edition) == network_files(name)
        assert read_card(edition)["edition"] == edition
        assert network_record(edition) == {
            "name": edition, "edition": edition, "sha256": read_card(name)["sha256"],
        }
        start, number = edition.rpartition("-")[::2]
        others = [int(e.rpartition("-")[2]) for e in editions if e.rpartition("-")[0] == start]
        assert int(number) == max(others) or name == edition
    message = "no edition 'lensmap-7' of the network 'lensmap': this version of lensmap has 'lensm"
    for refused in (network_files, lambda name: make_estimator(f"cnn:{name}"), make_estimator):
        with pytest.raises(ValueError, match=message):
            refused("lensmap-7")
    assert make_estimator("lensmap-2").network == "lensmap-2"


def test_an_edition_belongs_to_its_weights(network, tmp_path):
    """What is trained from an edition has none."""
    start = dataclasses.replace(network, card={**network.card, "edition": "lensmap-1"})
    path = tmp_path / "w.h5"
    save_network(start, path, architecture="lensmap", options=OPTIONS)
    assert "edition" not in read_card(path)
    assert network_record(path)["edition"] is None and network_record(path)["name"] == "w.h5"
    save_network(start, path, architecture="lensmap", options=OPTIONS, edition="mine-2",
                 overwrite=True)
    assert read_card(path)["edition"] == "mine-2"


def test_files_are_not_overwritten(network, path):
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_network(network, path, architecture="lensmap", options=OPTIONS)
    assert path.read_bytes() == before
    save_network(network, path, architecture="lensmap", options=OPTIONS, overwrite=True)
    with pytest.raises(ValueError, match="must end in .h5"):
        save_network(network, path.with_suffix(".zip"), architecture="lensmap")


def test_weights_too_large_for_half_precision(network, tmp_path):
    model = build("lensmap", **OPTIONS)
    model.set_weights([np.full(w.shape, 1e6) for w in model.get_weights()])
    with pytest.raises(ValueError, match="are not finite in half precision"):
        save_network(
            Network(model, Architecture("multiscale")), tmp_path / "w.h5", architecture="lensmap"
        )
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_between_the_two_files_is_told(network, path, monkeypatch):
    """As of a training that is killed: its next call writes both files again."""
    model = build("lensmap", **OPTIONS)
    model.set_weights([2 * array for array in network.model.get_weights()])
    other = Network(model, network.architecture, network.domain)
    replace, renamed = os.replace, []

    def interrupted(source, target):
        if renamed:
            raise KeyboardInterrupt
        replace(source, target)
        renamed.append(target.name)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save_network(other, path, architecture="lensmap", options=OPTIONS, overwrite=True)
    assert renamed == ["w.h5"]
    assert sorted(file.name for file in path.parent.iterdir()) == ["w.h5", "w.json"]
    with pytest.raises(ValueError, match="was interrupted while .*, repeat its call, which writes"):
        load_network(path)
    save_network(other, path, architecture="lensmap", options=OPTIONS, overwrite=True)
    load_network(path)


def test_models_are_ones_own_but_estimators_share_theirs(path):
    one, other = load_network(path), load_network(path)
    assert one.model is not other.model
    assert as_network(path) is as_network(str(path))
    card = path.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), "calibration": None}))
    assert as_network(path).calibration is None
    path.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="is damaged or does not belong to its card"):
        as_network(path)


def test_what_may_be_called_a_network(network, path):
    assert as_network(network) is network
    assert as_network(path).architecture.stride == 4
    assert as_network(network.model).architecture.inputs == "multiscale"
    with pytest.raises(TypeError, match="keras.Model, not int"):
        as_network(3)


def test_a_model_of_another_form():
    import keras

    inputs = keras.Input((None, None, 5))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs))
    message = "network must be a model with 3 or 18 input channels, not 5"
    with pytest.raises(ValueError, match=message):
        as_network(model)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs))
    with pytest.raises(ValueError, match="must have 1 output channel"):
        as_network(model)
