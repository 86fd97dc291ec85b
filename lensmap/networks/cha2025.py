# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The network of Cha et al. 2025, and a start for it from the physics of lensing."""

import keras
import numpy as np
from keras import layers

from lensmap.networks.large_kernel import LargeConv2D, LargeConv2DTranspose
from lensmap.utils import as_generator

__all__ = ["cha2025_network", "start_from_kaiser_squires"]

_SIZES = (9, 25, 49)  # of the filters that see the input, 8 channels each

_ACTIVATION = "leaky_relu"  # Keras' slope is that of the paper
_SLOPE = 0.2

# The start from physics: for each window, the smoothing of its four filters in pixels, and their
# weights in the output. Truncated to its window, a filter misses the mass around; a narrow and a
# broad one together, and a little of all others, come nearest to the truth on simulated skies:
# r = .49 and .61 at source redshifts of 1 and 2.5, where the best filter alone has .49 and .59.
_START = {
    9: ((0.7, 1.0, 1.5, 2.0), (0.02, 0.02, 0.02, 0.02)),
    25: ((1.0, 1.6, 2.5, 4.0), (0.02, 0.02, 0.02, 0.02)),
    49: ((1.5, 2.5, 4.0, 6.0), (0.25, 0.10, 0.05, 0.44)),
}
_START_PIXEL = 0.41  # arcmin, of the pixels in which the above is


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


def start_from_kaiser_squires(model, pixel_scale=0.41, *, seed=0):
    r"""Set the weights so that the network, not yet trained, makes a smoothed Kaiser-Squires map.

    From a random start the network learns nothing for a long time. The filters that see the input
    become those of Kaiser & Squires in real space, for several Gaussian smoothings,

    .. math:: \kappa(0) = \int \frac{d^2\theta}{\pi \theta^2} \gamma_t(\theta)
              \left[ 1 - \left( 1 + \frac{\theta^2}{2 \sigma^2} \right)
              e^{-\theta^2 / 2 \sigma^2} \right],

    cut to their windows, each with both signs, so that what the leaky ReLU takes from one is in
    the other. The first pair of convolutions multiplies by 1, the second is the identity, each
    with small random weights besides, and the last layer adds the pairs up.

    Parameters
    ----------
    model : `keras.Model`
        Of `cha2025_network`; its weights are overwritten.
    pixel_scale : float
        Arcminutes: the smoothing scales are the same angles in any pixels, but at least half a
        pixel.
    seed : None, int or `numpy.random.Generator`
        Of the random weights.

    Notes
    -----
    The error of measurement is not used at the start. The outermost 24 pixels of the map start
    near 0, because the second pair does not see them.

    References
    ----------
    Kaiser & Squires 1993, ApJ 404, 441.
    """
    rng = as_generator(seed)
    gains = []
    for i, size in enumerate(_SIZES):
        scales, weights = _START[size]
        kernel = np.zeros((size, size, 3, 8))
        for j, scale in enumerate(scales):
            smoothing = max(0.5, scale * _START_PIXEL / pixel_scale)
            kernel[:, :, :2, 2 * j] = _real_space_kernel(size, smoothing)
            kernel[:, :, :2, 2 * j + 1] = -kernel[:, :, :2, 2 * j]
        model.get_layer(f"conv_{i}").set_weights([kernel, np.zeros(8)])
        gains += weights
    identity = np.zeros((49, 49, 24, 24))
    identity[24, 24] = np.eye(24)
    first, second = ("conv_3", "trans_conv_0"), ("conv_4", "trans_conv_1")
    model.get_layer(first[0]).set_weights([_random_kernel(rng), np.zeros(24)])
    model.get_layer(first[1]).set_weights([_random_kernel(rng), np.ones(24)])
    for name in second:
        kernel = identity + 0.01 * _random_kernel(rng)
        model.get_layer(name).set_weights([kernel, np.zeros(24)])
    # A pair comes through three leaky ReLUs as x and -slope^3 x, or the other way round.
    output = np.outer(gains, (1.0, -1.0)).reshape(1, 1, 24, 1) / (1 + _SLOPE**3)
    model.get_layer("conv_5").set_weights([output, np.zeros(1)])


def _real_space_kernel(size, smoothing):
    """Return the weights ``(size, size, 2)`` of g1 and g2 around a pixel in its convergence."""
    y, x = np.indices((size, size)) - (size - 1) / 2
    squared = x**2 + y**2
    scaled = squared / (2 * smoothing**2)
    tangential = 1 - (1 + scaled) * np.exp(-scaled)
    tangential /= np.pi * np.where(squared > 0, squared, 1)
    angle = 2 * np.arctan2(y, x)
    return -tangential[..., np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _random_kernel(rng):
    """Return weights that keep the size of what they are applied to."""
    shape = (49, 49, 24, 24)
    return rng.normal(scale=1 / np.sqrt(49 * 49 * 24), size=shape)
