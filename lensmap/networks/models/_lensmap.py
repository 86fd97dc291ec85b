# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The network ``lensmap``: a U-Net for Kaiser-Squires maps that also predicts its errors."""

from collections.abc import Sequence

import keras
from keras import layers

from lensmap.networks.models._resizing import Bilinear2x

__all__ = ["lensmap_network"]

_ACTIVATION = "silu"

# The natural logarithms of the two half-widths, in units of the pixel noise, before training.
_INITIAL_LOG_WIDTHS = (-1.5, -0.8)


def lensmap_network(
    n_channels: int = 18,
    widths: Sequence[int] = (64, 96, 128, 192),
    blocks: Sequence[int] = (2, 2, 3, 2),
    up_blocks: Sequence[int] = (2, 0, 0),
    details: int = 24,
    detail_blocks: int = 3,
) -> keras.Model:
    """Build the network ``lensmap``, a U-Net.

    Residual blocks work at half the input resolution and below. Skip connections add the features
    of the downsampling path to those of the upsampling path. The last layers work at full
    resolution and take the input as well.

    Parameters
    ----------
    n_channels : int
        The number of input channels, 18 for the kind of input ``"multiscale"``.
    widths : sequence of int
        The numbers of channels at 1/2, 1/4, ... of the input resolution.
    blocks : sequence of int
        The numbers of residual blocks in the downsampling path, at the same resolutions.
    up_blocks : sequence of int
        The numbers of residual blocks in the upsampling path, at the same resolutions except the
        lowest. There are none below 1/2 by default, because training leaves them unused.
    details, detail_blocks : int
        The numbers of channels and of residual blocks at full resolution, after the upsampling
        path.

    Returns
    -------
    `keras.Model`
        A model with the input ``(n, ny, nx, n_channels)`` and the output ``(n, ny, nx, 3)``, where
        ny and nx are multiples of ``2**len(widths)``. The output planes are the convergence, in
        units of the pixel noise, and the natural logarithms of the half-widths, in the same unit,
        of the 68 and 95 per cent confidence intervals.
    """
    inputs = keras.Input((None, None, n_channels), name="inputs")
    x = layers.Conv2D(widths[0], 4, strides=2, padding="same", name="down_0")(inputs)
    skips = []
    for level, (width, n) in enumerate(zip(widths, blocks, strict=True)):
        if level > 0:
            x = layers.AveragePooling2D(2, name=f"pool_{level}")(x)
            x = layers.Conv2D(width, 1, name=f"widen_{level}")(x)
        for i in range(n):
            x = _block(x, width, f"encode_{level}_{i}")
        skips.append(x)
    for level in range(len(widths) - 2, -1, -1):
        x = layers.Conv2D(widths[level], 1, name=f"narrow_{level}")(x)
        x = Bilinear2x(name=f"up_{level}")(x)
        x = layers.Add(name=f"join_{level}")([x, skips[level]])
        for i in range(up_blocks[level]):
            x = _block(x, widths[level], f"decode_{level}_{i}")
    x = layers.Activation(_ACTIVATION)(x)
    x = layers.Conv2DTranspose(details, 4, strides=2, padding="same", name="up_full")(x)
    x = layers.Concatenate(name="see_again")([x, inputs])
    x = layers.Conv2D(details, 3, padding="same", activation=_ACTIVATION, name="details")(x)
    for i in range(detail_blocks):
        x = _block(x, details, f"detail_{i}")
    outputs = layers.Conv2D(3, 1, kernel_initializer="zeros",
                            bias_initializer=_initial_bias, name="outputs", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="lensmap")


# The name in files of models, which never changes.
@keras.saving.register_keras_serializable(package="lensmap", name="initial_log_widths")
def _initial_bias(shape, dtype=None):
    return keras.ops.convert_to_tensor([0.0, *_INITIAL_LOG_WIDTHS], dtype)


def _block(x, width, name):
    y = layers.Activation(_ACTIVATION)(x)
    y = layers.Conv2D(width, 3, padding="same", name=f"{name}_a")(y)
    y = layers.Activation(_ACTIVATION)(y)
    # Each block is the identity before training, which makes deep networks as easy to train as
    # shallow ones.
    y = layers.Conv2D(width, 3, padding="same", kernel_initializer="zeros", name=f"{name}_b")(y)
    return layers.Add()([x, y])
