# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The network in the spirit of Hong et al. 2021: what the paper tells of it."""

import keras
import numpy as np
import pytest

from lensmap.networks import h21like_network
from lensmap.networks.models._resizing import BicubicUpsampling


@pytest.fixture(scope="module")
def network():
    return h21like_network()


def _image(shape, seed=0):
    return np.random.default_rng(seed).normal(size=(1, *shape, 3)).astype(np.float32)


def _map(network, image):
    return network.predict(image, verbose=0)[0, ..., 0]


def test_it_has_eleven_convolutions(network):
    convolutions = keras.layers.Conv2D, keras.layers.Conv2DTranspose
    assert sum(isinstance(layer, convolutions) for layer in network.layers) == 11
    assert network.count_params() == 423_249
    assert h21like_network(width=8, size=3).count_params() < 20_000


def test_it_works_at_a_quarter_of_the_resolution(network):
    assert network.output_shape == (None, None, None, 1)
    fixed = keras.models.clone_model(network, keras.Input((512, 512, 3)))
    assert fixed.get_layer("conv_0").output.shape == (None, 256, 256, 16)
    for i in range(4):
        assert fixed.get_layer(f"conv_{i + 2}").output.shape == (None, 122, 122, 32)
        assert fixed.get_layer(f"skip_{i}").output.shape == (None, 128, 128, 32)
    assert fixed.output_shape == (None, 512, 512, 1)


def test_maps_have_the_size_of_the_input(network):
    for shape in ((28, 64), (40, 32)):
        assert _map(network, _image(shape)).shape == shape


def test_a_mirrored_network_makes_the_mirrored_map(network):
    """No layer shifts the map, not by half a pixel either."""
    mirrored = h21like_network()
    mirrored.set_weights([w[::-1, ::-1] if w.ndim == 4 else w for w in network.get_weights()])
    image = _image((60, 64))
    found = _map(mirrored, image[:, ::-1, ::-1])
    expected = _map(network, image)[::-1, ::-1]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_how_far_it_sees(network):
    image = _image((280, 8 * 4))
    before = _map(network, image)
    farthest = 0
    for row in (138, 139, 140, 141):
        changed = image.copy()
        changed[0, row] += 10
        rows = np.flatnonzero(np.any(_map(network, changed) != before, axis=1))
        farthest = max(farthest, np.abs(rows - row).max())
    assert 100 < farthest <= 112


def test_upsampling_is_exact_for_a_parabola():
    y, x = np.indices((12, 9)) + 0.5
    yy, xx = (np.indices((48, 36)) + 0.5) / 4
    layer = BicubicUpsampling(4)
    images = np.stack([2 * y - x, x**2 + y * x])[..., np.newaxis]
    found = keras.ops.convert_to_numpy(layer(images))
    expected = np.stack([2 * yy - xx, xx**2 + yy * xx])[..., np.newaxis]
    np.testing.assert_allclose(found[:, 8:-8, 8:-8], expected[:, 8:-8, 8:-8], rtol=1e-5, atol=1e-4)
    constant = keras.ops.convert_to_numpy(layer(np.ones((1, 3, 4, 1))))
    np.testing.assert_allclose(constant, np.ones((1, 12, 16, 1)), atol=1e-6)
    assert BicubicUpsampling.from_config(layer.get_config()).factor == 4
    assert layer.compute_output_shape((None, 5, None, 1)) == (None, 20, None, 1)
    with pytest.raises(ValueError, match="factor must be an even number of at least 2, not 3"):
        BicubicUpsampling(3)
