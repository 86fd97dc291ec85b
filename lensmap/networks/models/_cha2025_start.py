# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A start for the network of Cha et al. 2025 from the physics of lensing."""

import numpy as np

from lensmap.cosmology import convergence_power
from lensmap.utils import as_generator

__all__ = ["start_from_wiener"]

# The smoothing of the four pairs of filters of each window, arcminutes, but at least half a pixel.
_SMOOTHING = {
    9: (0.29, 0.41, 0.62, 0.82),
    25: (0.41, 0.66, 1.03, 1.64),
    49: (0.62, 1.03, 1.64, 2.46),
}
_N_PAIRS = 12

# Leaky ReLUs of x and -x differ by this many times x.
_PAIR = 1.2

# The kernels of the last pair are constant in rings with these edges, pixels.
_RINGS = (0, 0.5, 1.2, 1.8, 2.6, 3.7, 5, 7, 9, 12, 15, 18, 21, 24.6)

# The second half of the channels is smoothed with a Gaussian of this many pixels on the way out:
# so the linear map reaches 72 pixels far instead of 48.
_BROAD = 10.0

# What the map is best for: the sky at this source redshift, 33 galaxies per square arcminute with
# a dispersion of 0.24 and measurement errors of 0.06. The inputs do not tell how many galaxies are
# in a pixel, so that all pixels count alike: the mean of 1/n is what matters, not 1 over the mean.
_Z_SOURCE = 2.0
_NOISE = 1.27 * (0.24**2 + 0.06**2) / 33

# How much the squares of the kernels count, relative to the mean square of what they multiply.
# A tenth of it makes them three times as large for .002 in Pearson's r.
_RIDGE = 3e-3

_GRID = 192  # pixels, larger than the reach of all kernels together


def start_from_wiener(model, pixel_scale=0.41, *, seed=0):
    r"""Set the weights so that the network, not yet trained, is nearly a Wiener filter.

    From a random start the network learns nothing for a long time. The filters that see the input
    become those of Kaiser & Squires in real space, for several Gaussian smoothings,

    .. math:: \kappa(0) = \int \frac{d^2\theta}{\pi \theta^2} \gamma_t(\theta)
              \left[ 1 - \left( 1 + \frac{\theta^2}{2 \sigma^2} \right)
              e^{-\theta^2 / 2 \sigma^2} \right],

    cut to their windows, each with both signs, so that what a leaky ReLU takes from one is in the
    other. The first pair of convolutions multiplies by 1, with small random weights besides. The
    last pair and the last layer add up the channels so that the mean square error of the map is
    the smallest that such windows allow, for the power spectrum of the theory and white noise.

    Parameters
    ----------
    model : `keras.Model`
        Of `cha2025_network`; its weights are overwritten.
    pixel_scale : float
        Arcminutes.
    seed : None, int or `numpy.random.Generator`
        Of the random weights.

    Notes
    -----
    By the theory for which the map is the best, Pearson's r with the truth is .636, and .645 for a
    Wiener filter without windows. The error of measurement is not used at the start.

    References
    ----------
    Kaiser & Squires 1993, ApJ 404, 441 (the filters); Wiener 1949 (their sum).
    """
    rng = as_generator(seed)
    filters = []
    for i, (size, scales) in enumerate(_SMOOTHING.items()):
        kernel = np.zeros((size, size, 3, 8))
        for j, scale in enumerate(scales):
            one = _kaiser_squires_kernel(size, max(0.5, scale / pixel_scale))
            kernel[:, :, :2, 2 * j] = one
            kernel[:, :, :2, 2 * j + 1] = -one
            filters.append(one)
        model.get_layer(f"conv_{i}").set_weights([kernel, np.zeros(8)])
    model.get_layer("conv_3").set_weights([_random_kernel(rng), np.zeros(24)])
    model.get_layer("trans_conv_0").set_weights([_random_kernel(rng), np.ones(24)])

    rings, broad = _rings(), _broad()
    gains = _best_gains(filters, rings, broad, pixel_scale)
    kernels = np.tensordot(gains, rings, 1)  # (way out, filter, y, x)
    gather = np.zeros((49, 49, _N_PAIRS, _N_PAIRS))
    spread = np.zeros((49, 49, _N_PAIRS, _N_PAIRS))
    half = _N_PAIRS // 2
    for way in range(2):
        for channel in range(half):
            there = way * half + channel
            for one in (2 * channel, 2 * channel + 1):
                gather[:, :, one, there] = kernels[way, one]
            spread[:, :, there, there] = broad if way else _point()
    for name, linear in (("conv_4", gather), ("trans_conv_1", spread)):
        kernel = _of_pairs(linear) + 0.01 * _random_kernel(rng)
        model.get_layer(name).set_weights([kernel, np.zeros(24)])
    output = np.tile([1.0, -1.0], _N_PAIRS).reshape(1, 1, 24, 1) / _PAIR
    model.get_layer("conv_5").set_weights([output, np.zeros(1)])


