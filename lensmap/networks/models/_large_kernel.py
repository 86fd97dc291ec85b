# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Convolution layers for large kernels: by Fourier transforms of overlapping tiles.

A transform of some hundred points is quicker as a product with the matrix of its cosines and
sines than as an FFT followed by copies: the product runs near the peak of the processor, in any
layout of the array, makes only the outputs that are needed from only the inputs that are not zero,
and its gradient is the product with the transposed matrix. So everything here is products of
real matrices, on every backend of Keras.

The axes of a tile lead: ``(y, x, channel, image, tile in y, tile in x)``. The transforms then act
on the first axes, the kernel on the channels, and nothing is transposed in between. "ri" counts the
real and the imaginary part.
"""

from functools import lru_cache

import keras
import numpy as np
from keras import ops

__all__ = ["LargeConv2D", "LargeConv2DTranspose"]

_METHODS = ("auto", "fft", "direct")


# ---------------------------------------------------------------------------------------------
# The layers, and what both share
# ---------------------------------------------------------------------------------------------


def _check_arguments(layer, method, paddings):
    """Check what a layer was given that Keras' own would take."""
    if method not in _METHODS:
        raise ValueError(f"method must be one of {_METHODS}, not {method!r}")
    fixed = {
        "strides": (1, 1), "dilation_rate": (1, 1), "groups": 1, "data_format": "channels_last"
    }
    for name, only in fixed.items():
        value = getattr(layer, name, only)
        if value != only:
            raise ValueError(f"{name} must be {only!r}, not {value!r}")
    if layer.padding not in paddings:
        allowed = " or ".join(map(repr, paddings))
        raise ValueError(f"padding must be {allowed}, not {layer.padding!r}")


def _by_tiles(layer, c_in):
    if layer.method == "auto":
        return _tiles_are_quicker(layer.kernel_size, c_in, layer.filters)
    return layer.method == "fft"


def _finish(layer, outputs, dtype):
    outputs = ops.cast(outputs, dtype)
    if layer.use_bias:
        outputs = ops.add(outputs, layer.bias)
    return outputs if layer.activation is None else layer.activation(outputs)


