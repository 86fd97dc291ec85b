# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Layers that raise the resolution of maps of any size.

`keras.layers.UpSampling2D` does not work in a graph of TensorFlow that leaves the sizes open.
"""

import keras
import numpy as np
from keras import layers, ops

__all__ = ["BicubicUpsampling", "Bilinear2x"]


@keras.saving.register_keras_serializable(package="lensmap")
class Bilinear2x(layers.Layer):
    """Double the resolution by bilinear interpolation between the centers of pixels.

    Beyond the edge the map goes on as it is there.
    """

    def call(self, inputs):
        """Return ``(n, 2 ny, 2 nx, c)`` for ``(n, ny, nx, c)``."""
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf  # four times as quick as slices

            size = 2 * tf.shape(inputs)[1:3]
            return tf.cast(tf.image.resize(inputs, size, method="bilinear"), inputs.dtype)
        return _doubled(_doubled(inputs, 1), 2)

    def compute_output_shape(self, input_shape):
        """Return the shape of the output."""
        n, ny, nx, c = input_shape
        return n, None if ny is None else 2 * ny, None if nx is None else 2 * nx, c


def _doubled(values, axis):
    """Interpolate along an axis: each pixel becomes two, a quarter of a pixel off its center."""
    n = ops.shape(values)[axis]

    def part(start, stop):
        cut = [slice(None)] * 4
        cut[axis] = slice(start, stop)
        return values[tuple(cut)]

    own = 0.75 * values
    before = ops.concatenate([part(0, 1), part(0, -1)], axis)
    after = ops.concatenate([part(1, None), part(-1, None)], axis)
    pair = ops.stack([own + 0.25 * before, own + 0.25 * after], axis + 1)
    shape = list(ops.shape(values))
    shape[axis] = 2 * n
    return ops.reshape(pair, shape)


@keras.saving.register_keras_serializable(package="lensmap")
class BicubicUpsampling(layers.Layer):
    """Raise the resolution of images of one channel by a whole, even factor.

    Parameters
    ----------
    factor : int
        Even.
    **kwargs
        As for `keras.layers.Layer`.

    Raises
    ------
    ValueError
        If ``factor`` is not even.

    References
    ----------
    Keys 1981, IEEE Trans. Acoust. Speech Signal Process. 29, 1153, with a = -1/2.
    """

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        if factor < 2 or factor % 2:
            raise ValueError(f"factor must be even, not {factor!r}")
        self.factor = factor

    def call(self, images):
        """Return images with ``factor`` times as many pixels on each side.

        Parameters
        ----------
        images : tensor
            ``(n, ny, nx, 1)``. Beyond their edges they go on as they are there.

        Returns
        -------
        tensor
            ``(n, factor * ny, factor * nx, 1)``.
        """
        size = [self.factor * n for n in ops.shape(images)[1:3]]
        x = ops.concatenate([*[images[:, :1]] * 2, images, *[images[:, -1:]] * 2], 1)
        x = ops.concatenate([*[x[:, :, :1]] * 2, x, *[x[:, :, -1:]] * 2], 2)
        weights = _cubic(self.factor)
        kernel = ops.convert_to_tensor(np.outer(weights, weights)[..., None, None], x.dtype)
        x = ops.conv_transpose(x, kernel, strides=self.factor, padding="valid",
                               data_format="channels_last")
        # the first pixel of the image, two pixels in and where its four weights begin to meet
        start = 7 * self.factor // 2
        return x[:, start : start + size[0], start : start + size[1]]

    def compute_output_shape(self, input_shape):
        """Return the shape of the output.

        Parameters
        ----------
        input_shape : tuple
            ``(n, ny, nx, 1)``, with None for what is not known.

        Returns
        -------
        tuple
            The same, with the sides that many times as long.
        """
        n, ny, nx, c = input_shape
        return n, *(None if side is None else self.factor * side for side in (ny, nx)), c

    def get_config(self):
        """Return the arguments of the layer.

        Returns
        -------
        dict
            By name.
        """
        return {**super().get_config(), "factor": self.factor}


def _cubic(factor):
    """Return the weights of a pixel in the 4 * factor finer ones around it."""
    x = np.abs((np.arange(4 * factor) + 0.5) / factor - 2)
    return np.where(x < 1, 1 - 2.5 * x**2 + 1.5 * x**3, 2 - 4 * x + 2.5 * x**2 - 0.5 * x**3)
