# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The inputs of the network of lensmap: Kaiser-Squires maps in units of their noise."""

from itertools import chain, pairwise

import numpy as np

from lensmap.flatsky import gaussian_smooth, multiscale_convergence

__all__ = ["MULTISCALE_CHANNELS", "multiscale_inputs", "reference_noise"]

# Gaussian smoothing of the maps, in pixels.
_SIGMAS = (0.0, 1.5, 3.0, 6.0, 14.0)

# The smoothings, in pixels, of the weight: the fraction of the neighborhood that has data.
_WEIGHT_SIGMAS = (3.0, 14.0)

# The smoothings, in pixels, of the depth of a survey and of its footprint.
_DEPTH_SIGMA, _FOOTPRINT_SIGMA = 16.0, 3.0

# The noise per pixel and the pixel scale (arcmin) of Cha et al. 2025, whose log channels are 0.
_REFERENCE_NOISE, _REFERENCE_SCALE_ARCMIN = 0.115, 0.41

MULTISCALE_CHANNELS = (
    *("E", "E 1.5", "E 3", "E 6", "E 14"),
    *("B", "B 3"),
    *("weight", "weight 3", "weight 14"),
    *("log noise", "log pixel"),
    *("adaptive", "gain 0", "gain 1.5", "gain 3", "gain 6", "gain 14"),
)

# The smoothings, in pixels, whose B-mode is a channel.
_B_SIGMAS = (0.0, 3.0)

# Pixels count for the strength of the signal where this fraction of the neighborhood has data.
_MIN_COVERAGE = 0.8

# The lower limit of the signal variance, in units of the B-mode variance.
_MIN_SIGNAL = 1e-3

# The lower limit of the noise between two scales, in units of that of white noise.
_MIN_NOISE = 0.3

# The divisor that gives the adaptive map about the scatter of the other channels.
_ADAPTIVE_UNIT = 0.3


def reference_noise(inverse_variance: np.ndarray) -> np.ndarray:
    """Compute the noise of a pixel with the mean depth of its neighborhood.

    Holes and edges of the survey do not lower the depth.

    Parameters
    ----------
    inverse_variance : `numpy.ndarray`
        The inverse variance of the mean shear per component, ``(ny, nx)``; 0 in pixels without
        galaxies.

    Returns
    -------
    `numpy.ndarray`
        Float32, ``(ny, nx)``, positive everywhere.

    Raises
    ------
    ValueError
        If no pixel has galaxies.
    """
    occupied = inverse_variance > 0
    if not occupied.any():
        raise ValueError("the grid has no pixel with galaxies")
    density = gaussian_smooth(occupied.astype(np.float32), _FOOTPRINT_SIGMA)
    # Within the survey the smoothed density is about that of the average galaxy.
    inside = (density > 0.5 * density[occupied].mean()).astype(np.float32)
    depth = inverse_variance * inside
    mean = float(depth.sum(dtype=float) / inside.sum(dtype=float))
    # Far from all data this becomes the mean of the survey.
    floor = np.float32(1e-3)
    smooth = gaussian_smooth(depth, _DEPTH_SIGMA) + floor * np.float32(mean)
    smooth /= np.maximum(gaussian_smooth(inside, _DEPTH_SIGMA), 0) + floor
    return 1 / np.sqrt(np.maximum(smooth, np.float32(1e-3 * mean)))


def multiscale_inputs(
    shear: np.ndarray, inverse_variance: np.ndarray, pixel_scale: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Compute the channels of the network of lensmap.

    The shear of a pixel is weighted by its inverse variance, relative to the mean of its
    neighborhood. The weighted field is inverted (Kaiser & Squires 1993) as it is and smoothed. In
    units of the noise of such a map, the same signal-to-noise ratio looks the same at any depth.

    The strength of the signal, which depends on the redshift of the sources, is measured on the
    field: between neighboring scales, the variance of the E-mode exceeds that of the B-mode by the
    signal variance, S. The adaptive map is the sum of the differences between neighboring scales,
    each with the gain :math:`S / (S + N)`. It is a Wiener filter with a stepwise gain.

    Parameters
    ----------
    shear : `numpy.ndarray`
        The mean reduced shear in the pixel basis, complex, ``(ny, nx)``; 0 in pixels without
        galaxies.
    inverse_variance : `numpy.ndarray`
        The inverse variance of the mean shear per component, ``(ny, nx)``; 0 in pixels without
        galaxies.
    pixel_scale : float
        The side of a pixel, arcmin.

    Returns
    -------
    inputs : `numpy.ndarray`
        The channels `MULTISCALE_CHANNELS`, float32, ``(ny, nx, 18)``; numbers in their names are
        smoothings in pixels.
    noise : `numpy.ndarray`
        `reference_noise`, the unit of the network's output, float32, ``(ny, nx)``.
    """
    inverse_variance = inverse_variance.astype(np.float32, copy=False)
    noise = reference_noise(inverse_variance)
    weight = inverse_variance * noise**2
    # Channels are written in place: two copies of all of them would not fit into memory for large
    # maps.
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
    """Fill the channels of the E-mode, the B-mode, the adaptive map and its gains."""
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
        # White noise of 1 per pixel has this scatter after smoothing.
        unit = noise / np.float32(max(1.0, 2 * np.sqrt(np.pi) * sigma))
        channels["E" + name][...] = finer.real / unit
        if sigma in _B_SIGMAS:
            channels["B" + name][...] = finer.imag / unit
        band = finer - coarser
        # One number for the whole field, since it stands for the redshift of the sources.
        e, b = (float(np.mean(np.square(x[inside], dtype=float))) for x in (band.real, band.imag))
        # The limit keeps noise-free galaxies within the range of the training.
        band_noise = max(b / noise_square, _MIN_NOISE * white)
        signal = np.float32(max(e - b, _MIN_SIGNAL * b, np.finfo(np.float32).tiny))
        gain = signal / (signal + np.float32(band_noise) * noise**2)
        adaptive += gain * band.real
        channels[f"gain {sigma:g}"][...] = gain
    channels["adaptive"][...] = adaptive / (np.float32(_ADAPTIVE_UNIT) * noise)


def _white_noise_between_scales():
    """Return the variance, between neighboring scales, of white noise of variance 1 per pixel."""

    def overlap(one, other):
        square = one**2 + other**2
        return 1.0 if square == 0 else 1 / (2 * np.pi * square)

    pairs = zip(_SIGMAS, _SIGMAS[1:])
    between = [overlap(a, a) + overlap(b, b) - 2 * overlap(a, b) for a, b in pairs]
    return [*between, overlap(_SIGMAS[-1], _SIGMAS[-1])]
