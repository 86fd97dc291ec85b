# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the network of lensmap sees: Kaiser-Squires maps in units of their noise, and the noise."""

from itertools import chain, pairwise

import numpy as np

from lensmap.flatsky import gaussian_smooth, multiscale_convergence

__all__ = ["MULTISCALE_CHANNELS", "multiscale_inputs", "reference_noise"]

# Gaussian smoothing of the maps, in pixels.
_SIGMAS = (0.0, 1.5, 3.0, 6.0, 14.0)

# The scales at which the network is told how much of the neighborhood has data.
_WEIGHT_SIGMAS = (3.0, 14.0)

# The scale over which the depth of a survey is taken as constant, and that of its outline.
_DEPTH_SIGMA, _OUTLINE_SIGMA = 16.0, 3.0

# The noise and the pixel whose logarithms are 0: those of Cha et al. 2025.
_USUAL_NOISE, _USUAL_PIXEL = 0.115, 0.41

MULTISCALE_CHANNELS = (
    *("E", "E 1.5", "E 3", "E 6", "E 14"),
    *("B", "B 3"),
    *("weight", "weight 3", "weight 14"),
    *("log noise", "log pixel"),
    *("adaptive", "gain 0", "gain 1.5", "gain 3", "gain 6", "gain 14"),
)

# The smoothing scales whose B-mode is shown.
_B_SIGMAS = (0.0, 3.0)

# Pixels count for the strength of the signal where this part of the neighborhood has data.
_FULL = 0.8

# A signal that is weaker than this, in units of the noise variance, is not told from none.
_WEAKEST = 1e-3

# The least noise between two scales, in units of that which white noise has there.
_LEAST_NOISE = 0.3

# Brings the adaptive map to the size of the others.
_ADAPTIVE_UNIT = 0.3


def reference_noise(inverse_variance):
    """Return the noise of a pixel as deep as its neighborhood, holes and edges left aside.

    Parameters
    ----------
    inverse_variance : `numpy.ndarray`
        Of the mean shear of each pixel, per component, ``(ny, nx)``; 0 where there are no
        galaxies.

    Returns
    -------
    `numpy.ndarray`
        Float32, ``(ny, nx)``, positive everywhere.

    Raises
    ------
    ValueError
        If there is no pixel with galaxies.
    """
    occupied = inverse_variance > 0
    if not occupied.any():
        raise ValueError("the grid has no pixel with galaxies")
    density = gaussian_smooth(occupied.astype(np.float32), _OUTLINE_SIGMA)
    # Inside of the survey there are about as many neighbors as galaxies have on average.
    inside = (density > 0.5 * density[occupied].mean()).astype(np.float32)
    depth = inverse_variance * inside
    mean = float(depth.sum(dtype=float) / inside.sum(dtype=float))
    # Far from all data, the mean of the survey.
    little = np.float32(1e-3)
    smooth = gaussian_smooth(depth, _DEPTH_SIGMA) + little * np.float32(mean)
    smooth /= np.maximum(gaussian_smooth(inside, _DEPTH_SIGMA), 0) + little
    return 1 / np.sqrt(np.maximum(smooth, np.float32(1e-3 * mean)))


def multiscale_inputs(shear, inverse_variance, pixel_scale):
    r"""Return the channels of the network of lensmap.

    The shear is weighted with the inverse variance of its pixel, relative to the neighborhood's,
    and inverted (Kaiser & Squires 1993) over the whole field, as it is and smoothed. In units of
    the noise that such a map has, the same signal-to-noise ratio looks the same at any depth.

    How strong the signal is, which the redshift of the sources decides, is measured on the field:
    between neighboring scales, the E-mode has more variance than the B-mode by that of the
    signal, S. The adaptive map is the sum of what lies between the scales, each with the gain
    :math:`S / (S + N)`, a Wiener filter in steps.

    Parameters
    ----------
    shear : `numpy.ndarray`
        Complex, ``(ny, nx)``: the mean reduced shear in the pixel basis; 0 without galaxies.
    inverse_variance : `numpy.ndarray`
        Of the mean shear per component, ``(ny, nx)``; 0 without galaxies.
    pixel_scale : float
        Arcminutes.

    Returns
    -------
    inputs : `numpy.ndarray`
        Float32, ``(ny, nx, 18)``; the channels are `MULTISCALE_CHANNELS`, with scales in pixels.
    noise : `numpy.ndarray`
        Float32, ``(ny, nx)``, `reference_noise`: the unit of what the network returns.
    """
    inverse_variance = inverse_variance.astype(np.float32, copy=False)
    noise = reference_noise(inverse_variance)
    weight = inverse_variance * noise**2
    # Each channel is put where it belongs as soon as it is known: of large maps there is no room
    # for all of them twice.
    inputs = np.empty((*shear.shape, len(MULTISCALE_CHANNELS)), dtype=np.float32)
    channels = {name: inputs[..., i] for i, name in enumerate(MULTISCALE_CHANNELS)}
    channels["weight"][...] = weight
    for sigma in _WEIGHT_SIGMAS:
        channels[f"weight {sigma:g}"][...] = gaussian_smooth(weight, sigma)
    channels["log noise"][...] = np.log(noise / np.float32(_USUAL_NOISE))
    channels["log pixel"][...] = np.log(pixel_scale / _USUAL_PIXEL)
    _put_maps(channels, (weight * shear).astype(np.complex64), noise)
    return inputs, noise


def _put_maps(channels, shear, noise):
    """Fill the channels of the maps, of the adaptive one and of its gains."""
    inside = channels["weight 3"] > _FULL
    if not inside.any():
        inside = channels["weight 3"] >= channels["weight 3"].max()
    noise_square = float(np.mean(np.square(noise[inside], dtype=float)))
    maps = (kappa.copy() for kappa in multiscale_convergence(shear, _SIGMAS))
    pairs = pairwise(chain(maps, [np.complex64(0)]))
    total = np.zeros_like(noise)
    for sigma, white, (finer, coarser) in zip(
        _SIGMAS, _white_noise_between_scales(), pairs, strict=True
    ):
        name = f" {sigma:g}" if sigma else ""
        # White noise of 1 per pixel has this scatter after smoothing.
        unit = noise / np.float32(max(1.0, 2 * np.sqrt(np.pi) * sigma))
        channels["E" + name][...] = finer.real / unit
        if sigma in _B_SIGMAS:
            channels["B" + name][...] = finer.imag / unit
        part = finer - coarser
        # Of the whole field: it is the sources' redshift that is asked for.
        e, b = (float(np.mean(np.square(x[inside], dtype=float))) for x in (part.real, part.imag))
        # Galaxies without noise are none that a network has seen.
        own = max(b / noise_square, _LEAST_NOISE * white)
        signal = np.float32(max(e - b, _WEAKEST * b, np.finfo(np.float32).tiny))
        gain = signal / (signal + np.float32(own) * noise**2)
        total += gain * part.real
        channels[f"gain {sigma:g}"][...] = gain
    channels["adaptive"][...] = total / (np.float32(_ADAPTIVE_UNIT) * noise)


def _white_noise_between_scales():
    """Return the variance of white noise of 1 per pixel between each scale and the next."""

    def overlap(one, other):
        square = one**2 + other**2
        return 1.0 if square == 0 else 1 / (2 * np.pi * square)

    pairs = zip(_SIGMAS, _SIGMAS[1:])
    between = [overlap(a, a) + overlap(b, b) - 2 * overlap(a, b) for a, b in pairs]
    return [*between, overlap(_SIGMAS[-1], _SIGMAS[-1])]
