# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A network in the spirit of Hong et al. 2021, with which Cha et al. 2025 compare theirs."""

import keras
from keras import layers

from lensmap.networks.models._resizing import BicubicUpsampling

__all__ = ["h21like_network"]

_ACTIVATION = "leaky_relu"


def h21like_network(width=32, size=7):
    """Build our reading of the network of Hong et al. 2021.

    Of theirs, Cha et al. 2025 tell that it has eleven two-dimensional convolutions, a smoothed
    input, an output of lower resolution, brought to that of the input by bicubic interpolation,
    and a skip connection after each pair of a convolution and a transposed convolution. Its kernels
    and channels are not public: those here are ours, and so is what this network scores. Two
    convolutions lower the resolution to a quarter, four pairs follow, and one makes the map.

    Parameters
    ----------
    width : int
        The number of channels at a quarter of the resolution.
    size : int
        The sides of the kernels there, in pixels of 4 x 4.

    Returns
    -------
    `keras.Model`
        From ``(n, ny, nx, 3)``, the channels of `cha2025_network` after a smoothing, to
        ``(n, ny, nx, 1)``, the convergence. ny and nx are multiples of 4 and at least 4 times
        ``size``. With the default kernels, a pixel of the map depends on pixels up to 112 away.

    References
    ----------
    Hong et al. 2021, ApJ 923, 266; Cha et al. 2025, sections 2.3 and 3.
    """
    inputs = keras.Input((None, None, 3), name="inputs")
    # Even kernels, because with strides of 2 odd ones would shift the map by half a pixel.
    x = layers.Conv2D(width // 2, 8, strides=2, padding="same", activation=_ACTIVATION,
                      name="conv_0")(inputs)
    x = layers.Conv2D(width, 6, strides=2, padding="same", activation=_ACTIVATION,
                      name="conv_1")(x)
    for i in range(4):
        y = layers.Conv2D(width, size, activation=_ACTIVATION, name=f"conv_{i + 2}")(x)
        y = layers.Conv2DTranspose(width, size, activation=_ACTIVATION, name=f"trans_conv_{i}")(y)
        x = layers.Add(name=f"skip_{i}")([x, y])
    x = layers.Conv2D(1, 1, name="conv_6")(x)
    outputs = BicubicUpsampling(4, name="upsampling")(x)
    return keras.Model(inputs, outputs, name="h21like")
