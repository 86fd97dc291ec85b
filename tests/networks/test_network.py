# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Network`: sizes, tiles, symmetries, intervals."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from lensmap.networks import Architecture, GridArrays, Network, build
from lensmap.networks._calibration import IntervalCalibration

RNG = np.random.default_rng(5)


def _arrays(shape):
    shear = 0.1 * (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape))
    return GridArrays(shear, RNG.uniform(50, 100, shape), None, 0.41)


@pytest.fixture(scope="module")
def network():
    """A small network of random weights, whose reach is 20 pixels or so."""
    model = build("lensmap", widths=(6, 8), blocks=(1, 1), details=4)
    rng = np.random.default_rng(2)
    model.set_weights([0.15 * rng.standard_normal(w.shape) for w in model.get_weights()])
    return Network(model, Architecture("multiscale", stride=4, reach=32))


@pytest.mark.parametrize("shape", [(1, 1), (30, 24), (65, 131)])
def test_any_size(network, shape):
    found = network.predict(_arrays(shape))
    assert found.kappa.shape == shape and found.kappa.dtype == np.float32
    assert set(found.half_widths) == {0.68, 0.95}
    assert all(np.all(w > 0) and w.shape == shape for w in found.half_widths.values())


def test_tiles_have_no_seams(network):
    arrays = _arrays((200, 328))
    whole = network.predict(arrays).kappa
    tiled = network.predict(arrays, tile_size=128).kappa
    assert np.abs(tiled - whole).max() < 0.01 * whole.std()


def _like_cha2025():
    """The layers of the paper with kernels of 9 x 9 pixels, and their reach."""
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 9, padding="same", activation="leaky_relu")(inputs)
    for _ in range(2):
        x = layers.Conv2D(4, 9, activation="leaky_relu")(x)
        x = layers.Conv2DTranspose(4, 9, activation="leaky_relu")(x)
    model = keras.Model(inputs, layers.Conv2D(1, 1)(x))
    return model, Architecture("paper", reach=4 + 2 * 8, margin=4)


def _like_h21like():
    return build("h21like", width=4, size=3), Architecture("smoothed", stride=4, reach=48)


@pytest.mark.parametrize("make", [_like_cha2025, _like_h21like])
def test_tiles_change_nothing_if_the_reach_is_exact(make):
    model, architecture = make()
    rng = np.random.default_rng(2)
    model.set_weights([0.15 * rng.standard_normal(w.shape) for w in model.get_weights()])
    network = Network(model, architecture)
    arrays = replace(_arrays((200, 328)), measurement_error=np.full((200, 328), 0.05))
    whole = network.predict(arrays).kappa
    tiled = network.predict(arrays, tile_size=128).kappa
    assert np.abs(tiled - whole).max() < 1e-5 * whole.std()


def test_a_margin_is_empty_and_cut_off(network):
    arrays = _arrays((64, 96))
    wide = GridArrays(
        np.pad(arrays.shear, 8), np.pad(arrays.inverse_variance, 8), None, arrays.pixel_scale
    )
    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.Conv2D(1, 7, padding="same", bias_initializer="ones")(image))
    paper, wide_paper = (Network(model, Architecture("paper", margin=m)) for m in (0, 8))
    with pytest.warns(UserWarning, match="sigma_m"):
        found = wide_paper.predict(arrays).kappa
        whole = paper.predict(wide).kappa[8:-8, 8:-8]
    assert found.shape == (64, 96)
    np.testing.assert_allclose(found, whole, atol=1e-6)


def test_symmetrized_maps_turn_with_the_sky(network):
    from lensmap.flatsky import mirror_x, rotate90

    arrays = _arrays((64, 96))
    turned = GridArrays(
        rotate90(mirror_x(arrays.shear, 2), 2, 1),
        np.rot90(arrays.inverse_variance[:, ::-1], -1), None, 0.41,
    )
    one = network.predict(arrays, symmetrize=True).kappa
    other = network.predict(turned, symmetrize=True).kappa
    back = np.rot90(other, 1)[:, ::-1]
    assert np.abs(back - one).max() < 1e-4 * one.std()
    plain = np.rot90(network.predict(turned).kappa, 1)[:, ::-1]
    assert np.abs(plain - network.predict(arrays).kappa).max() > 0.1 * one.std()


