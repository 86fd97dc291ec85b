# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Layers that upsample maps of any size.

`keras.layers.UpSampling2D` cannot replace them, because it does not work in a TensorFlow graph with
undefined map sizes.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from lensmap.utils import ParameterError

__all__ = ["BicubicUpsampling", "Bilinear2x"]


@keras.saving.register_keras_serializable(package="lensmap")
class Bilinear2x(layers.Layer):
    """Upsampling by a factor of 2, with bilinear interpolation between pixel centers.

    Beyond its edges, the map is extended with its edge values.
    """

    def call(self, inputs: Any) -> Any:
        """Upsample images ``(n, ny, nx, c)`` to ``(n, 2 ny, 2 nx, c)``."""
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf  # four times as fast as slices

            size = 2 * tf.shape(inputs)[1:3]
            return tf.cast(tf.image.resize(inputs, size, method="bilinear"), inputs.dtype)
        return _doubled(_doubled(inputs, 1), 2)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the shape of the output, ``(n, 2 ny, 2 nx, c)``, for a shape of the input."""
        n, ny, nx, c = input_shape
        return n, None if ny is None else 2 * ny, None if nx is None else 2 * nx, c


def _doubled(values, axis):
    """Double the number of pixels along an axis by linear interpolation.

    Each pixel gives two values, a quarter of a pixel before and after its center.
    """
    n = ops.shape(values)[axis]

    def cut_axis(start, stop):
        cut = [slice(None)] * 4
        cut[axis] = slice(start, stop)
        return values[tuple(cut)]

    center = 0.75 * values
    before = ops.concatenate([cut_axis(0, 1), cut_axis(0, -1)], axis)
    after = ops.concatenate([cut_axis(1, None), cut_axis(-1, None)], axis)
    pair = ops.stack([center + 0.25 * before, center + 0.25 * after], axis + 1)
    shape = list(ops.shape(values))
    shape[axis] = 2 * n
    return ops.reshape(pair, shape)


@keras.saving.register_keras_serializable(package="lensmap")
class BicubicUpsampling(layers.Layer):
    """Bicubic upsampling of images with one channel by an even factor.

    Parameters
    ----------
    factor : int
        The ratio of the output to the input resolution, an even number.
    **kwargs
        Further parameters of `keras.layers.Layer`.

    Raises
    ------
    ValueError
        If ``factor`` is not even.

    References
    ----------
    Keys 1981, IEEE Trans. Acoust. Speech Signal Process. 29, 1153, with a = -1/2.
    """

    def __init__(self, factor: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if factor < 2 or factor % 2:
            raise ParameterError("factor", "an even number of at least 2", repr(factor))
        self.factor = factor

    def call(self, images: Any) -> Any:
        """Upsample images.

        Parameters
        ----------
        images : tensor
            The images, ``(n, ny, nx, 1)``. Beyond their edges, they are extended with their edge
            values.

        Returns
        -------
        tensor
            The upsampled images, ``(n, factor * ny, factor * nx, 1)``.
        """
        size = [self.factor * n for n in ops.shape(images)[1:3]]
        x = ops.concatenate([*[images[:, :1]] * 2, images, *[images[:, -1:]] * 2], 1)
        x = ops.concatenate([*[x[:, :, :1]] * 2, x, *[x[:, :, -1:]] * 2], 2)
        weights = _cubic(self.factor)
        kernel = ops.convert_to_tensor(np.outer(weights, weights)[..., None, None], x.dtype)
        x = ops.conv_transpose(x, kernel, strides=self.factor, padding="valid",
                               data_format="channels_last")
        # The first pixel of the image is the third after padding. Its kernel is centered at
        # 4 * factor on the fine grid, and the fine pixels inside the pixel begin factor / 2 before
        # the center.
        start = 7 * self.factor // 2
        return x[:, start : start + size[0], start : start + size[1]]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the shape of the output.

        Parameters
        ----------
        input_shape : tuple
            The shape of the input, ``(n, ny, nx, 1)``, with None for undefined sizes.

        Returns
        -------
        tuple
            The shape of the output, ``(n, factor * ny, factor * nx, 1)``.
        """
        n, ny, nx, c = input_shape
        return n, *(None if side is None else self.factor * side for side in (ny, nx)), c

    def get_config(self) -> dict:
        """Return the parameters of the layer.

        Returns
        -------
        dict
            The values of the parameters, keyed by name.
        """
        return {**super().get_config(), "factor": self.factor}


def _cubic(factor):
    """Return the weights of an input pixel in bicubic upsampling, ``(4 * factor,)``.

    They are its contributions, along one axis, to the output pixels around its center.
    """
    x = np.abs((np.arange(4 * factor) + 0.5) / factor - 2)
    return np.where(x < 1, 1 - 2.5 * x**2 + 1.5 * x**3, 2 - 4 * x + 2.5 * x**2 - 0.5 * x**3)
