# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Initial weights that make the network of Cha et al. 2025 nearly a Wiener filter."""

from typing import TYPE_CHECKING

import numpy as np

from lensmap.cosmology import convergence_power
from lensmap.typing import RNGLike
from lensmap.utils import as_generator

if TYPE_CHECKING:
    import keras

__all__ = ["start_from_wiener"]

# The Gaussian smoothings of the Kaiser-Squires filters in the first layers, keyed by the side of
# the kernel in pixels. Each smoothing has a pair of filters with opposite signs. Smoothings of less
# than half a pixel are raised to half a pixel.
_SMOOTHINGS_ARCMIN = {
    9: (0.29, 0.41, 0.62, 0.82),
    25: (0.41, 0.66, 1.03, 1.64),
    49: (0.62, 1.03, 1.64, 2.46),
}
_N_PAIRS = 12

# For the leaky ReLU f, f(x) - f(-x) is this factor times x.
_PAIR_GAIN = 1.2

# The edges, in pixels, of the rings in which the kernels of the last convolution are constant.
_RING_EDGES = (0, 0.5, 1.2, 1.8, 2.6, 3.7, 5, 7, 9, 12, 15, 18, 21, 24.6)

# The standard deviation, in pixels, of the Gaussian with which the last transposed convolution
# smooths the second half of its channels. It extends the reach of the linear filter from 48 to 72
# pixels.
_BROAD_PIXELS = 10.0

# The source redshift and the noise for which the initial network is optimal. The noise is that of
# 33 galaxies per square arcminute with an ellipticity dispersion of 0.24 and measurement errors of
# 0.06. The inputs do not contain the number n of galaxies in a pixel, so that all pixels have the
# same weight. The noise variance is then proportional to the mean of 1 / n over the pixels, which
# is 1.27 times as large as 1 / (the mean of n).
_Z_SOURCE = 2.0
_NOISE_PER_ARCMIN2 = 1.27 * (0.24**2 + 0.06**2) / 33

# The strength of the ridge regularization, relative to the mean diagonal element of the matrix. A
# tenth of this value makes the kernels three times as large and improves Pearson's r by only .002.
_RIDGE = 3e-3

# The side, in pixels, of the grid on which kernels are Fourier transformed. It exceeds the combined
# reach of all kernels.
_GRID_PIXELS = 192


