# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Gaussian smoothing, without weights and normalized by weights."""

import math

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.flatsky._modes import filter_modes
from lensmap.utils import ParameterError, n_threads

__all__ = [
    "check_smoothing", "gaussian_smooth", "gaussian_transfer", "near_data", "normalized_smooth",
]

# The kernel is truncated at this many standard deviations, which cuts off 6e-7 of its weight.
_MAX_SIGMAS = 5.0

# A wider Gaussian is constant on the whole field to 1 percent: its unit is wrong, most likely.
# Networks smooth by fixed numbers of pixels, which may exceed this limit on very small fields.
_MAX_DIAGONALS, _MIN_LIMIT_PIXELS = 10.0, 1000.0


def check_smoothing(
    smoothing: float, shape: tuple[int, ...], pixel_arcmin: float | None = None
) -> float:
    """Check that a smoothing length is not far beyond the field.

    Parameters
    ----------
    smoothing : float
        The standard deviation of the Gaussian in pixels.
    shape : tuple of int
        The shape of the field, ``(ny, nx)``.
    pixel_arcmin : float or None
        The side of a pixel in arcmin, for the error message. If None, the message is in pixels.

    Returns
    -------
    float
        The smoothing length.

    Raises
    ------
    ValueError
        If the smoothing length exceeds ten times the diagonal of the field and 1000 pixels.
    """
    largest = max(_MAX_DIAGONALS * math.hypot(*shape), _MIN_LIMIT_PIXELS)
    if not smoothing <= largest:
        unit, name = (1.0, "pixels") if pixel_arcmin is None else (pixel_arcmin, "arcmin")
        limit, found = (f"{length * unit:.4g} {name}" for length in (largest, smoothing))
        raise ParameterError(
            "smoothing",
            f"at most {limit} on this field of {shape[0]} x {shape[1]} pixels",
            found,
            "a wider Gaussian leaves only the mean of the field; check the unit",
        )
    return smoothing


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
    return _transfer(n, kernel, len(kernel) // 2)


def _transfer(n: int, kernel: np.ndarray, reach: int) -> np.ndarray:
    """Return the Fourier transform of the part of a kernel within ``reach`` pixels, ``(n,)``."""
    wrapped = np.zeros(n)
    center = len(kernel) // 2
    # On a periodic grid, a kernel longer than the axis wraps around.
    np.add.at(
        wrapped, np.arange(-reach, reach + 1) % n, kernel[center - reach : center + reach + 1]
    )
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

    Raises
    ------
    ValueError
        If the Gaussian is far wider than the field.
    """
    field = np.asarray(field)
    if smoothing == 0:
        return field.copy()
    kernel = _gaussian_1d(check_smoothing(smoothing, field.shape))
    if field.dtype.kind not in "fc":
        field = field.astype(float)
    real = field.real.dtype
    # Pixels are at most n - 1 apart, so that more of a wide kernel needs no padding.
    reaches = [min(len(kernel) // 2, max(n - 1, 1)) for n in field.shape]
    ny, nx = (
        scipy.fft.next_fast_len(n + reach)
        for n, reach in zip(field.shape, reaches, strict=True)
    )
    along_y, along_x = (
        _transfer(n, kernel, reach).astype(real)
        for n, reach in zip((ny, nx), reaches, strict=True)
    )

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
    # Pixels are at most n - 1 apart, so that more of a large disc needs no padding.
    reach_y, reach_x = (int(min(radius, n)) for n in (ny, nx))
    shape = tuple(
        scipy.fft.next_fast_len(n + reach, real=True)
        for n, reach in ((ny, reach_y), (nx, reach_x))
    )
    y, x = np.ogrid[-reach_y : reach_y + 1, -reach_x : reach_x + 1]
    j, i = np.nonzero(y**2 + x**2 <= radius**2)
    disc = np.zeros(shape, dtype=np.float32)
    # The disc is centered on the first pixel and wraps around the edges.
    disc[(j - reach_y) % shape[0], (i - reach_x) % shape[1]] = 1.0
    workers = n_threads(disc.size)
    spectrum = scipy.fft.rfft2(np.asarray(occupied, dtype=np.float32), shape, workers=workers)
    spectrum *= scipy.fft.rfft2(disc, workers=workers)
    count = scipy.fft.irfft2(spectrum, shape, workers=workers)[:ny, :nx]
    # The exact counts are whole numbers, and rounding errors in single precision are far below 0.5.
    return count > 0.5
