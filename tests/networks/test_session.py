# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Networks do not depend on Keras' global settings, and say what a forked process lacks."""

import os
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest

from lensmap.networks import Architecture, GridArrays, Network, build
from lensmap.networks._session import keras_session

NOTHING = GridArrays(np.zeros((8, 8), complex), *np.ones((2, 8, 8)), 0.41)
NAMES = ("image_data_format", "floatx", "epsilon")


def settings():
    config = keras.config
    return [*(getattr(config, name)() for name in NAMES), config.dtype_policy().name]


@pytest.fixture(params=["channels_first", "float64", "mixed", "epsilon"])
def other_settings(request):
    """Settings of a user's program or of keras.json."""
    before = settings()
    config = keras.config
    if request.param == "channels_first":
        config.set_image_data_format("channels_first")
    elif request.param == "float64":
        config.set_floatx("float64")
        config.set_dtype_policy("float64")
    elif request.param == "mixed":
        config.set_dtype_policy("mixed_bfloat16")
    else:
        config.set_epsilon(0.1)
    yield settings()
    for name, value in zip(NAMES, before, strict=False):
        getattr(config, f"set_{name}")(value)
    config.set_dtype_policy(before[-1])


def small(name):
    keras.utils.set_random_seed(3)
    options = {
        "h21like": {"width": 4, "size": 3},
        "cha2025": {"size": 9},
        "lensmap": {"widths": [4, 6], "blocks": [1, 1], "details": 4},
    }
    return build(name, **options[name])


def predicted(model):
    rng = np.random.default_rng(1)
    images = rng.normal(size=(1, 32, 32, model.input_shape[-1])).astype(np.float32)
    return keras.ops.convert_to_numpy(model(images, training=False))


@pytest.fixture(scope="module")
def expected():
    """The outputs of small networks with Keras' default settings."""
    return {name: predicted(small(name)) for name in ("h21like", "lensmap")}


@pytest.mark.parametrize("name", ["h21like", "lensmap"])
def test_models_have_the_default_settings(name, expected, other_settings):
    model = small(name)
    assert settings() == other_settings
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    with keras_session():
        np.testing.assert_array_equal(predicted(model), expected[name])
    assert settings() == other_settings


def test_predictions(other_settings):
    network = Network(small("h21like"), Architecture("smoothed", stride=4, reach=16))
    rng = np.random.default_rng(2)
    g = 0.1 * (rng.normal(size=(40, 40)) + 1j * rng.normal(size=(40, 40)))
    arrays = GridArrays(g, np.full((40, 40), 100.0), np.full((40, 40), 0.1), 0.41)
    kappa = network.predict(arrays).kappa
    assert kappa.shape == (40, 40) and kappa.dtype == np.float32
    assert settings() == other_settings


def test_the_settings_return_after_an_error(other_settings):
    with pytest.raises(KeyError), keras_session():
        assert settings() == ["channels_last", "float32", 1e-7, "float32"]
        raise KeyError
    assert settings() == other_settings


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:.*fork:RuntimeWarning")
def test_a_forked_process_has_one_error():
    network = Network(small("h21like"), Architecture("smoothed", stride=4, reach=16))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        answer = None
        try:
            network.predict(NOTHING)
        except BaseException as error:  # noqa: BLE001
            answer = type(error).__name__, str(error)
        os.write(write, pickle.dumps(answer))
        os._exit(0)
    os.close(write)
    with open(read, "rb") as stream:
        name, message = pickle.load(stream)
    os.waitpid(child, 0)
    assert name == "RuntimeError" and "forked" in message
    assert "the method 'spawn'" in message and keras.backend.backend() in message
    assert network.predict(NOTHING) is not None


BACKENDS = """
import os
for name in ("variable", "file"):
    try:
        from lensmap.networks import load_network
    except ImportError as error:
        print(error)
    os.environ.pop("KERAS_BACKEND", None)
"""


def test_messages_name_the_backend(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "of_file"}')
    chosen = {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "of_variable"}
    done = subprocess.run([sys.executable, "-c", BACKENDS], env={**os.environ, **chosen},
                          text=True, capture_output=True, check=True)
    first, second = [line for line in done.stdout.splitlines() if "backend" in line]
    assert "Keras' backend 'of_variable'" in first and "unset KERAS_BACKEND" in first
    assert "the environment variable KERAS_BACKEND=of_variable asks for" in first
    assert "Keras' backend 'of_file'" in second and "write 'tensorflow' into this file" in second
    assert str(tmp_path / "keras.json") in second


@pytest.mark.slow
def test_tensorflow_is_silent():
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("TF_")}
    code = "from lensmap.networks import load_network; print(load_network('h21like').card['name'])"
    done = subprocess.run([sys.executable, "-c", code], env=environment, text=True,
                          capture_output=True, check=True)
    assert (done.stdout, done.stderr) == ("h21like\n", "")
