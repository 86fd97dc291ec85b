# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The network of Table 1."""

import keras
import numpy as np
import pytest

from lensmap.networks import cha2025_network


def test_table_1():
    model = cha2025_network()
    assert model.count_params() == 5_606_617
    sides = {
        "inputs": (512, 3),
        "conv_0": (512, 8),
        "conv_1": (512, 8),
        "conv_2": (512, 8),
        "concatenate": (512, 24),
        "dropout_0": (512, 24),
        "conv_3": (464, 24),
        "trans_conv_0": (512, 24),
        "multiply": (512, 24),
        "dropout_1": (512, 24),
        "conv_4": (464, 24),
        "trans_conv_1": (512, 24),
        "conv_5": (512, 1),
    }
    assert [layer.name for layer in model.layers] == list(sides)
    fixed = keras.models.clone_model(model, keras.Input((512, 512, 3)))
    for layer in fixed.layers[1:]:
        side, channels = sides[layer.name]
        assert layer.output.shape == (None, side, side, channels), layer.name
    filters = [(f"conv_{i}", size) for i, size in enumerate((9, 25, 49, 49, 49, 1))]
    for name, size in [*filters, ("trans_conv_0", 49), ("trans_conv_1", 49)]:
        assert model.get_layer(name).kernel_size == (size, size)
    assert {model.get_layer(f"dropout_{i}").rate for i in (0, 1)} == {0.25}
    assert model.output_shape == (None, None, None, 1)


def test_every_convolution_but_the_last_has_a_leaky_relu():
    for layer in cha2025_network().layers:
        if "conv" in layer.name:
            slope = -float(layer.activation(np.float32(-1)))
            assert slope == pytest.approx(1 if layer.name == "conv_5" else 0.2)


def test_the_two_methods_make_the_same_map():
    models = [cha2025_network(method) for method in ("fft", "direct")]
    models[1].set_weights(models[0].get_weights())
    images = np.random.default_rng(0).normal(size=(1, 60, 67, 3)).astype(np.float32)
    maps = [model.predict(images, verbose=0) for model in models]
    assert maps[0].shape == (1, 60, 67, 1)
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-5 * np.abs(maps[1]).max())


def test_dropout_acts_in_training_only():
    images = np.random.default_rng(0).normal(size=(1, 50, 50, 3)).astype(np.float32)
    model = cha2025_network()
    usual = keras.ops.convert_to_numpy(model(images))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(images)), usual)
    assert np.abs(keras.ops.convert_to_numpy(model(images, training=True)) - usual).max() > 0
    without = cha2025_network(dropout=0.0)
    without.set_weights(model.get_weights())
    trained = keras.ops.convert_to_numpy(without(images, training=True))
    np.testing.assert_allclose(trained, usual, atol=1e-6)
