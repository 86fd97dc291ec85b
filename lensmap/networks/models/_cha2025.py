# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The network of Cha et al. 2025."""

import keras
from keras import layers

from lensmap.networks.models._large_kernel import LargeConv2D, LargeConv2DTranspose

__all__ = ["cha2025_network"]

_SIZES = (9, 25, 49)  # of the filters that see the input, 8 channels each

_ACTIVATION = "leaky_relu"  # Keras' slope is that of the paper


def cha2025_network(method="auto", dropout=0.25):
    """Build the network of Cha et al. 2025, Table 1: 5 606 617 parameters.

    Parameters
    ----------
    method : {"auto", "fft", "direct"}
        How the large kernels are applied, see `LargeConv2D`; the weights are the same.
    dropout : float
        The share of the channels' pixels that is dropped after the Concatenate and the Multiply
        in training.

    Returns
    -------
    `keras.Model`
        From ``(n, ny, nx, 3)`` to ``(n, ny, nx, 1)``, where ny and nx are at least 49. The
        channels of the input are the means of g1 and g2 in the pixel basis (x to the right, y
        upwards) and of the error of measurement of the ellipticities, per pixel, 0 in empty
        pixels. The output is the convergence.

    Notes
    -----
    The outermost 24 pixels of the map are made from what the last valid convolution sees further
    inside. As nothing is known beyond the edge of a field, `Network` surrounds it by as many empty
    pixels, which the convolutions that see the input do anyway.

    References
    ----------
    Cha et al. 2025, Table 1.
    """
    inputs = keras.Input((None, None, 3), name="inputs")
    seen = [
        LargeConv2D(8, size, padding="same", activation=_ACTIVATION, method=method,
                    name=f"conv_{i}")(inputs)
        for i, size in enumerate(_SIZES)
    ]
    seen = layers.Concatenate(name="concatenate")(seen)
    x = layers.Dropout(dropout, name="dropout_0")(seen)
    x = _down_and_up(x, "3", "0", method)
    x = layers.Multiply(name="multiply")([x, seen])
    x = layers.Dropout(dropout, name="dropout_1")(x)
    x = _down_and_up(x, "4", "1", method)
    outputs = layers.Conv2D(1, 1, name="conv_5")(x)
    return keras.Model(inputs, outputs, name="cha2025")


def _down_and_up(x, down, up, method):
    x = LargeConv2D(24, 49, activation=_ACTIVATION, method=method, name=f"conv_{down}")(x)
    return LargeConv2DTranspose(24, 49, activation=_ACTIVATION, method=method,
                                name=f"trans_conv_{up}")(x)
