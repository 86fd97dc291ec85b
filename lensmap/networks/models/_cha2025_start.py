# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Initial weights for the network of Cha et al. 2025: nearly a Wiener filter."""

from typing import TYPE_CHECKING

import numpy as np

from lensmap.cosmology import convergence_power
from lensmap.typing import RNGLike
from lensmap.utils import as_generator

if TYPE_CHECKING:
    import keras

__all__ = ["start_from_wiener"]

# The smoothings of the four pairs of filters of each window, by the side of the window in pixels.
# They are at least half a pixel.
_SMOOTHINGS_ARCMIN = {
    9: (0.29, 0.41, 0.62, 0.82),
    25: (0.41, 0.66, 1.03, 1.64),
    49: (0.62, 1.03, 1.64, 2.46),
}
_N_PAIRS = 12

# The leaky ReLUs of x and of -x differ by this factor times x.
_PAIR_GAIN = 1.2

# The edges, in pixels, of the rings in which the kernels of the last pair are constant.
_RING_EDGES = (0, 0.5, 1.2, 1.8, 2.6, 3.7, 5, 7, 9, 12, 15, 18, 21, 24.6)

# The Gaussian that smooths the second half of the channels in the last layer, in pixels. It extends
# the linear map from 48 to 72 pixels.
_BROAD_PIXELS = 10.0

# The sky and the survey for which the map is optimal: the source redshift, and 33 galaxies per
# square arcminute with a dispersion of 0.24 and measurement errors of 0.06. The inputs do not hold
# the number n of galaxies in a pixel, so that all pixels have the same weight and the noise goes as
# the mean of 1 / n, which exceeds 1 over the mean of n by the first factor.
_Z_SOURCE = 2.0
_NOISE_PER_ARCMIN2 = 1.27 * (0.24**2 + 0.06**2) / 33

# The weight of the ridge regularization, relative to the mean diagonal of the matrix. A tenth of it
# makes the kernels three times as large and improves Pearson's r by only .002.
_RIDGE = 3e-3

# The side of the grid of modes in pixels: larger than the reach of all kernels together.
_GRID_PIXELS = 192


def start_from_wiener(
    model: "keras.Model", pixel_scale: float = 0.41, *, seed: RNGLike = 0
) -> None:
    r"""Set the weights so that the untrained network is nearly a Wiener filter.

    From random weights, training makes no progress for a long time. The filters of the first layers
    become those of Kaiser & Squires in real space, for several Gaussian smoothings,

    .. math:: \kappa(0) = \int \frac{d^2\theta}{\pi \theta^2} \gamma_t(\theta)
              \left[ 1 - \left( 1 + \frac{\theta^2}{2 \sigma^2} \right)
              e^{-\theta^2 / 2 \sigma^2} \right],

    truncated to their windows. Each has both signs, so that the pair keeps what a leaky ReLU
    suppresses in one of them. The first pair of convolutions returns 1 plus small random terms, the
    factor of the Multiply layer. The last pair and the last layer sum the channels with the weights
    that minimize the mean square error of the map, given the windows, the theory power spectrum and
    white noise.

    Parameters
    ----------
    model : `keras.Model`
        A model of ``cha2025_network``; its weights are overwritten.
    pixel_scale : float
        The side of a pixel, arcmin.
    seed : int, `numpy.random.SeedSequence`, `numpy.random.Generator` or None
        Seed or generator of the random weights; None draws a seed.

    Notes
    -----
    For the theory power spectrum, Pearson's r with the truth is .636, against .645 for a Wiener
    filter without windows. The initial weights do not use the measurement error.

    References
    ----------
    Kaiser & Squires 1993, ApJ 404, 441 (the filters); Wiener 1949 (their sum).
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
    """Return the weights ``(size, size, 2)`` of g1 and g2 for the convergence at the center."""
    y, x = np.indices((size, size)) - (size - 1) / 2
    squared = x**2 + y**2
    scaled = squared / (2 * smoothing**2)
    tangential = 1 - (1 + scaled) * np.exp(-scaled)
    tangential /= np.pi * np.where(squared > 0, squared, 1)
    angle = 2 * np.arctan2(y, x)
    return -tangential[..., np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _best_gains(filters, rings, broad, pixel_scale):
    """Return the gain of each ring of each filter, ``(output, filter, ring)``.

    The gains minimize the mean square error, the mean over modes of P (1 - T)^2 + N (K1^2 + K2^2).
    P is the signal power, N the noise power, T the response to mass, K1 and K2 the kernels of g1
    and g2. T, K1 and K2 are linear in the gains.
    """
    # All kernels are even in both axes: their transforms are real, and a quadrant is enough.
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
    """Return the variance of each mode of the pixel-averaged convergence."""
    side = np.deg2rad(pixel_scale / 60)
    ell = 2 * np.pi * np.hypot(kx, ky) / side
    table = np.geomspace(ell[ell > 0].min(), ell.max(), 200)
    power = np.zeros_like(ell)
    power[ell > 0] = np.interp(
        np.log(ell[ell > 0]), np.log(table), convergence_power(table, _Z_SOURCE)
    )
    return power * (np.sinc(kx) * np.sinc(ky)) ** 2 / side**2


def _transform(kernel):
    """Return a quadrant of the Fourier transform of a kernel about its center."""
    size, n = len(kernel), _GRID_PIXELS
    padded = np.zeros((n, n))
    padded[:size, :size] = kernel
    padded = np.roll(padded, (-(size // 2), -(size // 2)), (0, 1))
    return np.fft.fft2(padded).real[: n // 2 + 1, : n // 2 + 1]


def _radius():
    y, x = np.indices((49, 49)) - 24
    return np.hypot(y, x)


def _rings():
    """Return rings ``(n, 49, 49)``, each with a sum of squares of 1."""
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
    """Expand a kernel between channels x to pairs of channels, the leaky ReLUs of x and -x."""
    signs = np.array([[1.0, -1.0], [-1.0, 1.0]]) / _PAIR_GAIN
    return np.kron(linear, signs)


def _random_kernel(rng):
    """Return random weights that preserve the variance of their input."""
    return rng.normal(scale=1 / np.sqrt(49 * 49 * 24), size=(49, 49, 24, 24))
