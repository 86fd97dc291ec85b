# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The network of Table 1, and the map that it makes before it is trained."""

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lensmap.flatsky import convergence_to_shear
from lensmap.networks.cha2025 import cha2025_network, start_from_kaiser_squires


@pytest.fixture(scope="module")
def started():
    model = cha2025_network()
    start_from_kaiser_squires(model)
    return model


def _channels(gamma):
    return np.stack([gamma.real, gamma.imag, np.full(gamma.shape, 0.05)], -1)[np.newaxis]


def _blob(shape, x0, y0, sigma, peak=0.3):
    y, x = np.indices(shape)
    return peak * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2))


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


def test_the_start_is_a_smoothed_map_of_the_mass(started):
    kappa = _blob((180, 150), 60, 110, 4)
    found = started.predict(_channels(convergence_to_shear(kappa, padding=4)), verbose=0)
    found = found[0, ..., 0]
    inside = np.s_[24:-24, 24:-24]
    truth = gaussian_filter(kappa, 2.5)[inside]
    assert np.corrcoef(found[inside].ravel(), truth.ravel())[0, 1] > 0.95
    assert np.unravel_index(found.argmax(), found.shape) == (110, 60)
    # the broad filters lower it
    assert 0.4 * truth.max() < found.max() < truth.max()
    assert found.min() > -0.1 * found.max()
    # the outermost pixels, which the last pair does not see
    assert np.abs(found[:24]).max() < 0.01 * found.max()


def test_the_start_loses_nothing_of_negative_mass(started):
    gamma = convergence_to_shear(_blob((120, 120), 50, 60, 3))
    plus, minus = (started.predict(_channels(s * gamma), verbose=0) for s in (1, -1))
    np.testing.assert_allclose(minus, -plus, atol=0.02 * plus.max())


def test_the_start_sees_no_b_mode_and_no_constant_shear(started):
    gamma = convergence_to_shear(_blob((120, 120), 50, 60, 3))
    mass = started.predict(_channels(gamma), verbose=0)[0, 24:-24, 24:-24, 0]
    for empty in (1j * gamma, np.full(gamma.shape, 0.02 - 0.01j)):
        found = started.predict(_channels(empty), verbose=0)[0, 48:-48, 48:-48, 0]
        assert np.abs(found).max() < 0.02 * mass.max()


def test_the_start_smooths_over_the_same_angle_in_any_pixels(started):
    coarse = cha2025_network()
    start_from_kaiser_squires(coarse, 0.41 * 2.5 / 1.5)  # the second scale becomes the first
    kernel, usual = (model.get_layer("conv_2").get_weights()[0] for model in (coarse, started))
    np.testing.assert_allclose(kernel[..., 2], usual[..., 0], atol=1e-7)


def test_the_start_is_set_by_its_seed(started):
    again = cha2025_network()
    start_from_kaiser_squires(again)
    for a, b in zip(started.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    start_from_kaiser_squires(again, seed=1)
    a, b = (model.get_layer("conv_3").get_weights()[0] for model in (started, again))
    assert np.abs(a - b).max() > 0


@pytest.mark.slow
def test_the_start_can_be_trained(started):
    model = cha2025_network(dropout=0.0)
    model.set_weights(started.get_weights())
    model.compile(keras.optimizers.Adam(1e-6, clipnorm=1.0), "mse")
    kappa = _blob((100, 100), 50, 50, 3)
    images = _channels(convergence_to_shear(kappa)).astype(np.float32)
    truth = kappa[np.newaxis, ..., np.newaxis].astype(np.float32)
    losses = model.fit(images, truth, epochs=5, verbose=0).history["loss"]
    assert np.all(np.diff(losses) < 0)
