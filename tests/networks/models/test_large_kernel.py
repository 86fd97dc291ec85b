# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Large kernels against what they must return, and against Keras' own layers in float64."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensmap.networks import LargeConv2D, LargeConv2DTranspose
from lensmap.networks.models._large_kernel import _uses_tiles

OTHERS = {LargeConv2D: keras.layers.Conv2D, LargeConv2DTranspose: keras.layers.Conv2DTranspose}
ONLY_TENSORFLOW = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="GradientTape")

# relative to the largest output; the direct convolution in float32 is no nearer
PRECISION = 5e-6


def _pair(cls, filters, kernel_size, shape, seed=0, **options):
    """Return the layer by tiles in float32, and Keras' own in float64, with the same weights."""
    rng = np.random.default_rng(seed)
    layer = cls(filters, kernel_size, method="fft", **options)
    reference = OTHERS[cls](filters, kernel_size, **{**options, "dtype": "float64"})
    for each in (layer, reference):
        each.build(shape)
    weights = [rng.normal(size=w.shape).astype(np.float32) for w in layer.get_weights()]
    layer.set_weights(weights)
    reference.set_weights(weights)
    return layer, reference


def _images(shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _assert_close(found, expected, precision=PRECISION, scale=None):
    found, expected = (keras.ops.convert_to_numpy(x) for x in (found, expected))
    assert found.shape == expected.shape
    scale = max(1, np.abs(expected).max()) if scale is None else scale
    np.testing.assert_allclose(found, expected, rtol=0, atol=precision * scale)


def _gradients(layer, images):
    import tensorflow as tf

    images = tf.constant(images, layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images)
        # not symmetric under any shift or mirror
        loss = tf.reduce_sum(outputs * tf.cos(tf.cumsum(tf.ones_like(outputs), 1)) + outputs**2)
    return tape.gradient(loss, [images, *layer.trainable_weights])


# Known answers


@pytest.mark.parametrize("at", [(0, 0), (70, 101), (149, 119), (81, 79)])
def test_a_point_spreads_into_the_kernel(at):
    images = np.zeros((1, 150, 120, 1), dtype=np.float32)
    images[0, at[0], at[1]] = 2
    layer, _ = _pair(LargeConv2DTranspose, 1, (49, 36), images.shape, use_bias=False)
    expected = np.zeros((150 + 48, 120 + 35))
    kernel = layer.get_weights()[0][..., 0, 0]
    expected[at[0]:at[0] + 49, at[1]:at[1] + 36] = 2 * kernel
    _assert_close(layer(images)[0, ..., 0], expected)


def test_a_point_is_seen_through_the_mirrored_kernel():
    images = np.zeros((1, 150, 150, 1), dtype=np.float32)
    images[0, 70, 80] = 1
    layer, _ = _pair(LargeConv2D, 1, (49, 25), images.shape, use_bias=False, padding="same")
    expected = np.zeros((150, 150))
    kernel = layer.get_weights()[0][..., 0, 0]
    expected[70 - 24:70 + 25, 80 - 12:80 + 13] = kernel[::-1, ::-1]
    _assert_close(layer(images)[0, ..., 0], expected)


def test_a_constant_is_multiplied_by_the_sum_of_the_kernel():
    layer, _ = _pair(LargeConv2D, 3, 49, (None, None, None, 2))
    kernel, bias = layer.get_weights()
    found = layer(np.stack([np.full((1, 200, 90), 2.0), np.full((1, 200, 90), -1.0)], axis=-1))
    expected = bias + np.array([2, -1]) @ kernel.sum(axis=(0, 1), dtype=float)
    _assert_close(found, np.broadcast_to(expected, (1, 152, 42, 3)))


# Against the direct convolution


@st.composite
def _cases(draw):
    cls = draw(st.sampled_from([LargeConv2D, LargeConv2DTranspose]))
    kernel = draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    padding = draw(st.sampled_from(["valid", "same"])) if cls is LargeConv2D else "valid"
    smallest = kernel if cls is LargeConv2D and padding == "valid" else (1, 1)
    size = tuple(draw(st.integers(low, 90)) for low in smallest)
    n, c, filters = (draw(st.integers(1, 3)) for _ in range(3))
    return cls, filters, kernel, padding, (n, *size, c)


@settings(max_examples=40)
@given(_cases())
def test_any_shape_equals_the_direct_convolution(case):
    cls, filters, kernel, padding, shape = case
    layer, reference = _pair(cls, filters, kernel, shape, padding=padding, activation="leaky_relu")
    images = _images(shape)
    _assert_close(layer(images), reference(images))


@ONLY_TENSORFLOW
@settings(max_examples=15)
@given(_cases())
def test_any_gradient_equals_that_of_the_direct_convolution(case):
    cls, filters, kernel, padding, shape = case
    kernel = tuple(min(k, 15) for k in kernel)  # larger ones take Keras' own layers seconds
    layer, reference = _pair(cls, filters, kernel, shape, padding=padding, activation="tanh")
    images = _images(shape)
    found, expected = _gradients(layer, images), _gradients(reference, images)
    # One scale for all: that of a bias is a sum in which nearly all may cancel; and that of the
    # weights, 1, at least, as for the outputs: a gradient may be small against what it is a sum of.
    scale = max(1, *(np.abs(g).max() for g in expected))
    for a, b in zip(found, expected, strict=True):
        _assert_close(a, b, 4 * PRECISION, scale)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_kernels_of_the_paper(padding):
    shape = (1, 131, 90, 24)
    layer, reference = _pair(LargeConv2D, 24, 49, shape, padding=padding)
    images = _images(shape)
    _assert_close(layer(images), reference(images))


def test_the_transposed_kernels_of_the_paper():
    shape = (2, 83, 31, 24)
    layer, reference = _pair(LargeConv2DTranspose, 24, 49, shape)
    images = _images(shape)
    _assert_close(layer(images), reference(images))


@ONLY_TENSORFLOW
@pytest.mark.parametrize("cls", OTHERS)
def test_large_kernels_have_the_gradient_of_a_quotient_of_differences(cls):
    """Exact for a quadratic loss, and Keras' own gradient takes minutes here."""
    shape = (1, 140, 97, 5)
    layer, _ = _pair(cls, 4, 49, shape, dtype="float64", activation="linear")
    images, rng = _images(shape).astype(float), np.random.default_rng(5)
    gradients = [keras.ops.convert_to_numpy(g) for g in _gradients(layer, images)]
    start = [images, *layer.get_weights()]
    steps = [rng.normal(size=x.shape) for x in start]

    def loss(i, step):
        moved = [x + step * d * (i == j) for j, (x, d) in enumerate(zip(start, steps, strict=True))]
        layer.set_weights(moved[1:])
        outputs = keras.ops.convert_to_numpy(layer(moved[0]))
        phase = np.cos(np.arange(1, outputs.shape[1] + 1))[:, np.newaxis, np.newaxis]
        return np.sum(outputs * phase + outputs**2)

    for i, (gradient, step) in enumerate(zip(gradients, steps, strict=True)):
        difference = (loss(i, 1.0) - loss(i, -1.0)) / 2
        np.testing.assert_allclose(np.sum(gradient * step), difference, rtol=1e-8)


@pytest.mark.parametrize("cls", OTHERS)
def test_double_precision_is_kept(cls):
    layer, reference = _pair(cls, 2, (17, 8), (1, 40, 50, 3), dtype="float64")
    images = _images((1, 40, 50, 3)).astype(float)
    _assert_close(layer(images), reference(images), 1e-13)


@pytest.mark.parametrize("cls", OTHERS)
def test_half_precision_is_transformed_in_single(cls):
    layer, reference = _pair(cls, 2, 17, (1, 40, 50, 3), dtype="mixed_bfloat16")
    found = layer(_images((1, 40, 50, 3)))
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    reference = reference(_images((1, 40, 50, 3)))
    _assert_close(keras.ops.cast(found, "float32"), reference, 0.02)


@pytest.mark.parametrize("cls", OTHERS)
def test_what_other_backends_do_is_the_same(cls, monkeypatch):
    layer, _ = _pair(cls, 4, 13, (1, 60, 50, 3))
    expected = layer(_images((1, 60, 50, 3)))
    monkeypatch.setattr(keras.backend, "backend", lambda: "another")
    _assert_close(layer(_images((1, 60, 50, 3))), expected, 1e-6)


# As layers


@pytest.mark.parametrize("cls", OTHERS)
def test_one_stands_for_the_other_in_a_model(cls):
    def model(layer):
        return keras.Sequential([keras.Input((None, None, 2)), layer, keras.layers.Conv2D(1, 1)])

    theirs = model(OTHERS[cls](3, 17, activation="relu"))
    ours = model(cls(3, 17, activation="relu", method="fft"))
    ours.set_weights(theirs.get_weights())
    for size in ((40, 30), (17, 65)):  # of unknown size when built
        images = _images((2, *size, 2))
        _assert_close(ours.predict(images, verbose=0), theirs.predict(images, verbose=0), 1e-5)
    assert ours.output_shape == theirs.output_shape == (None, None, None, 1)


@ONLY_TENSORFLOW
@pytest.mark.parametrize("cls", OTHERS)
def test_unknown_sizes_in_a_graph(cls):
    import tensorflow as tf

    layer, reference = _pair(cls, 3, (17, 9), (None, None, None, 2))
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 2))])
    for shape in ((1, 20, 90, 2), (3, 64, 31, 2)):
        _assert_close(graph(_images(shape)), reference(_images(shape)))
    assert graph.get_concrete_function().output_shapes[-1] == 3