@keras.saving.register_keras_serializable(package="lensmap")
class LargeConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` that is also quick for kernels such as 49 x 49.

    Weights, arguments and results are those of `keras.layers.Conv2D`, to rounding, so that one
    stands for the other in any model, and weights of one can be loaded into the other.

    Parameters
    ----------
    filters : int
        The number of channels of the output.
    kernel_size : int or tuple of int
        ``(ny, nx)`` in pixels.
    method : {"auto", "fft", "direct"}
        ``"fft"`` multiplies Fourier transforms of overlapping tiles, in float32 at least;
        ``"direct"`` is Keras' own convolution; ``"auto"`` takes what is quicker for the kernel and
        the channels on ordinary processors.
    **kwargs
        As for `keras.layers.Conv2D`: padding ("valid" or "same"), activation, use_bias,
        initializers, regularizers, constraints, name, dtype.

    Raises
    ------
    ValueError
        For another method or padding, and for strides, dilation, groups or a data format other
        than 1, 1, 1 and "channels_last".

    Notes
    -----
    Images are ``(n, ny, nx, channels)``; ny and nx may be unknown when a model is built. Memory
    grows with the number of pixels, some thirty times an image of 24 channels.

    On graphics processors that round the factors of matrix products (TensorFloat-32), both
    methods are as exact as such products are, unless the rounding is switched off.
    """

    def __init__(self, filters, kernel_size, *, method="auto", **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        _check_arguments(self, method, ("valid", "same"))
        self.method = method

    def get_config(self):
        """Return the arguments of the layer, from which ``from_config`` makes another.

        Returns
        -------
        dict
            By name.
        """
        return {**super().get_config(), "method": self.method}

    def call(self, inputs):
        """Return the convolved images.

        Parameters
        ----------
        inputs : tensor
            ``(n, ny, nx, channels)``.

        Returns
        -------
        tensor
            ``(n, ny, nx, filters)`` with padding "same"; less by the size of the kernel less 1
            with "valid".
        """
        if not _by_tiles(self, inputs.shape[-1]):
            return super().call(inputs)
        before, after = (0, 0), (0, 0)
        if self.padding == "same":
            before = tuple((k - 1) // 2 for k in self.kernel_size)
            after = tuple(k // 2 for k in self.kernel_size)
        dtype = _working_dtype(inputs)
        outputs = _valid(ops.cast(inputs, dtype), ops.cast(self.kernel, dtype), before, after)
        return _finish(self, outputs, inputs.dtype)


@keras.saving.register_keras_serializable(package="lensmap")
class LargeConv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` without strides that is also quick for large kernels.

    Each pixel of the input adds the kernel, times its value, to the output, which is larger than
    the input by the size of the kernel less 1.

    Parameters
    ----------
    filters : int
        The number of channels of the output.
    kernel_size : int or tuple of int
        ``(ny, nx)`` in pixels.
    method : {"auto", "fft", "direct"}
        As for `LargeConv2D`.
    **kwargs
        As for `keras.layers.Conv2DTranspose`: activation, use_bias, initializers, regularizers,
        constraints, name, dtype.

    Raises
    ------
    ValueError
        For another method, for a padding other than "valid", and for strides, dilation or a data
        format other than 1, 1 and "channels_last".
    """

    def __init__(self, filters, kernel_size, *, method="auto", **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        _check_arguments(self, method, ("valid",))
        self.method = method
        if self.output_padding is not None:
            raise ValueError(f"output_padding must be None, not {self.output_padding!r}")

    def get_config(self):
        """Return the arguments of the layer, from which ``from_config`` makes another.

        Returns
        -------
        dict
            By name.
        """
        return {**super().get_config(), "method": self.method}

    def call(self, inputs):
        """Return the images after the transposed convolution.

        Parameters
        ----------
        inputs : tensor
            ``(n, ny, nx, channels)``.

        Returns
        -------
        tensor
            ``(n, ny + kernel_size[0] - 1, nx + kernel_size[1] - 1, filters)``.
        """
        if not _by_tiles(self, inputs.shape[-1]):
            return super().call(inputs)
        dtype = _working_dtype(inputs)
        kernel = ops.transpose(ops.cast(self.kernel, dtype), (0, 1, 3, 2))
        return _finish(self, _full(ops.cast(inputs, dtype), kernel), inputs.dtype)


def _working_dtype(x):
    """Half precision is good enough for images and weights, but not for their transforms."""
    dtype = keras.backend.standardize_dtype(x.dtype)
    return dtype if dtype == "float64" else "float32"


def _tiles_are_quicker(kernel_size, c_in, c_out):
    """Tell by the number of pixels of the kernel and by the channels.

    Per pixel of the image, the direct way multiplies area * c_in * c_out times; tiles cost so much
    per channel and so much per pair of channels. Where they were equally quick, on two cores,
    256 x 256 pixels, TensorFlow, the side of the kernel was (forward; with both gradients):

    ========  ============  ===========  =======
    channels  forward       gradients    rule
    ========  ============  ===========  =======
    1 -> 1    12            14           17
    3 -> 8    14            12           13
    8 -> 8    9             11           10
    24 -> 24  6             7            7
    64 -> 64  5             6            6
    ========  ============  ===========  =======

    Beyond 16 x 16 the direct gradients take 20 to 200 times as long as tiles.
    """
    area = kernel_size[0] * kernel_size[1]
    return area > min(256, 22 + 270 * (1 / c_in + 1 / c_out))


# ---------------------------------------------------------------------------------------------
# The two convolutions. Each is the adjoint of the other, step by step.
# ---------------------------------------------------------------------------------------------


def _valid(x, kernel, before, after):
    """Correlate images ``(n, ny, nx, c)``, surrounded by zeros, with ``(ky, kx, c, c_out)``.

    Overlap-save: of a tile as long as its transform, the first pixels are right.
    """
    n, ny, nx, c = ops.shape(x)
    kh, kw, _, c_out = kernel.shape
    (ly, sy), (lx, sx) = _tiling(kh), _tiling(kw)
    out_y, out_x = before[0] + ny + after[0] - kh + 1, before[1] + nx + after[1] - kw + 1
    if any(isinstance(size, int) and size < 1 for size in (out_y, out_x)):
        raise ValueError(f"images of {ny} x {nx} are smaller than the kernel of {kh} x {kw}")
    ty, tx = -(-out_y // sy), -(-out_x // sx)
    x = ops.pad(x, ((0, 0), (before[0], (ty + 1) * sy - before[0] - ny),
                    (before[1], (tx + 1) * sx - before[1] - nx), (0, 0)))
    nk, row = ly // 2 + 1, (tx + 1) * sx * c
    x = _cut(ops.reshape(x, (n, ty + 1, sy * row)), (kh - 1) * row)
    x = _times(_real_to_complex(ly, ly), ops.reshape(x, (n, ty, ly, row)))
    x = _cut(ops.reshape(x, (n * ty * 2 * nk, tx + 1, sx * c)), (kw - 1) * c)
    x = ops.transpose(ops.reshape(x, (n, ty, 2 * nk, tx, lx, c)), (2, 4, 5, 0, 1, 3))
    x = ops.reshape(x, (nk, 2 * lx, c * n * ty * tx))
    x = _filter(x, kernel, lx, lx, sx, n * ty * tx, conjugate=True)
    x = _times(_complex_to_real(ly, sy), ops.reshape(x, (2 * nk, sx * c_out * n * ty * tx)))
    x = ops.transpose(ops.reshape(x, (sy, sx, c_out, n, ty, tx)), (3, 4, 0, 5, 1, 2))
    return ops.reshape(x, (n, ty * sy, tx * sx, c_out))[:, :out_y, :out_x]


def _full(x, kernel):
    """Convolve images ``(n, ny, nx, c)`` with ``(ky, kx, c, c_out)``, edges included.

    Overlap-add: a tile, with zeros up to the length of its transform, spills over its neighbors.
    """
    n, ny, nx, c = ops.shape(x)
    kh, kw, _, c_out = kernel.shape
    (ly, sy), (lx, sx) = _tiling(kh), _tiling(kw)
    ty, tx = -(-ny // sy), -(-nx // sx)
    x = ops.pad(x, ((0, 0), (0, ty * sy - ny), (0, tx * sx - nx), (0, 0)))
    nk, row = ly // 2 + 1, (tx + 1) * sx * c_out
    x = ops.transpose(ops.reshape(x, (n, ty, sy, tx, sx, c)), (2, 4, 5, 0, 1, 3))
    x = _times(_real_to_complex(ly, sy), ops.reshape(x, (sy, sx * c * n * ty * tx)))
    x = ops.reshape(x, (nk, 2 * sx, c * n * ty * tx))
    x = _filter(x, kernel, lx, sx, lx, n * ty * tx, conjugate=False)
    x = ops.transpose(ops.reshape(x, (2 * nk, lx, c_out, n, ty, tx)), (3, 4, 0, 5, 1, 2))
    x = _join(ops.reshape(x, (n * ty * 2 * nk, tx, lx * c_out)), sx * c_out, (kw - 1) * c_out)
    x = _times(_complex_to_real(ly, ly), ops.reshape(x, (n, ty, 2 * nk, row)))
    x = _join(ops.reshape(x, (n, ty, ly * row)), sy * row, (kh - 1) * row)
    x = ops.reshape(x, (n, (ty + 1) * sy, (tx + 1) * sx, c_out))
    return x[:, : ny + kh - 1, : nx + kw - 1]


def _filter(x, kernel, length, n_in, n_out, n_tiles, *, conjugate):
    """Transform along x, multiply with the kernel's spectrum, and transform back.

    From ``(ky, ri * n_in, channels * tiles)`` to ``(ky, ri * n_out, c_out * tiles)``.
    """
    kh, kw, c_in, c_out = kernel.shape
    ly = _tiling(kh)[0]
    nk = ly // 2 + 1
    spectrum = _times(_real_to_complex(ly, kh), ops.reshape(kernel, (kh, kw * c_in * c_out)))
    spectrum = _times(_complex_to_factor(length, kw, conjugate),
                      ops.reshape(spectrum, (nk, 2 * kw, c_in * c_out)))
    spectrum = ops.reshape(spectrum, (nk, length, 2, 2 * c_in, c_out))
    x = _times(_complex_to_complex(length, n_in), x)
    x = ops.reshape(x, (nk, length, 1, 2 * c_in, n_tiles))
    x = _product(spectrum, x, transpose=True)
    return _times(_complex_back(length, n_out), ops.reshape(x, (nk, 2 * length, c_out * n_tiles)))


def _cut(x, overlap):
    """Append to each block ``(n, blocks, values)`` the first values of its successor.

    There is one block less afterwards. Blocks are flat because the gradient of a slice of many
    axes is slow.
    """
    return ops.concatenate([x[:, :-1], x[:, 1:, :overlap]], -1)


def _join(x, step, overlap):
    """Add to each block ``(n, blocks, values)`` what its predecessor has beyond ``step`` values.

    There is one block more afterwards.
    """
    blocks = ops.pad(x[:, :, :step], ((0, 0), (0, 1), (0, 0)))
    return blocks + ops.pad(x[:, :, step:], ((0, 0), (1, 0), (0, step - overlap)))


def _times(matrix, x):
    return _product(ops.convert_to_tensor(matrix, x.dtype), x)


def _product(a, b, *, transpose=False):
    """Return the matrix products of a (or its transpose) and b."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        # keras.ops transposes in memory here, which takes as long as the product itself.
        return tensorflow.matmul(a, b, transpose_a=transpose)
    return ops.matmul(ops.swapaxes(a, -1, -2) if transpose else a, b)


