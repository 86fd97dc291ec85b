# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The network of Cha et al. 2025."""

from typing import Literal

import keras
from keras import layers

from lensmap.networks.models._large_kernel import LargeConv2D, LargeConv2DTranspose

__all__ = ["cha2025_network"]

# The kernel sides, in pixels, of the three convolutions of the input, which have 8 channels each.
_KERNEL_SIDES = (9, 25, 49)

# The default slope of Keras is the slope in the paper.
_ACTIVATION = "leaky_relu"


def cha2025_network(
    method: Literal["auto", "fft", "direct"] = "auto", dropout: float = 0.25
) -> keras.Model:
    """Build the network of Cha et al. 2025, which has 5 606 617 parameters.

    Parameters
    ----------
    method : {"auto", "fft", "direct"}
        The convolution algorithm for the large kernels: Fourier transforms of tiles (``"fft"``),
        Keras' convolution (``"direct"``), or the faster of both (``"auto"``). The weights are the
        same for all algorithms.
    dropout : float
        The dropout rate in training, after the Concatenate and the Multiply layer.

    Returns
    -------
    `keras.Model`
        A model with the input ``(n, ny, nx, 3)`` and the output ``(n, ny, nx, 1)``, where ny and nx
        are at least 49. The input channels are the means in each pixel of g1, g2 (in the basis of
        the pixel axes: x to the right, y upwards) and the measurement error of the ellipticities.
        All are 0 in empty pixels. The output is the convergence.

    Notes
    -----
    The last large convolution has no padding, so that the outermost 24 pixels of the map depend
    only on data further inside. `Network` therefore pads the field with 24 empty pixels on each
    side, and cuts the outermost 24 pixels off the map.

    References
    ----------
    Cha et al. 2025, Table 1.
    """
    inputs = keras.Input((None, None, 3), name="inputs")
    features = [
        LargeConv2D(8, size, padding="same", activation=_ACTIVATION, method=method,
                    name=f"conv_{i}")(inputs)
        for i, size in enumerate(_KERNEL_SIDES)
    ]
    features = layers.Concatenate(name="concatenate")(features)
    x = layers.Dropout(dropout, name="dropout_0")(features)
    x = _down_and_up(x, "3", "0", method)
    x = layers.Multiply(name="multiply")([x, features])
    x = layers.Dropout(dropout, name="dropout_1")(x)
    x = _down_and_up(x, "4", "1", method)
    outputs = layers.Conv2D(1, 1, name="conv_5")(x)
    return keras.Model(inputs, outputs, name="cha2025")


def _down_and_up(x, down, up, method):
    x = LargeConv2D(24, 49, activation=_ACTIVATION, method=method, name=f"conv_{down}")(x)
    return LargeConv2DTranspose(24, 49, activation=_ACTIVATION, method=method,
                                name=f"trans_conv_{up}")(x)
