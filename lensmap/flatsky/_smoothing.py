# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Gaussian smoothing, plain and normalized by weights."""

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.flatsky._modes import filter_modes
from lensmap.utils import n_threads

__all__ = ["gaussian_smooth", "gaussian_transfer", "normalized_smooth", "near_data"]

# The kernel ends at this many standard deviations, beyond which it has 6e-7 of its weight.
_MAX_SIGMAS = 5.0


def _gaussian_1d(smoothing: float) -> np.ndarray:
    """Return a normalized Gaussian sampled at pixels, ``(2 radius + 1,)``."""
    radius = max(1, int(np.ceil(_MAX_SIGMAS * smoothing)))
    x = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (x / smoothing) ** 2)
    return kernel / kernel.sum()


def gaussian_transfer(n: int, smoothing: float) -> np.ndarray:
    """Return the Fourier transform of the smoothing kernel along one axis.

    Parameters
    ----------
    n : int
        The length of the transform, in pixels.
    smoothing : float
        The standard deviation of the Gaussian, in pixels; 0 gives ones.

    Returns
    -------
    `numpy.ndarray`
        Real, ``(n,)``, in the order of `scipy.fft.fftfreq`.
    """
    if smoothing == 0:
        return np.ones(n)
    kernel = _gaussian_1d(smoothing)
    radius = len(kernel) // 2
    wrapped = np.zeros(n)
    # On a periodic grid, a kernel longer than the axis wraps around.
    np.add.at(wrapped, np.arange(-radius, radius + 1) % n, kernel)
    return scipy.fft.fft(wrapped).real


def gaussian_smooth(field: ArrayLike, smoothing: float) -> np.ndarray:
    """Convolve a field, which is 0 outside the array, with a Gaussian.

    The kernel is sampled at pixels, and is positive and normalized for any width.

    Parameters
    ----------
    field : array_like
        Real or complex, ``(ny, nx)``, finite everywhere. Its precision is kept.
    smoothing : float
        The standard deviation of the Gaussian in pixels; 0 does not smooth.

    Returns
    -------
    `numpy.ndarray`
        The smoothed field, ``(ny, nx)``.
    """
    field = np.asarray(field)
    if smoothing == 0:
        return field.copy()
    radius = max(1, int(np.ceil(_MAX_SIGMAS * smoothing)))
    ny, nx = (scipy.fft.next_fast_len(n + radius) for n in field.shape)
    if field.dtype.kind not in "fc":
        field = field.astype(float)
    real = field.real.dtype
    along_y, along_x = (gaussian_transfer(n, smoothing).astype(real) for n in (ny, nx))

    def multiply(modes: np.ndarray, columns: slice) -> None:
        modes *= along_x[columns]
        modes *= along_y[:, np.newaxis]

    return filter_modes(field, (ny, nx), multiply)


def normalized_smooth(
    weighted: ArrayLike, weight: ArrayLike, smoothing: float, *, floor: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    r"""Smooth a weighted mean g, normalized by the weights: :math:`G * (w g) / G * w`.

    Pixels without data do not contribute.

    Parameters
    ----------
    weighted : array_like
        The sums of weight times value, ``(ny, nx)``, real or complex.
    weight : array_like
        The sums of weight, ``(ny, nx)``, 0 without data.
    smoothing : float
        The standard deviation of the Gaussian in pixels; 0 gives the mean in each pixel.
    floor : float
        The result is 0 in pixels with a smoothed weight of at most this, far from data.

    Returns
    -------
    value : `numpy.ndarray`
        The smoothed mean, ``(ny, nx)``.
    smoothed_weight : `numpy.ndarray`
        :math:`G * w`, ``(ny, nx)``.

    References
    ----------
    Knutsson & Westin 1993, Proc. IEEE CVPR, 515 ("normalized convolution").
    """
    smoothed_weight = gaussian_smooth(weight, smoothing)
    # A Fourier convolution leaves rounding errors where the smoothed weight is 0.
    rounding = 100 * np.finfo(smoothed_weight.dtype).eps * float(np.max(weight, initial=0.0))
    good = smoothed_weight > max(floor, rounding if smoothing > 0 else 0.0)
    inverse = np.zeros_like(smoothed_weight)
    np.divide(1.0, smoothed_weight, out=inverse, where=good)
    value = gaussian_smooth(weighted, smoothing)
    value *= inverse
    return value, smoothed_weight


def near_data(occupied: ArrayLike, radius: float) -> np.ndarray:
    """Return which pixels have data within a radius.

    Parameters
    ----------
    occupied : array_like
        Bool, ``(ny, nx)``: the pixels with data.
    radius : float
        The largest distance between pixel centers, in pixels.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(ny, nx)``.
    """
    # A convolution with a disc counts the pixels; a distance transform takes five times as long.
    ny, nx = np.shape(occupied)
    whole = int(radius)
    shape = tuple(scipy.fft.next_fast_len(n + whole, real=True) for n in (ny, nx))
    y, x = np.ogrid[-whole : whole + 1, -whole : whole + 1]
    j, i = np.nonzero(y**2 + x**2 <= radius**2)
    disc = np.zeros(shape, dtype=np.float32)
    # The disc is centered on the first pixel and wraps around the edges. A disc larger than the
    # array covers each pixel once.
    disc[(j - whole) % shape[0], (i - whole) % shape[1]] = 1.0
    workers = n_threads(disc.size)
    spectrum = scipy.fft.rfft2(np.asarray(occupied, dtype=np.float32), shape, workers=workers)
    spectrum *= scipy.fft.rfft2(disc, workers=workers)
    count = scipy.fft.irfft2(spectrum, shape, workers=workers)[:ny, :nx]
    # Counts are whole numbers, and the errors of single precision are far below 0.5.
    return count > 0.5
