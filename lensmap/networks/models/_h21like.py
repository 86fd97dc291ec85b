# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A network like that of Hong et al. 2021, as described by Cha et al. 2025."""

import keras
from keras import layers

from lensmap.networks.models._resizing import BicubicUpsampling

__all__ = ["h21like_network"]

_ACTIVATION = "leaky_relu"


def h21like_network(width: int = 32, size: int = 7) -> keras.Model:
    """Build an approximation of the network of Hong et al. 2021.

    According to Cha et al. 2025, the original network has a smoothed input, eleven two-dimensional
    convolutions, and a skip connection after each pair of a convolution and a transposed
    convolution. Its output has a lower resolution than the input and is upsampled by bicubic
    interpolation. The kernel sizes and the numbers of channels are not published. lensmap uses its
    own choices, so the scores of this network differ from those of the original. Here, two
    convolutions reduce the resolution to a quarter, four pairs of convolutions follow, and a last
    convolution returns the map.

    Parameters
    ----------
    width : int
        The number of channels at a quarter of the input resolution.
    size : int
        The side of the kernels at a quarter of the input resolution, in pixels of the reduced
        resolution.

    Returns
    -------
    `keras.Model`
        A model with the input ``(n, ny, nx, 3)``, smoothed maps of g1, g2 and the measurement error
        of the ellipticities, and the output ``(n, ny, nx, 1)``, the convergence. ny and nx are
        multiples of 4 and at least ``4 * size``. With the default kernels, a pixel of the map
        depends on input pixels at a distance of up to 112 pixels.

    References
    ----------
    Hong et al. 2021, ApJ 923, 266; Cha et al. 2025, sections 2.3 and 3.
    """
    inputs = keras.Input((None, None, 3), name="inputs")
    # With strides of 2, odd kernels would shift the map by half a pixel.
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
