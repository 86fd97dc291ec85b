# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The inputs of the network ``lensmap``: Kaiser-Squires maps in units of their noise."""

from itertools import chain, pairwise

import numpy as np

from lensmap.flatsky import gaussian_smooth, multiscale_convergence

__all__ = ["MULTISCALE_CHANNELS", "multiscale_inputs", "reference_noise"]

# The Gaussian smoothings of the Kaiser-Squires maps, in pixels.
_SIGMAS = (0.0, 1.5, 3.0, 6.0, 14.0)

# The smoothings, in pixels, of the weight channels. The smoothed weight is about the fraction of
# the neighborhood that has data.
_WEIGHT_SIGMAS = (3.0, 14.0)

# The smoothings, in pixels, of the depth map of a survey and of its footprint.
_DEPTH_SIGMA, _FOOTPRINT_SIGMA = 16.0, 3.0

# The noise per pixel and the pixel scale of Cha et al. 2025. The channels "log noise" and
# "log pixel" are logarithms relative to these values.
_REFERENCE_NOISE, _REFERENCE_SCALE_ARCMIN = 0.115, 0.41

MULTISCALE_CHANNELS = (
    *("E", "E 1.5", "E 3", "E 6", "E 14"),
    *("B", "B 3"),
    *("weight", "weight 3", "weight 14"),
    *("log noise", "log pixel"),
    *("adaptive", "gain 0", "gain 1.5", "gain 3", "gain 6", "gain 14"),
)

# The smoothings, in pixels, for which the B-mode is a channel as well.
_B_SIGMAS = (0.0, 3.0)

# The strength of the signal is measured in pixels where at least this fraction of the neighborhood
# has data.
_MIN_COVERAGE = 0.8

# The lower limit of the signal variance, in units of the B-mode variance.
_MIN_SIGNAL = 1e-3

# The lower limit of the noise variance between two neighboring scales, in units of the variance of
# white noise between these scales.
_MIN_NOISE = 0.3

# The adaptive map is divided by this number, which makes its scatter similar to that of the other
# channels.
_ADAPTIVE_UNIT = 0.3


def reference_noise(inverse_variance: np.ndarray) -> np.ndarray:
    """Compute the shear noise that each pixel would have at the mean depth of its neighborhood.

    Masked holes and pixels beyond the edges of the survey do not enter the mean depth.

    Parameters
    ----------
    inverse_variance : `numpy.ndarray`
        The inverse variance of the mean shear per component, ``(ny, nx)``; 0 in pixels without
        galaxies.

    Returns
    -------
    `numpy.ndarray`
        The noise per component, float32, ``(ny, nx)``, positive everywhere.

    Raises
    ------
    ValueError
        If no pixel has galaxies.
    """
    occupied = inverse_variance > 0
    if not occupied.any():
        raise ValueError(
            "the grid must have at least one pixel with galaxies, but all of its pixels are empty"
        )
    density = gaussian_smooth(occupied.astype(np.float32), _FOOTPRINT_SIGMA)
    # Pixels are inside the survey if the smoothed fraction of occupied pixels exceeds half of its
    # mean over occupied pixels.
    inside = (density > 0.5 * density[occupied].mean()).astype(np.float32)
    depth = inverse_variance * inside
    mean = float(depth.sum(dtype=float) / inside.sum(dtype=float))
    # Far from all data, the smoothed depth approaches the mean depth of the survey.
    floor = np.float32(1e-3)
    smooth = gaussian_smooth(depth, _DEPTH_SIGMA) + floor * np.float32(mean)
    smooth /= np.maximum(gaussian_smooth(inside, _DEPTH_SIGMA), 0) + floor
    return 1 / np.sqrt(np.maximum(smooth, np.float32(1e-3 * mean)))