def _kaiser_squires_kernel(size, smoothing):
    """Return the weights ``(size, size, 2)`` of g1 and g2 around a pixel in its convergence."""
    y, x = np.indices((size, size)) - (size - 1) / 2
    squared = x**2 + y**2
    scaled = squared / (2 * smoothing**2)
    tangential = 1 - (1 + scaled) * np.exp(-scaled)
    tangential /= np.pi * np.where(squared > 0, squared, 1)
    angle = 2 * np.arctan2(y, x)
    return -tangential[..., np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _best_gains(filters, rings, broad, pixel_scale):
    """Return what each ring of each filter is multiplied by, ``(way out, filter, ring)``.

    With the response T to mass and the two kernels K that act on the noise N, all linear in the
    gains, the mean of P (1 - T)^2 + N (K1^2 + K2^2) over modes is the mean square error.
    """
    # All kernels are even in both axes: their transforms are real, and a quadrant holds all.
    k = np.fft.rfftfreq(_GRID)
    kx, ky = np.meshgrid(k, k)
    inside = np.where((k > 0) & (k < 0.5), 2.0, 1.0)
    n_modes = np.outer(inside, inside)
    squared = np.where(kx**2 + ky**2 > 0, kx**2 + ky**2, 1)
    power = _power_of_pixels(kx, ky, pixel_scale)
    noise = _NOISE / pixel_scale**2

    filters = np.array([[_transform(one[..., i]) for one in filters] for i in range(2)])
    rings = np.array([_transform(ring) for ring in rings])
    ways = np.stack([np.ones_like(kx), _transform(broad)])
    acting = np.einsum("wyx,ifyx,ryx->iwfryx", ways, filters, rings, optimize=True)
    shape = acting.shape[1:4]
    acting = acting.reshape(2, -1, kx.size)
    response = (acting[0] * ((kx**2 - ky**2) / squared).ravel()
                + acting[1] * (2 * kx * ky / squared).ravel())
    signal = (n_modes * power).ravel()
    matrix = (response * signal) @ response.T
    for one in acting:
        matrix += noise * (one * n_modes.ravel()) @ one.T
    matrix[np.diag_indices_from(matrix)] += _RIDGE * np.trace(matrix) / len(matrix)
    return np.linalg.solve(matrix, response @ signal).reshape(shape)


def _power_of_pixels(kx, ky, pixel_scale):
    """Return the variance of each mode of the mean convergence in pixels."""
    side = np.deg2rad(pixel_scale / 60)
    ell = 2 * np.pi * np.hypot(kx, ky) / side
    table = np.geomspace(ell[ell > 0].min(), ell.max(), 200)
    power = np.zeros_like(ell)
    power[ell > 0] = np.interp(
        np.log(ell[ell > 0]), np.log(table), convergence_power(table, _Z_SOURCE)
    )
    return power * (np.sinc(kx) * np.sinc(ky)) ** 2 / side**2


def _transform(kernel):
    """Return the quadrant of the Fourier transform of a kernel about its middle."""
    size = len(kernel)
    whole = np.zeros((_GRID, _GRID))
    whole[:size, :size] = kernel
    whole = np.roll(whole, (-(size // 2), -(size // 2)), (0, 1))
    return np.fft.fft2(whole).real[: _GRID // 2 + 1, : _GRID // 2 + 1]


def _radius():
    y, x = np.indices((49, 49)) - 24
    return np.hypot(y, x)


def _rings():
    """Return rings ``(n, 49, 49)`` whose squares add up to 1."""
    radius = _radius()
    rings = [(radius >= a) & (radius < b) for a, b in zip(_RINGS, _RINGS[1:])]
    return np.array([ring / np.sqrt(ring.sum()) for ring in rings])


def _broad():
    radius = _radius()
    result = np.where(radius < _RINGS[-1], np.exp(-(radius**2) / (2 * _BROAD**2)), 0)
    return result / result.sum()


def _point():
    return np.where(_radius() == 0, 1.0, 0.0)


def _of_pairs(linear):
    """Make a kernel between pairs of channels, x and -x after a leaky ReLU, of one between x."""
    signs = np.array([[1.0, -1.0], [-1.0, 1.0]]) / _PAIR
    return np.kron(linear, signs)


def _random_kernel(rng):
    """Return weights that keep the size of what they are applied to."""
    return rng.normal(scale=1 / np.sqrt(49 * 49 * 24), size=(49, 49, 24, 24))
