# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Gaussian smoothing that knows where the data are."""

import numpy as np
import scipy.fft

from lensmap.flatsky._modes import filter_modes
from lensmap.utils import n_threads

__all__ = ["gaussian_smooth", "gaussian_transfer", "normalized_smooth", "near_data"]

# The kernel is cut here: what is lost is 6e-7 of its weight.
_TRUNCATE = 5.0


def _gaussian_1d(smoothing):
    """Return the samples of a normalized Gaussian at whole pixels, ``2 r + 1`` of them."""
    radius = max(1, int(np.ceil(_TRUNCATE * smoothing)))
    x = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (x / smoothing) ** 2)
    return kernel / kernel.sum()


def gaussian_transfer(n, smoothing):
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
    # A kernel longer than the axis wraps around, as it must on a periodic grid.
    np.add.at(wrapped, np.arange(-radius, radius + 1) % n, kernel)
    return scipy.fft.fft(wrapped).real


def gaussian_smooth(field, smoothing):
    """Convolve with a Gaussian; outside the array the field is 0.

    The kernel is sampled at whole pixels, positive and normalized, whatever its width.

    Parameters
    ----------
    field : array_like
        Real or complex, ``(ny, nx)``, finite everywhere. Its precision is kept.
    smoothing : float
        The standard deviation in pixels; 0 changes nothing.

    Returns
    -------
    `numpy.ndarray`
        The smoothed field, ``(ny, nx)``.
    """
    field = np.asarray(field)
    if smoothing == 0:
        return field.copy()
    reach = max(1, int(np.ceil(_TRUNCATE * smoothing)))
    shape = tuple(scipy.fft.next_fast_len(n + reach) for n in field.shape)
    if field.dtype.kind not in "fc":
        field = field.astype(float)
    real = field.real.dtype
    along_y, along_x = (gaussian_transfer(n, smoothing).astype(real) for n in shape)

    def multiply(modes, columns):
        modes *= along_x[columns]
        modes *= along_y[:, np.newaxis]

    return filter_modes(field, shape, multiply)


def normalized_smooth(weighted, weight, smoothing, *, floor=0.0):
    r"""Smooth a weighted mean: :math:`G * (w g) / G * w`, so that holes are not zeros.

    Parameters
    ----------
    weighted : array_like
        The sums of weight times value, ``(ny, nx)``, real or complex.
    weight : array_like
        The sums of weight, ``(ny, nx)``, 0 where there are no data.
    smoothing : float
        The standard deviation of the Gaussian in pixels; 0 gives the mean in each pixel.
    floor : float
        Where the smoothed weight is not above this, the result is 0: there are no data near.

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
    # A Fourier convolution leaves rounding errors of either sign where the truth is 0.
    rounding = 100 * np.finfo(smoothed_weight.dtype).eps * float(np.max(weight, initial=0.0))
    good = smoothed_weight > max(floor, rounding if smoothing > 0 else 0.0)
    inverse = np.zeros_like(smoothed_weight)
    np.divide(1.0, smoothed_weight, out=inverse, where=good)
    value = gaussian_smooth(weighted, smoothing)
    value *= inverse
    return value, smoothed_weight


def near_data(occupied, radius):
    """Return which pixels have data within a radius.

    Parameters
    ----------
    occupied : array_like
        Bool, ``(ny, nx)``: the pixels with data.
    radius : float
        In pixels, between centers.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(ny, nx)``.
    """
    # A convolution with a disc counts the pixels; a distance transform takes five times as long.
    ny, nx = np.shape(occupied)
    reach = int(radius)
    shape = tuple(scipy.fft.next_fast_len(n + reach, real=True) for n in (ny, nx))
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    j, i = np.nonzero(y**2 + x**2 <= radius**2)
    disc = np.zeros(shape, dtype=np.float32)
    # centered on the first pixel, and round the corner on its other sides; each pixel once, also
    # where the disc is larger than the array
    disc[(j - reach) % shape[0], (i - reach) % shape[1]] = 1.0
    workers = n_threads(disc.size)
    spectrum = scipy.fft.rfft2(np.asarray(occupied, dtype=np.float32), shape, workers=workers)
    spectrum *= scipy.fft.rfft2(disc, workers=workers)
    count = scipy.fft.irfft2(spectrum, shape, workers=workers)[:ny, :nx]
    # Counts are whole numbers; single precision is off by far less than half of one.
    return count > 0.5
