# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Large kernels outside the graph: equal results, changed weights, the choice between the ways."""

import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest

from lensmap.networks import Architecture, LargeConv2D, LargeConv2DTranspose, Network
from lensmap.networks import _network as _network_module
from lensmap.networks.models import _outside_graph
from lensmap.networks.models._outside_graph import VARIABLE, maps_only

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="other backends have one way"
)

RNG = np.random.default_rng(8)


def _network(**options):
    """A small network with all kinds of large kernels, and random weights."""
    inputs = keras.Input((None, None, 3))
    x = LargeConv2D(4, 25, padding="same", method="fft", activation="leaky_relu")(inputs)
    x = LargeConv2D(5, (21, 24), method="fft", **options)(x)
    x = LargeConv2DTranspose(2, (21, 24), method="fft", activation="leaky_relu")(x)
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1)(x))
    model.set_weights([0.1 * RNG.standard_normal(w.shape) for w in model.get_weights()])
    return Network(model, Architecture("smoothed", reach=60))


def _direct(network):
    """The same network with Keras' own convolutions in float64."""
    def clone(layer):
        config = layer.get_config() | {"dtype": "float64"}
        return type(layer).from_config(
            config | {"method": "direct"} if "method" in config else config
        )

    model = keras.models.clone_model(network.model, clone_function=clone)
    model.set_weights(network.model.get_weights())
    return model


def _run(network, images):
    with maps_only():
        return keras.ops.convert_to_numpy(network.model(images, training=False))


@pytest.fixture
def calls(monkeypatch):
    """The shapes of the images that were correlated outside the graph."""
    shapes = []
    correlate = _outside_graph.correlate

    def counted(images, *arguments):
        shapes.append(images.shape)
        return correlate(images, *arguments)

    monkeypatch.setattr(_outside_graph, "correlate", counted)
    monkeypatch.setenv(VARIABLE, "scipy")
    return shapes


@pytest.mark.parametrize("shape", [(1, 131, 90, 3), (3, 64, 65, 3)])
def test_both_ways_equal_the_direct_convolutions(shape, calls, monkeypatch):
    network, images = _network(), RNG.standard_normal(shape, np.float32)
    outside = _run(network, images)
    assert len(calls) == 3
    monkeypatch.setenv(VARIABLE, "graph")
    inside = _run(network, images)
    assert len(calls) == 3
    expected = keras.ops.convert_to_numpy(_direct(network)(images))
    for found in (outside, inside):
        np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6 * np.abs(expected).max())


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
def test_types_are_those_of_the_graph(dtype, calls, monkeypatch):
    layer = LargeConv2D(3, 17, method="fft", dtype=dtype)
    images = RNG.standard_normal((2, 40, 51, 2))
    found = []
    for way in ("scipy", "graph"):
        monkeypatch.setenv(VARIABLE, way)
        with maps_only():
            found.append(layer(images))
    assert len(calls) == 1 and found[0].dtype == found[1].dtype
    one, other = (keras.ops.convert_to_numpy(keras.ops.cast(x, "float64")) for x in found)
    precision = 1e-13 if dtype == "float64" else 0.01
    np.testing.assert_allclose(one, other, rtol=0, atol=precision * np.abs(other).max())


def test_a_network_follows_its_weights(calls):
    """Steps of training, single values and whole sets of weights change the next map."""
    network, images = _network(), RNG.standard_normal((1, 70, 80, 3), np.float32)
    model, direct = network.model, _direct(network)

    def maps_are_right():
        direct.set_weights(model.get_weights())
        expected = keras.ops.convert_to_numpy(direct(images))
        np.testing.assert_allclose(
            network._run(images[0])[np.newaxis], expected, rtol=0,
            atol=5e-6 * np.abs(expected).max(),
        )
        return expected

    maps = [maps_are_right()]
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    model.train_on_batch(images, np.zeros((1, 70, 80, 1), np.float32))
    maps.append(maps_are_right())
    model.set_weights([0.1 * RNG.standard_normal(w.shape) for w in model.get_weights()])
    maps.append(maps_are_right())
    kernel = model.layers[2].kernel
    kernel.assign(kernel + 0.01)
    maps.append(maps_are_right())
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(maps, maps[1:]))
    assert calls[-1][1:] == (50, 57, 5)  # the graph of the first map, with new kernels


def test_training_and_keras_own_calls_stay_in_the_graph(calls):
    network, images = _network(), RNG.standard_normal((1, 60, 60, 3), np.float32)
    model = network.model
    model.predict(images, verbose=0)
    model(images, training=False)
    model.compile("sgd", "mse")
    model.train_on_batch(images, images[..., :1])
    assert calls == []
    network._run(images[0])
    assert len(calls) == 3


def test_threads_share_a_network(calls):
    network = _network()
    images = [RNG.standard_normal((60 + 8 * i, 70, 3), np.float32) for i in range(4)]
    expected = [network._run(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(network._run, images))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# Keras asks TensorFlow's variables for arrays as numpy 1 did.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_used_network_can_be_pickled(calls):
    network, image = _network(), RNG.standard_normal((60, 70, 3), np.float32)
    expected = network._run(image)
    again = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(again._run(image), expected)


def test_the_faster_way_is_found_once_a_process(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(_outside_graph, "_choices", {})
    seconds = {"graph": 0.0, "scipy": 0.0}
    trials = []

    def spent(correlate, shape, steps, *, has_fixed_part):
        way = "graph" if has_fixed_part else "scipy"
        trials.append((way, shape))
        return seconds[way]

    monkeypatch.setattr(_outside_graph, "_seconds_per_map", spent)
    image = RNG.standard_normal((60, 70, 3), np.float32)
    network = _network()
    for faster in seconds:
        seconds.update({"graph": 1.0, "scipy": 1.0} | {faster: 0.5})
        monkeypatch.setattr(_outside_graph, "_choices", {})
        trials.clear()
        replace(network)._run(image)
        assert set(_outside_graph._choices.values()) == {faster == "scipy"}
        assert len(trials) == 2 * len(_outside_graph._choices) == 6
        replace(network)._run(image)
        assert len(trials) == 6


def test_large_images_save_memory_even_if_that_is_slower(calls, monkeypatch):
    monkeypatch.setenv(VARIABLE, "auto")
    monkeypatch.setattr(_outside_graph, "_is_scipy_faster", lambda *_: False)
    monkeypatch.setattr(_outside_graph, "_choices", {})
    monkeypatch.setattr(_network_module, "_MAX_USUAL_PIXELS", 60 * 70)
    network = _network()
    network._run(RNG.standard_normal((60, 70, 3), np.float32))
    assert calls == []
    network._run(RNG.standard_normal((60, 71, 3), np.float32))
    assert len(calls) == 3


def test_the_trial_measures_both_ways(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(_outside_graph, "_choices", {})
    network, image = _network(), RNG.standard_normal((60, 70, 3), np.float32)
    slow = _outside_graph.correlate

    def slower(*arguments):
        start = time.process_time()
        while time.process_time() < start + 0.2:
            pass
        return slow(*arguments)

    monkeypatch.setattr(_outside_graph, "correlate", slower)
    network._run(image)
    assert not any(_outside_graph._choices.values())


def test_an_unknown_way_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, "fastest")
    with pytest.raises(ValueError, match="LENSMAP_LARGE_KERNELS must be one of 'auto', 'graph'"):
        _network()._run(np.zeros((60, 70, 3), np.float32))