def test_training_takes_the_same_steps():
    losses = []
    for method in ("fft", "direct"):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([
            keras.Input((None, None, 2)),
            LargeConv2D(3, 11, method=method, activation="leaky_relu", padding="same"),
            LargeConv2DTranspose(1, 8, method=method),
        ])
        model.compile("adam", "mse")
        images, truth = _images((4, 30, 30, 2)), _images((4, 37, 37, 1), 2)
        losses.append(model.fit(images, truth, epochs=4, batch_size=2, shuffle=False, verbose=0)
                      .history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert losses[0][-1] < losses[0][0]


# Keras asks TensorFlow's variables for arrays as numpy 1 did.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("cls", OTHERS)
def test_configuration_and_files_go_there_and_back(cls, tmp_path):
    layer = cls(3, (17, 8), method="fft", activation="leaky_relu", use_bias=False,
                kernel_initializer="he_normal", name="large")
    again = cls.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.method, again.kernel_size, again.use_bias) == ("fft", (17, 8), False)
    model = keras.Sequential([keras.Input((30, 30, 2)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].method == "fft"
    images = _images((1, 30, 30, 2))
    np.testing.assert_array_equal(loaded.predict(images, verbose=0),
                                  model.predict(images, verbose=0))


def test_auto_takes_tiles_for_large_kernels_and_many_channels():
    def tiles(size, c_in, filters, **options):
        return _uses_tiles(LargeConv2D(filters, size, **options), c_in)

    assert tiles(49, 24, 24) and tiles(49, 3, 8) and tiles(25, 3, 8) and tiles(9, 24, 24)
    assert not tiles(9, 3, 8) and not tiles(3, 64, 64) and not tiles(1, 500, 500)
    assert tiles(1, 3, 8, method="fft") and not tiles(49, 24, 24, method="direct")


@pytest.mark.parametrize("cls", OTHERS)
@pytest.mark.parametrize(
    "option",
    [{"strides": 2}, {"dilation_rate": 2}, {"data_format": "channels_first"}, {"method": "best"}],
    ids=lambda option: next(iter(option)),
)
def test_what_is_not_possible_is_refused(cls, option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} must be"):
        cls(2, 5, **option)


def test_what_one_of_them_cannot_do_is_refused():
    with pytest.raises(ValueError, match="padding must be 'valid' or 'same', not "):
        LargeConv2D(2, 5, padding=((1, 1), (0, 0)))
    with pytest.raises(ValueError, match="groups must be 1"):
        LargeConv2D(2, 5, groups=2)
    with pytest.raises(ValueError, match="padding must be 'valid', not 'same'"):
        LargeConv2DTranspose(2, 5, padding="same")
    with pytest.raises(ValueError, match="output_padding must be None"):
        LargeConv2DTranspose(2, 5, output_padding=0)


def test_images_smaller_than_the_kernel_are_refused():
    layer = LargeConv2D(2, 17, method="fft")
    layer.build((None, None, None, 1))
    with pytest.raises(ValueError, match="smaller than the kernel of 17 x 17 pixels"):
        layer(np.zeros((1, 30, 16, 1)))
