# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Gaussian smoothing, without weights and normalized by weights."""

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.flatsky._modes import filter_modes
from lensmap.utils import n_threads

__all__ = ["gaussian_smooth", "gaussian_transfer", "normalized_smooth", "near_data"]

# The kernel is truncated at this many standard deviations, which cuts off 6e-7 of its weight.
_MAX_SIGMAS = 5.0


def _gaussian_1d(smoothing: float) -> np.ndarray:
    """Return a normalized Gaussian sampled at pixel centers, ``(2 radius + 1,)``.

    ``smoothing`` is the standard deviation in pixels. The Gaussian is truncated at a radius of 5
    standard deviations.
    """
    radius = max(1, int(np.ceil(_MAX_SIGMAS * smoothing)))
    x = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (x / smoothing) ** 2)
    return kernel / kernel.sum()


def gaussian_transfer(n: int, smoothing: float) -> np.ndarray:
    """Return the Fourier transform of the Gaussian smoothing kernel along one axis.

    Parameters
    ----------
    n : int
        The length of the transform in pixels.
    smoothing : float
        The standard deviation of the Gaussian in pixels. 0 does not smooth.

    Returns
    -------
    `numpy.ndarray`
        The transfer function, real, ``(n,)``, in the order of `scipy.fft.fftfreq`. It is 1
        everywhere if ``smoothing`` is 0.
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
    """Convolve a field with a Gaussian; the field is taken as 0 outside the array.

    The kernel is sampled at pixel centers. It is positive and normalized for any width.

    Parameters
    ----------
    field : array_like
        The field, real or complex, ``(ny, nx)``, finite everywhere. Its precision is kept.
    smoothing : float
        The standard deviation of the Gaussian in pixels. 0 does not smooth.

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
    r"""Smooth a field g by normalized convolution, :math:`G * (w g) / (G * w)`.

    Here w is the weight of each pixel and G the Gaussian kernel. Pixels without data have zero
    weight and do not contribute.

    Parameters
    ----------
    weighted : array_like
        The sum of weight times value in each pixel, ``(ny, nx)``, real or complex.
    weight : array_like
        The sum of weights in each pixel, ``(ny, nx)``; 0 in pixels without data.
    smoothing : float
        The standard deviation of the Gaussian in pixels. With 0, the result is the weighted mean in
        each pixel.
    floor : float
        The smoothed weight up to which the result is set to 0, as in pixels far from data.

    Returns
    -------
    value : `numpy.ndarray`
        The smoothed field, ``(ny, nx)``.
    smoothed_weight : `numpy.ndarray`
        The smoothed weight :math:`G * w`, ``(ny, nx)``.

    References
    ----------
    Knutsson & Westin 1993, Proc. IEEE CVPR, 515 ("normalized convolution").
    """
    smoothed_weight = gaussian_smooth(weight, smoothing)
    # A convolution in Fourier space leaves rounding errors where the smoothed weight should be 0.
    rounding = 100 * np.finfo(smoothed_weight.dtype).eps * float(np.max(weight, initial=0.0))
    good = smoothed_weight > max(floor, rounding if smoothing > 0 else 0.0)
    inverse = np.zeros_like(smoothed_weight)
    np.divide(1.0, smoothed_weight, out=inverse, where=good)
    value = gaussian_smooth(weighted, smoothing)
    value *= inverse
    return value, smoothed_weight


def near_data(occupied: ArrayLike, radius: float) -> np.ndarray:
    """Return which pixels have a pixel with data within a radius.

    Parameters
    ----------
    occupied : array_like
        True for pixels with data, bool, ``(ny, nx)``.
    radius : float
        The largest distance between the pixel centers, in pixels.

    Returns
    -------
    `numpy.ndarray`
        True for pixels near data, bool, ``(ny, nx)``.
    """
    # A convolution with a disc counts the occupied pixels within the radius. A distance transform
    # would take five times as long.
    ny, nx = np.shape(occupied)
    whole = int(radius)
    shape = tuple(scipy.fft.next_fast_len(n + whole, real=True) for n in (ny, nx))
    y, x = np.ogrid[-whole : whole + 1, -whole : whole + 1]
    j, i = np.nonzero(y**2 + x**2 <= radius**2)
    disc = np.zeros(shape, dtype=np.float32)
    # The disc is centered on the first pixel and wraps around the edges. Assignment, not addition:
    # a disc larger than the array must count each pixel once.
    disc[(j - whole) % shape[0], (i - whole) % shape[1]] = 1.0
    workers = n_threads(disc.size)
    spectrum = scipy.fft.rfft2(np.asarray(occupied, dtype=np.float32), shape, workers=workers)
    spectrum *= scipy.fft.rfft2(disc, workers=workers)
    count = scipy.fft.irfft2(spectrum, shape, workers=workers)[:ny, :nx]
    # The exact counts are whole numbers, and rounding errors in single precision are far below 0.5.
    return count > 0.5