def start_from_wiener(
    model: "keras.Model", pixel_scale: float = 0.41, *, seed: RNGLike = 0
) -> None:
    r"""Set the weights so that the untrained network is nearly a Wiener filter.

    Training that starts from random weights makes no progress for a long time. Here the kernels of
    the first layers are set to Kaiser-Squires filters in real space, for several Gaussian
    smoothings :math:`\sigma`,

    .. math:: \kappa(0) = \int \frac{d^2\theta}{\pi \theta^2} \gamma_t(\theta)
              \left[ 1 - \left( 1 + \frac{\theta^2}{2 \sigma^2} \right)
              e^{-\theta^2 / 2 \sigma^2} \right],

    truncated to the size of the kernels. Each filter appears twice, with opposite signs, because a
    leaky ReLU suppresses negative values. The next convolution and its transposed convolution
    return 1 plus small random terms, by which the Multiply layer multiplies the channels. The last
    convolution, its transposed convolution and the output layer add the channels. The weights of
    this sum minimize the mean square error of the map, given the size of the kernels, the theory
    power spectrum and white noise.

    Parameters
    ----------
    model : `keras.Model`
        A model built by ``cha2025_network``, whose weights are overwritten.
    pixel_scale : float
        The pixel scale, arcmin.
    seed : int, `numpy.random.SeedSequence`, `numpy.random.Generator` or None
        Seed or generator for the random weights; None draws a new seed in each call.

    Notes
    -----
    For the theory power spectrum, Pearson's r of the map with the true convergence is .636,
    compared to .645 for a Wiener filter without truncation. The initial weights ignore the channel
    of the measurement error.

    References
    ----------
    Kaiser & Squires 1993, ApJ 404, 441 (the filters); Wiener 1949 (the weights of the sum).
    """
    rng = as_generator(seed)
    filters = []
    for i, (size, scales) in enumerate(_SMOOTHINGS_ARCMIN.items()):
        kernel = np.zeros((size, size, 3, 8))
        for j, scale in enumerate(scales):
            ks = _kaiser_squires_kernel(size, max(0.5, scale / pixel_scale))
            kernel[:, :, :2, 2 * j] = ks
            kernel[:, :, :2, 2 * j + 1] = -ks
            filters.append(ks)
        model.get_layer(f"conv_{i}").set_weights([kernel, np.zeros(8)])
    model.get_layer("conv_3").set_weights([_random_kernel(rng), np.zeros(24)])
    model.get_layer("trans_conv_0").set_weights([_random_kernel(rng), np.ones(24)])

    rings, broad = _rings(), _broad()
    gains = _best_gains(filters, rings, broad, pixel_scale)
    kernels = np.tensordot(gains, rings, 1)  # (output, filter, y, x)
    gather = np.zeros((49, 49, _N_PAIRS, _N_PAIRS))
    spread = np.zeros((49, 49, _N_PAIRS, _N_PAIRS))
    half = _N_PAIRS // 2
    for output in range(2):
        for channel in range(half):
            target = output * half + channel
            for source in (2 * channel, 2 * channel + 1):
                gather[:, :, source, target] = kernels[output, source]
            spread[:, :, target, target] = broad if output else _point()
    for name, linear in (("conv_4", gather), ("trans_conv_1", spread)):
        kernel = _kernel_of_pairs(linear) + 0.01 * _random_kernel(rng)
        model.get_layer(name).set_weights([kernel, np.zeros(24)])
    sums = np.tile([1.0, -1.0], _N_PAIRS).reshape(1, 1, 24, 1) / _PAIR_GAIN
    model.get_layer("conv_5").set_weights([sums, np.zeros(1)])