# ---------------------------------------------------------------------------------------------
# The matrices
# ---------------------------------------------------------------------------------------------


def _tiling(k):
    """Return the length of a transform and the step between tiles for a kernel of k pixels.

    For 49 pixels that is 128; with 24 channels and images of 512 x 512, lengths of 96, 112, 144 and
    164 were 6, 8, 2 and 12 per cent slower. The step is never less than the overlap, so that a
    tile reaches into one neighbor only.
    """
    length = 16 * -(-int(2.6 * k) // 16)
    return length, length - k + 1


def _cos_sin(n_frequencies, n_points, length):
    # Whole turns are taken off in integers, for exactness.
    phase = np.outer(np.arange(n_frequencies), np.arange(n_points)) % length
    return np.cos(2 * np.pi / length * phase), np.sin(2 * np.pi / length * phase)


@lru_cache(maxsize=64)
def _real_to_complex(length, n_in):
    """Return (k * ri, n_in): half the frequencies of real points, the others being 0."""
    cos, sin = _cos_sin(length // 2 + 1, n_in, length)
    return np.stack([cos, -sin], axis=1).reshape(-1, n_in)


@lru_cache(maxsize=64)
def _complex_to_real(length, n_out):
    """Return (n_out, k * ri): the first points from half the frequencies."""
    cos, sin = _cos_sin(length // 2 + 1, n_out, length)
    # Every frequency stands for its negative as well, but for the first and (length is even) last.
    twice = np.full((length // 2 + 1, 1), 2.0)
    twice[[0, -1]] = 1.0
    return (np.stack([twice * cos, -twice * sin], axis=1) / length).reshape(-1, n_out).T.copy()


@lru_cache(maxsize=64)
def _complex_to_complex(length, n_in):
    """Return (k * ri, ri * n_in)."""
    cos, sin = _cos_sin(length, n_in, length)
    return np.stack([np.hstack([cos, sin]), np.hstack([-sin, cos])], 1).reshape(-1, 2 * n_in)


@lru_cache(maxsize=64)
def _complex_back(length, n_out):
    """Return (ri * n_out, k * ri): the first points."""
    return _complex_to_complex(length, n_out).T / length


@lru_cache(maxsize=64)
def _complex_to_factor(length, n_in, conjugate):
    """Return (k * ri of the product * ri of the other factor, ri * n_in).

    The transform (or its conjugate) as the real 2 x 2 matrix that multiplies a complex number.
    """
    rows = _complex_to_complex(length, n_in).reshape(length, 2, -1)
    real, imaginary = rows[:, 0], -rows[:, 1] if conjugate else rows[:, 1]
    return np.stack([real, -imaginary, imaginary, real], axis=1).reshape(4 * length, -1)
