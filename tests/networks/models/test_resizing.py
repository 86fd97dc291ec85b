# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Layers that raise the resolution; those of `h21like` are tested with it."""

import keras
import numpy as np
import pytest

from lensmap.networks.models._resizing import Bilinear2x, _doubled

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("shape", [(1, 5, 8, 3), (2, 1, 1, 1), (1, 7, 2, 2)])
def test_is_bilinear_between_centers(shape):
    """Against a linear function, inside of the outermost centers, and constants beyond them."""
    n, ny, nx, c = shape
    y, x = np.indices((ny, nx), dtype=np.float32)
    plane = (0.3 * y - 0.7 * x + 1)[np.newaxis, ..., np.newaxis] * np.ones(shape, np.float32)
    y, x = (np.clip((np.indices((2 * ny, 2 * nx)) - 0.5) / 2, 0, [[[ny - 1]], [[nx - 1]]]))
    expected = (0.3 * y - 0.7 * x + 1)[np.newaxis, ..., np.newaxis] * np.ones((n, 1, 1, c))
    np.testing.assert_allclose(np.asarray(Bilinear2x()(plane)), expected, atol=1e-5)


def test_both_ways_are_the_same():
    images = RNG.standard_normal((2, 6, 9, 4)).astype(np.float32)
    slices = np.asarray(_doubled(_doubled(keras.ops.convert_to_tensor(images), 1), 2))
    np.testing.assert_allclose(np.asarray(Bilinear2x()(images)), slices, atol=1e-6)


def test_sizes_may_be_open():
    inputs = keras.Input((None, None, 2))
    layer = Bilinear2x()
    model = keras.Model(inputs, layer(inputs))
    for ny, nx in ((4, 6), (5, 3), (1, 7)):
        assert model.predict_on_batch(np.zeros((1, ny, nx, 2))).shape == (1, 2 * ny, 2 * nx, 2)
    assert layer.compute_output_shape((None, 4, None, 2)) == (None, 8, None, 2)