def multiscale_inputs(
    shear: np.ndarray, inverse_variance: np.ndarray, pixel_scale: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Compute the input channels of the network ``lensmap``.

    The shear in each pixel is weighted by its inverse variance, relative to the mean inverse
    variance in the neighborhood. The weighted shear is converted to the convergence (Kaiser &
    Squires 1993), without smoothing and with several Gaussian smoothings. Each map is divided by
    its noise, so that a given signal-to-noise ratio has the same channel value at any depth.

    The strength of the signal, which depends on the redshift of the sources, is measured on the
    field. For this, the maps of neighboring smoothings are subtracted. In each difference map, the
    variance of the E-mode exceeds that of the B-mode by the signal variance S. The adaptive map is
    the sum of the E-modes of the difference maps, each times the gain :math:`S / (S + N)`, where N
    is the noise variance. The adaptive map is thus a Wiener-filtered map whose gain is constant
    between neighboring scales.

    Parameters
    ----------
    shear : `numpy.ndarray`
        The mean reduced shear in the basis of the pixel axes, complex, ``(ny, nx)``; 0 in pixels
        without galaxies.
    inverse_variance : `numpy.ndarray`
        The inverse variance of the mean shear per component, ``(ny, nx)``; 0 in pixels without
        galaxies.
    pixel_scale : float
        The pixel scale, arcmin.

    Returns
    -------
    inputs : `numpy.ndarray`
        The channels in the order of `MULTISCALE_CHANNELS`, float32, ``(ny, nx, 18)``. Numbers in
        the names of channels are smoothings in pixels.
    noise : `numpy.ndarray`
        The noise per pixel from `reference_noise`, which is the unit of the network's output,
        float32, ``(ny, nx)``.
    """
    inverse_variance = inverse_variance.astype(np.float32, copy=False)
    noise = reference_noise(inverse_variance)
    weight = inverse_variance * noise**2
    # Channels are written in place, because two copies of all channels of a large map would not fit
    # into memory.
    inputs = np.empty((*shear.shape, len(MULTISCALE_CHANNELS)), dtype=np.float32)
    channels = {name: inputs[..., i] for i, name in enumerate(MULTISCALE_CHANNELS)}
    channels["weight"][...] = weight
    for sigma in _WEIGHT_SIGMAS:
        channels[f"weight {sigma:g}"][...] = gaussian_smooth(weight, sigma)
    channels["log noise"][...] = np.log(noise / np.float32(_REFERENCE_NOISE))
    channels["log pixel"][...] = np.log(pixel_scale / _REFERENCE_SCALE_ARCMIN)
    _fill_maps(channels, (weight * shear).astype(np.complex64), noise)
    return inputs, noise


def _fill_maps(channels, shear, noise):
    """Compute the E-mode, B-mode, adaptive and gain channels of a network input, in place.

    The adaptive channel is a Wiener-filtered map: the sum of the differences between maps of
    neighboring smoothings, each times the gain of these scales. The gain channels hold the gains.

    Parameters
    ----------
    channels : dict
        The arrays of all channels, ``(ny, nx)``, keyed by name. The weight channels must already be
        computed; the E-mode, B-mode, adaptive and gain channels are overwritten.
    shear : `numpy.ndarray`
        The shear times its relative weight, complex64, ``(ny, nx)``.
    noise : `numpy.ndarray`
        The shear noise from `reference_noise`, ``(ny, nx)``.
    """
    inside = channels["weight 3"] > _MIN_COVERAGE
    if not inside.any():
        inside = channels["weight 3"] >= channels["weight 3"].max()
    noise_square = float(np.mean(np.square(noise[inside], dtype=float)))
    maps = (kappa.copy() for kappa in multiscale_convergence(shear, _SIGMAS))
    pairs = pairwise(chain(maps, [np.complex64(0)]))
    adaptive = np.zeros_like(noise)
    for sigma, white, (finer, coarser) in zip(
        _SIGMAS, _white_noise_between_scales(), pairs, strict=True
    ):
        name = f" {sigma:g}" if sigma else ""
        # The noise of the smoothed map: white noise of variance 1 per pixel has the standard
        # deviation 1 / (2 sqrt(pi) sigma) after smoothing.
        unit = noise / np.float32(max(1.0, 2 * np.sqrt(np.pi) * sigma))
        channels["E" + name][...] = finer.real / unit
        if sigma in _B_SIGMAS:
            channels["B" + name][...] = finer.imag / unit
        band = finer - coarser
        # One variance for the whole field, because the signal depends on the source redshifts.
        e, b = (float(np.mean(np.square(x[inside], dtype=float))) for x in (band.real, band.imag))
        # The lower limit keeps simulations without noise within the range of the training data.
        band_noise = max(b / noise_square, _MIN_NOISE * white)
        signal = np.float32(max(e - b, _MIN_SIGNAL * b, np.finfo(np.float32).tiny))
        gain = signal / (signal + np.float32(band_noise) * noise**2)
        adaptive += gain * band.real
        channels[f"gain {sigma:g}"][...] = gain
    channels["adaptive"][...] = adaptive / (np.float32(_ADAPTIVE_UNIT) * noise)


def _white_noise_between_scales():
    """Return the variance of white noise in the difference of two maps of neighboring smoothings.

    The white noise has a variance of 1 per pixel before smoothing. The result is a list with one
    variance for each pair of neighboring smoothings of the network input, followed by the variance
    in the map with the largest smoothing.
    """

    def overlap(one, other):
        square = one**2 + other**2
        return 1.0 if square == 0 else 1 / (2 * np.pi * square)

    pairs = zip(_SIGMAS, _SIGMAS[1:])
    between = [overlap(a, a) + overlap(b, b) - 2 * overlap(a, b) for a, b in pairs]
    return [*between, overlap(_SIGMAS[-1], _SIGMAS[-1])]