def test_intervals_are_calibrated(network):
    arrays = _arrays((64, 64))
    one = network.predict(arrays).half_widths
    # Half the 68 per cent interval becomes twice as wide, which is wider than that of 95 per cent.
    constant = IntervalCalibration((), ((0.0, 1.0),), ((np.log(2), 0, 0), (np.log(0.5), 0, 0)))
    other = replace(network, calibration=constant).predict(arrays).half_widths
    np.testing.assert_allclose(other[0.68], 2 * one[0.68], rtol=1e-6)
    np.testing.assert_allclose(
        other[0.95], np.maximum(0.5 * one[0.95], other[0.68]), rtol=1e-6
    )
    by_pixel = IntervalCalibration(
        ("log pixel",), ((-1.0, 1.0), (0.0, 1.0)),
        ((0, 0.3, 0, 0, 0, 0), (0.1, 0, 0, 0.2, 0, 0)),
    )
    arrays = replace(arrays, pixel_scale=0.41 * np.exp(0.5))
    one = network.predict(arrays).half_widths
    other = replace(network, calibration=by_pixel).predict(arrays).half_widths
    np.testing.assert_allclose(other[0.68], np.exp(0.15) * one[0.68], rtol=1e-5)
    np.testing.assert_allclose(
        other[0.95], np.maximum(np.exp(0.1 + 0.05) * one[0.95], other[0.68]), rtol=1e-5
    )


def test_a_calibration_by_channels_that_the_network_lacks(network):
    calibration = IntervalCalibration(
        ("sigma",), ((-1.0, 1.0), (0.0, 1.0)), ((0.0,) * 6, (0.0,) * 6)
    )
    with pytest.raises(ValueError, match="calibration must have channels of the input.*not sigma"):
        replace(network, calibration=calibration)


def test_a_model_of_the_users_own():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layers.Lambda(lambda x: 2 * x[..., :1] - x[..., 1:2])(inputs))
    arrays = GridArrays(np.full((10, 12), 0.1 + 0.3j), np.ones((10, 12)), np.zeros((10, 12)), 0.41)
    found = Network(model, Architecture("paper")).predict(arrays)
    np.testing.assert_allclose(found.kappa, -0.1, atol=1e-6)
    assert found.half_widths == {}


def test_a_model_that_does_not_keep_the_size():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layers.Conv2D(1, 9)(inputs))
    arrays = replace(_arrays((40, 40)), measurement_error=np.zeros((40, 40)))
    with pytest.raises(ValueError, match="must return maps of the size of its input"):
        Network(model, Architecture("paper")).predict(arrays)


def test_a_model_for_one_size():
    inputs = keras.Input((64, 64, 3))
    model = keras.Model(inputs, layers.Conv2D(1, 1)(inputs))
    with pytest.raises(ValueError, match="so that maps can have any size, not"):
        Network(model, Architecture("paper"))


def test_a_model_that_is_not_built():
    class Model(keras.Model):
        def call(self, inputs):
            return inputs[..., :1]

    with pytest.raises(ValueError, match="model must be built with keras.Input"):
        Network(Model(), Architecture("paper"))


def test_what_is_no_network(network):
    with pytest.raises(TypeError, match="model must be a keras.Model, not str"):
        Network("lensmap", Architecture("paper"))
    with pytest.raises(TypeError, match="architecture must be a lensmap.networks.Architecture"):
        Network(network.model, "paper")
    with pytest.raises(ValueError, match="inputs must be one of 'multiscale'"):
        Architecture("shear")