def _kaiser_squires_kernel(size, smoothing):
    """Return the Kaiser-Squires filter for the convergence at the center of a square window.

    Parameters
    ----------
    size : int
        The side of the window in pixels.
    smoothing : float
        The standard deviation of the Gaussian smoothing in pixels.

    Returns
    -------
    `numpy.ndarray`
        The weights of g1 and of g2 in each pixel, ``(size, size, 2)``. The sum of weight times
        shear component, over all pixels and both components, is the smoothed convergence at the
        center.
    """
    y, x = np.indices((size, size)) - (size - 1) / 2
    squared = x**2 + y**2
    scaled = squared / (2 * smoothing**2)
    tangential = 1 - (1 + scaled) * np.exp(-scaled)
    tangential /= np.pi * np.where(squared > 0, squared, 1)
    angle = 2 * np.arctan2(y, x)
    return -tangential[..., np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _best_gains(filters, rings, broad, pixel_scale):
    """Return the weights (gains) of the last convolution, ``(output, filter, ring)``.

    ``filters`` are the Kaiser-Squires filters of the first layers. ``rings`` are kernels that are
    constant in one ring of pixels and 0 elsewhere. Each kernel of the last convolution is the sum
    of all ``rings``, each multiplied by a gain. The convolution has two kinds of output channels:
    the following layer leaves the first kind unchanged, and smooths the second kind with the kernel
    ``broad``.

    The gains minimize the mean square error of the map, which is the mean over Fourier modes of
    P (1 - T)^2 + N (K1^2 + K2^2). Here P is the signal power, N the noise power, T the ratio of the
    map to the true convergence, and K1 and K2 the transforms of the total kernels of g1 and g2. T,
    K1 and K2 are linear in the gains, so that a linear system has to be solved.
    """
    # All kernels are even in both axes, so their transforms are real and one quadrant suffices.
    k = np.fft.rfftfreq(_GRID_PIXELS)
    kx, ky = np.meshgrid(k, k)
    multiplicity = np.where((k > 0) & (k < 0.5), 2.0, 1.0)
    n_modes = np.outer(multiplicity, multiplicity)
    squared = np.where(kx**2 + ky**2 > 0, kx**2 + ky**2, 1)
    power = _pixel_power(kx, ky, pixel_scale)
    noise = _NOISE_PER_ARCMIN2 / pixel_scale**2

    filters = np.array([[_transform(ks[..., i]) for ks in filters] for i in range(2)])
    rings = np.array([_transform(ring) for ring in rings])
    outputs = np.stack([np.ones_like(kx), _transform(broad)])
    kernels = np.einsum("oyx,ifyx,ryx->iofryx", outputs, filters, rings, optimize=True)
    shape = kernels.shape[1:4]
    kernels = kernels.reshape(2, -1, kx.size)
    response = (kernels[0] * ((kx**2 - ky**2) / squared).ravel()
                + kernels[1] * (2 * kx * ky / squared).ravel())
    signal = (n_modes * power).ravel()
    matrix = (response * signal) @ response.T
    for kernel in kernels:
        matrix += noise * (kernel * n_modes.ravel()) @ kernel.T
    matrix[np.diag_indices_from(matrix)] += _RIDGE * np.trace(matrix) / len(matrix)
    return np.linalg.solve(matrix, response @ signal).reshape(shape)


def _pixel_power(kx, ky, pixel_scale):
    """Return the theoretical power of the pixel-averaged convergence, for each Fourier mode.

    Parameters
    ----------
    kx, ky : `numpy.ndarray`
        The frequencies of the modes, in cycles per pixel.
    pixel_scale : float
        The side of a pixel, arcmin.

    Returns
    -------
    `numpy.ndarray`
        The power. Its mean over all modes of a grid is the variance of the convergence in a pixel.
    """
    side = np.deg2rad(pixel_scale / 60)
    ell = 2 * np.pi * np.hypot(kx, ky) / side
    table = np.geomspace(ell[ell > 0].min(), ell.max(), 200)
    power = np.zeros_like(ell)
    power[ell > 0] = np.interp(
        np.log(ell[ell > 0]), np.log(table), convergence_power(table, _Z_SOURCE)
    )
    return power * (np.sinc(kx) * np.sinc(ky)) ** 2 / side**2


def _transform(kernel):
    """Return the Fourier transform of a kernel, which must be even along both axes.

    The kernel is centered on the origin of a grid of ``_GRID_PIXELS``. Its transform is real, and
    the quadrant of frequencies of at least 0 is returned, ``(97, 97)``.
    """
    size, n = len(kernel), _GRID_PIXELS
    padded = np.zeros((n, n))
    padded[:size, :size] = kernel
    padded = np.roll(padded, (-(size // 2), -(size // 2)), (0, 1))
    return np.fft.fft2(padded).real[: n // 2 + 1, : n // 2 + 1]


def _radius():
    y, x = np.indices((49, 49)) - 24
    return np.hypot(y, x)


def _rings():
    """Return kernels that are constant in one ring of pixels and 0 elsewhere, ``(n, 49, 49)``.

    The squares of the values of each kernel add up to 1.
    """
    radius = _radius()
    rings = [(radius >= a) & (radius < b) for a, b in zip(_RING_EDGES, _RING_EDGES[1:])]
    return np.array([ring / np.sqrt(ring.sum()) for ring in rings])


def _broad():
    radius = _radius()
    gaussian = np.exp(-(radius**2) / (2 * _BROAD_PIXELS**2))
    gaussian = np.where(radius < _RING_EDGES[-1], gaussian, 0)
    return gaussian / gaussian.sum()


def _point():
    return np.where(_radius() == 0, 1.0, 0.0)


def _kernel_of_pairs(linear):
    """Convert a kernel for linear channels to a kernel for pairs of leaky ReLU channels.

    Each linear channel x becomes two channels, the leaky ReLU of x and of -x, whose difference is
    proportional to x.
    """
    signs = np.array([[1.0, -1.0], [-1.0, 1.0]]) / _PAIR_GAIN
    return np.kron(linear, signs)


def _random_kernel(rng):
    """Return a random convolution kernel, ``(49, 49, 24, 24)``.

    The output of the convolution has the same variance as its input.
    """
    return rng.normal(scale=1 / np.sqrt(49 * 49 * 24), size=(49, 49, 24, 24))
