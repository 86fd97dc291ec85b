# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Convolution layers for large kernels, which use Fourier transforms of overlapping tiles.

The Fourier transforms have a length of about a hundred pixels. At this length, multiplying by the
matrix of cosines and sines is faster than an FFT, which also needs copies of its data. A matrix
product runs near the peak speed of the processor for any memory layout. It skips zero inputs and
outputs that are not needed, and its gradient is the product with the transposed matrix. All steps
in this module are therefore products of real matrices, on every backend of Keras.

Arrays of tiles have the axes ``(y, x, channel, image, tile in y, tile in x)``, where y and x are
pixels within a tile. In this order the Fourier transforms act on the first axes and the kernel on
the channels, without transposes in between. In comments on shapes, "ri" is an axis of length 2 for
the real and the imaginary part, and k is an axis of frequencies.

Where only maps are made, and no gradients are needed, the layers may use fast Fourier transforms
outside the graph instead (modules `_outside_graph` and `_overlap_save`).
"""

from functools import lru_cache
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from lensmap.networks.models._outside_graph import correlate_outside, is_outside_faster
from lensmap.networks.models._overlap_save import KeptSpectrum
from lensmap.utils import ParameterError

__all__ = ["LargeConv2D", "LargeConv2DTranspose"]

_METHODS = ("auto", "fft", "direct")


# ---------------------------------------------------------------------------------------------
# The layers
# ---------------------------------------------------------------------------------------------


def _check_arguments(layer, method, paddings):
    """Raise a ParameterError if a layer has parameters that its class does not support.

    Parameters
    ----------
    layer : `keras.layers.Layer`
        The convolution layer.
    method : str
        The parameter ``method`` of the layer.
    paddings : tuple of str
        The values of ``padding`` that the class supports.
    """
    if method not in _METHODS:
        raise ParameterError("method", f"one of {', '.join(map(repr, _METHODS))}", repr(method))
    fixed = {
        "strides": (1, 1), "dilation_rate": (1, 1), "groups": 1, "data_format": "channels_last"
    }
    for name, only in fixed.items():
        value = getattr(layer, name, only)
        if value != only:
            raise ParameterError(name, repr(only), repr(value))
    if layer.padding not in paddings:
        allowed = " or ".join(map(repr, paddings))
        raise ParameterError("padding", allowed, repr(layer.padding))


def _uses_tiles(layer, c_in):
    if layer.method == "auto":
        return _tiles_are_faster(layer.kernel_size, c_in, layer.filters)
    return layer.method == "fft"


def _is_outside_faster(layer, c_in):
    return is_outside_faster(layer, c_in, _valid, [_tiling(k)[1] for k in layer.kernel_size])


def _finish(layer, outputs, dtype):
    outputs = ops.cast(outputs, dtype)
    if layer.use_bias:
        outputs = ops.add(outputs, layer.bias)
    return outputs if layer.activation is None else layer.activation(outputs)


@keras.saving.register_keras_serializable(package="lensmap")
class LargeConv2D(keras.layers.Conv2D):
    """A `keras.layers.Conv2D` that is fast for large kernels, such as 49 x 49.

    Weights and parameters are the same as for `keras.layers.Conv2D`, and results agree up to
    rounding errors. Each layer can replace the other in any model and load its weights.

    Parameters
    ----------
    filters : int
        The number of channels of the output.
    kernel_size : int or tuple of int
        ``(ny, nx)`` in pixels.
    method : {"auto", "fft", "direct"}
        ``"fft"`` multiplies Fourier transforms of overlapping tiles, in float32 at least.
        ``"direct"`` is Keras' convolution. ``"auto"`` selects the method that is faster on CPUs for
        the kernel size and the numbers of channels.
    **kwargs
        Further parameters of `keras.layers.Conv2D`: padding ("valid" or "same"), activation,
        use_bias, initializers, regularizers, constraints, name, dtype.

    Raises
    ------
    ValueError
        If ``method`` or ``padding`` is not one of the values above, or if strides, dilation, groups
        or the data format are not 1, 1, 1 and "channels_last".

    Notes
    -----
    Images have the shape ``(n, ny, nx, channels)``. ny and nx may be undefined when a model is
    built. The layer needs about thirty times as much memory as an image with 24 channels.

    GPUs may round the factors of matrix products (TensorFloat-32), which limits the precision of
    both methods unless this rounding is switched off.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        *,
        method: Literal["auto", "fft", "direct"] = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, **kwargs)
        _check_arguments(self, method, ("valid", "same"))
        self.method = method
        self._kept_spectrum = KeptSpectrum()

    def get_config(self) -> dict:
        """Return the parameters of the layer, for ``from_config``.

        Returns
        -------
        dict
            The values of the parameters, keyed by name.
        """
        return {**super().get_config(), "method": self.method}

    def call(self, inputs: Any) -> Any:
        """Convolve images.

        Parameters
        ----------
        inputs : tensor
            The images, ``(n, ny, nx, channels)``.

        Returns
        -------
        tensor
            The filtered images, ``(n, ny, nx, filters)`` with padding "same"; with "valid",
            ``(n, ny - kernel_size[0] + 1, nx - kernel_size[1] + 1, filters)``.
        """
        if not _uses_tiles(self, inputs.shape[-1]):
            return super().call(inputs)
        before, after = (0, 0), (0, 0)
        if self.padding == "same":
            before = tuple((k - 1) // 2 for k in self.kernel_size)
            after = tuple(k // 2 for k in self.kernel_size)
        images, kernel = _in_working_dtype(inputs, self.kernel)
        if _is_outside_faster(self, inputs.shape[-1]):
            outputs = correlate_outside(images, kernel, self._kept_spectrum, before, after)
        else:
            outputs = _valid(images, kernel, before, after)
        return _finish(self, outputs, inputs.dtype)


@keras.saving.register_keras_serializable(package="lensmap")
class LargeConv2DTranspose(keras.layers.Conv2DTranspose):
    """A `keras.layers.Conv2DTranspose` without strides that is fast for large kernels.

    The kernel, times the value of each input pixel, is added to the output at the position of the
    pixel. The output is larger than the input by the size of the kernel minus 1.

    Parameters
    ----------
    filters : int
        The number of channels of the output.
    kernel_size : int or tuple of int
        ``(ny, nx)`` in pixels.
    method : {"auto", "fft", "direct"}
        ``"fft"`` multiplies Fourier transforms of overlapping tiles, in float32 at least.
        ``"direct"`` is Keras' transposed convolution. ``"auto"`` selects the method that is faster
        on CPUs for the kernel size and the numbers of channels.
    **kwargs
        Further parameters of `keras.layers.Conv2DTranspose`: activation, use_bias, initializers,
        regularizers, constraints, name, dtype.

    Raises
    ------
    ValueError
        If ``method`` is not one of the values above, if the padding is not "valid", if there is an
        output padding, or if strides, dilation or the data format are not 1, 1 and
        "channels_last".
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        *,
        method: Literal["auto", "fft", "direct"] = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, **kwargs)
        _check_arguments(self, method, ("valid",))
        self.method = method
        self._kept_spectrum = KeptSpectrum()
        if self.output_padding is not None:
            raise ParameterError("output_padding", "None", repr(self.output_padding))

    def get_config(self) -> dict:
        """Return the parameters of the layer, for ``from_config``.

        Returns
        -------
        dict
            The values of the parameters, keyed by name.
        """
        return {**super().get_config(), "method": self.method}

    def call(self, inputs: Any) -> Any:
        """Apply the transposed convolution to images.

        Parameters
        ----------
        inputs : tensor
            The images, ``(n, ny, nx, channels)``.

        Returns
        -------
        tensor
            The filtered images, ``(n, ny + kernel_size[0] - 1, nx + kernel_size[1] - 1, filters)``.
        """
        if not _uses_tiles(self, inputs.shape[-1]):
            return super().call(inputs)
        images, kernel = _in_working_dtype(inputs, self.kernel)
        if _is_outside_faster(self, inputs.shape[-1]):
            margin = tuple(k - 1 for k in self.kernel_size)
            outputs = correlate_outside(
                images, kernel, self._kept_spectrum, margin, margin, transposed=True
            )
        else:
            outputs = _full(images, ops.transpose(kernel, (0, 1, 3, 2)))
        return _finish(self, outputs, inputs.dtype)


def _in_working_dtype(images, kernel):
    """Cast to the dtype of the Fourier transforms, for which half precision is not sufficient."""
    dtype = keras.backend.standardize_dtype(images.dtype)
    dtype = dtype if dtype == "float64" else "float32"
    return ops.cast(images, dtype), ops.cast(kernel, dtype)


def _tiles_are_faster(kernel_size, c_in, c_out):
    """Return whether Fourier transforms of tiles are faster than the direct method.

    For each pixel of the image, the direct method takes area * c_in * c_out multiplications, where
    area is that of the kernel. The cost of tiles has a term proportional to the number of channels
    and one proportional to c_in * c_out, so that the critical area depends on the channels. The
    table lists the side of the kernel at which both methods took the same time: for the forward
    pass, for the forward pass with the gradients of images and kernel, and as predicted by the rule
    in this function. The times were measured for 256 x 256 pixels on two cores with TensorFlow.

    ========  ============  ===========  =======
    channels  forward       gradients    rule
    ========  ============  ===========  =======
    1 -> 1    12            14           17
    3 -> 8    14            12           13
    8 -> 8    9             11           10
    24 -> 24  6             7            7
    64 -> 64  5             6            6
    ========  ============  ===========  =======

    For kernels larger than 16 x 16, gradients take 20 to 200 times as long with the direct method
    as with tiles.
    """
    area = kernel_size[0] * kernel_size[1]
    return area > min(256, 22 + 270 * (1 / c_in + 1 / c_out))


# ---------------------------------------------------------------------------------------------
# The two convolutions. Each is the adjoint of the other, step by step.
# ---------------------------------------------------------------------------------------------


def _valid(x, kernel, before=(0, 0), after=(0, 0)):
    """Correlate images with a kernel, keeping pixels where the kernel lies within the padded image.

    The images are ``(n, ny, nx, c)``, the kernel is ``(kh, kw, c, c_out)``. ``before`` and
    ``after`` are the numbers ``(y, x)`` of rows and columns of zeros with which the images are
    padded on the low and on the high side. The method is overlap-save: a tile is as long as its
    Fourier transform, and only its first pixels, which are free of wrap-around, are kept.
    """
    n, ny, nx, c = ops.shape(x)
    kh, kw, _, c_out = kernel.shape
    (ly, sy), (lx, sx) = _tiling(kh), _tiling(kw)
    out_y, out_x = before[0] + ny + after[0] - kh + 1, before[1] + nx + after[1] - kw + 1
    if any(isinstance(size, int) and size < 1 for size in (out_y, out_x)):
        raise ValueError(
            f"images of {ny} x {nx} pixels are smaller than the kernel of {kh} x {kw} pixels: use "
            "larger images or padding='same'"
        )
    ty, tx = -(-out_y // sy), -(-out_x // sx)
    x = ops.pad(x, ((0, 0), (before[0], (ty + 1) * sy - before[0] - ny),
                    (before[1], (tx + 1) * sx - before[1] - nx), (0, 0)))
    nk, row = ly // 2 + 1, (tx + 1) * sx * c
    x = _append_overlap(ops.reshape(x, (n, ty + 1, sy * row)), (kh - 1) * row)
    x = _times(_real_to_complex(ly, ly), ops.reshape(x, (n, ty, ly, row)))
    x = _append_overlap(ops.reshape(x, (n * ty * 2 * nk, tx + 1, sx * c)), (kw - 1) * c)
    x = ops.transpose(ops.reshape(x, (n, ty, 2 * nk, tx, lx, c)), (2, 4, 5, 0, 1, 3))
    x = ops.reshape(x, (nk, 2 * lx, c * n * ty * tx))
    x = _filter(x, kernel, lx, lx, sx, n * ty * tx, conjugate=True)
    x = _times(_complex_to_real(ly, sy), ops.reshape(x, (2 * nk, sx * c_out * n * ty * tx)))
    x = ops.transpose(ops.reshape(x, (sy, sx, c_out, n, ty, tx)), (3, 4, 0, 5, 1, 2))
    return ops.reshape(x, (n, ty * sy, tx * sx, c_out))[:, :out_y, :out_x]


def _full(x, kernel):
    """Convolve images with a kernel, keeping all pixels that the kernel reaches.

    The images are ``(n, ny, nx, c)``, the kernel is ``(kh, kw, c, c_out)``. The method is
    overlap-add: each tile is padded with zeros to the length of its Fourier transform, and the part
    of the result beyond the tile is added to the neighboring tiles.
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
    x = ops.reshape(x, (n * ty * 2 * nk, tx, lx * c_out))
    x = _add_overlap(x, sx * c_out, (kw - 1) * c_out)
    x = _times(_complex_to_real(ly, ly), ops.reshape(x, (n, ty, 2 * nk, row)))
    x = _add_overlap(ops.reshape(x, (n, ty, ly * row)), sy * row, (kh - 1) * row)
    x = ops.reshape(x, (n, (ty + 1) * sy, (tx + 1) * sx, c_out))
    return x[:, : ny + kh - 1, : nx + kw - 1]


def _filter(x, kernel, length, n_in, n_out, n_tiles, *, conjugate):
    """Transform tiles along x, multiply by the transform of the kernel, and transform back.

    The tiles are already transformed along y. In the shapes below, k is an axis of frequencies, and
    ri an axis of length 2 for the real and the imaginary part.

    Parameters
    ----------
    x : tensor
        The tiles, ``(k in y, ri * n_in, channel * tile)``.
    kernel : tensor
        The kernel, ``(kh, kw, c_in, c_out)``.
    length : int
        The length of the Fourier transform along x.
    n_in, n_out : int
        The numbers of pixels of a tile along x, before and after the filter.
    n_tiles : int
        The number of tiles in all images.
    conjugate : bool
        Whether to multiply by the complex conjugate of the kernel's transform, which correlates
        instead of convolving.

    Returns
    -------
    tensor
        The filtered tiles, ``(k in y, ri * n_out, output channel * tile)``.
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


def _append_overlap(x, overlap):
    """Append to each block the first ``overlap`` values of the next block.

    The array is ``(n, blocks, values)``, and the result has one block fewer. The values of a block
    are on one axis because the gradient of a slice of an array with many axes is slow.
    """
    return ops.concatenate([x[:, :-1], x[:, 1:, :overlap]], -1)


def _add_overlap(x, step, overlap):
    """Cut blocks to ``step`` values, and add the rest to the start of the next block.

    The array is ``(n, blocks, values)``, where a block has ``step + overlap`` values. The result
    has one block more, which begins with the overlap of the last block.
    """
    blocks = ops.pad(x[:, :, :step], ((0, 0), (0, 1), (0, 0)))
    return blocks + ops.pad(x[:, :, step:], ((0, 0), (1, 0), (0, step - overlap)))


def _times(matrix, x):
    return _product(ops.convert_to_tensor(matrix, x.dtype), x)


def _product(a, b, *, transpose=False):
    """Return the product of matrices a and b, or of the transpose of a and b.

    Leading axes count the pairs of matrices, as for `numpy.matmul`.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        # keras.ops would make a transposed copy, which takes as long as the product itself.
        return tensorflow.matmul(a, b, transpose_a=transpose)
    return ops.matmul(ops.swapaxes(a, -1, -2) if transpose else a, b)


# ---------------------------------------------------------------------------------------------
# The matrices
# ---------------------------------------------------------------------------------------------


def _tiling(k):
    """Return how an image is divided into tiles for the convolution with a kernel of k x k pixels.

    The two returned numbers, in pixels, are the side of the Fourier transform of a tile and the
    step from one tile to the next. The results of neighboring tiles overlap by k - 1 pixels, where
    they are added. The step is never smaller than this overlap, so that a tile overlaps only the
    next tile. For k = 49, the side is 128: with 24 channels and images of 512 x 512 pixels, sides
    of 96, 112, 144 and 164 were slower by 6, 8, 2 and 12 per cent.
    """
    length = 16 * -(-int(2.6 * k) // 16)
    return length, length - k + 1


def _cos_sin(n_frequencies, n_points, length):
    # The modulo removes whole periods in exact integer arithmetic.
    phase = np.outer(np.arange(n_frequencies), np.arange(n_points)) % length
    return np.cos(2 * np.pi / length * phase), np.sin(2 * np.pi / length * phase)


@lru_cache(maxsize=64)
def _real_to_complex(length, n_in):
    """Return the matrix ``(k * ri, n_in)`` of the Fourier transform of n_in real points.

    The points are padded with zeros to ``length``. The matrix gives the real and the imaginary part
    (ri) at the frequencies k from 0 to half the length.
    """
    cos, sin = _cos_sin(length // 2 + 1, n_in, length)
    return np.stack([cos, -sin], axis=1).reshape(-1, n_in)


@lru_cache(maxsize=64)
def _complex_to_real(length, n_out):
    """Return the matrix ``(n_out, k * ri)`` of the inverse Fourier transform to real points.

    The matrix converts the real and imaginary parts (ri) at the frequencies k from 0 to half the
    length to the first n_out of ``length`` real points.
    """
    cos, sin = _cos_sin(length // 2 + 1, n_out, length)
    # Each frequency stands for its negative as well, except the first and, for even lengths, the
    # last.
    multiplicity = np.full((length // 2 + 1, 1), 2.0)
    multiplicity[[0, -1]] = 1.0
    matrix = np.stack([multiplicity * cos, -multiplicity * sin], axis=1) / length
    return matrix.reshape(-1, n_out).T.copy()


@lru_cache(maxsize=64)
def _complex_to_complex(length, n_in):
    """Return the matrix ``(k * ri, ri * n_in)`` of the Fourier transform of n_in complex points.

    The points, with real and imaginary parts (ri), are padded with zeros to ``length``. The matrix
    gives the real and the imaginary part at all ``length`` frequencies k.
    """
    cos, sin = _cos_sin(length, n_in, length)
    return np.stack([np.hstack([cos, sin]), np.hstack([-sin, cos])], 1).reshape(-1, 2 * n_in)


@lru_cache(maxsize=64)
def _complex_back(length, n_out):
    """Return the matrix ``(ri * n_out, k * ri)`` of the inverse Fourier transform.

    The matrix converts the real and imaginary parts (ri) at all ``length`` frequencies k to the
    first n_out of ``length`` complex points.
    """
    return _complex_to_complex(length, n_out).T / length


@lru_cache(maxsize=64)
def _complex_to_factor(length, n_in, conjugate):
    """Return the matrix that converts a kernel of n_in complex points to factors for images.

    For each frequency, the factor is the Fourier transform of the kernel, or its complex conjugate,
    written as a real 2 x 2 matrix. This matrix multiplies the transform of an image, which is given
    by its real and imaginary part. The shape of the returned matrix is
    ``(k * ri of the product * ri of the image, ri * n_in)``, where k is an axis of frequencies and
    ri an axis of length 2 for the real and the imaginary part.
    """
    rows = _complex_to_complex(length, n_in).reshape(length, 2, -1)
    real, imaginary = rows[:, 0], -rows[:, 1] if conjugate else rows[:, 1]
    return np.stack([real, -imaginary, imaginary, real], axis=1).reshape(4 * length, -1)
