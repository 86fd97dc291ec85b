# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Power spectra on a flat grid: model spectra on the modes of the grid, and measured spectra."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.utils import ParameterError, check_count

__all__ = ["MeasuredPower", "interpolate_power", "measure_power", "mode_ell", "mode_power",
           "pixel_window", "tapered"]

# The slope of C_l above the end of a table, which is similar to that of the power of halos.
_EXTRAPOLATED_SLOPE = -2.0


class MeasuredPower(NamedTuple):
    """A measured power spectrum.

    Attributes
    ----------
    ell : `numpy.ndarray`
        The mean multipole of each bin, in increasing order.
    power : `numpy.ndarray`
        The power spectrum :math:`C_\\ell` in steradians.
    n_modes : `numpy.ndarray`
        The number of independent complex modes in each bin. For a Gaussian field, the relative
        error of the power is ``1 / sqrt(n_modes)``.
    """

    ell: np.ndarray
    power: np.ndarray
    n_modes: np.ndarray


def mode_ell(shape: tuple[int, int], pixel_scale: float) -> np.ndarray:
    """Return the multipole of each mode of a grid.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``.
    pixel_scale : float
        The side of a pixel in radians.

    Returns
    -------
    `numpy.ndarray`
        The multipoles, ``(ny, nx)``, in the order of `scipy.fft.fftfreq`.
    """
    ly, lx = (2.0 * np.pi * scipy.fft.fftfreq(n, pixel_scale) for n in shape)
    return np.hypot(ly[:, np.newaxis], lx[np.newaxis, :])


def pixel_window(shape: tuple[int, int]) -> np.ndarray:
    """Return the window function of a square pixel: the factor on the amplitude of each mode.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        The window, ``(ny, nx)``, in the order of `scipy.fft.fftfreq`. It falls from 1 at the zero
        mode to 0.41 at the highest frequencies.
    """
    return np.outer(*(np.sinc(scipy.fft.fftfreq(n)) for n in shape))


def mode_power(
    shape: tuple[int, int],
    pixel_scale: float,
    power: Callable[[np.ndarray], ArrayLike],
    *,
    smoothed: int = 1,
) -> np.ndarray:
    r"""Return the power of a pixel-averaged convergence field, for each mode of a grid.

    .. math:: P = C_\ell W^{2 n} / \Delta^2 , \qquad P(0) = 0

    Here W is the window of a pixel, n the number of averages over a pixel (``smoothed``), and
    :math:`\Delta` the side of a pixel. The mean square of a mode of `scipy.fft.fft2` is P times the
    number of pixels, and the variance of a pixel is the mean of P over all modes. Power at
    frequencies above those of the grid is neglected.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``.
    pixel_scale : float
        The side of a pixel in radians.
    power : callable
        A function of multipoles (`numpy.ndarray`, positive) that returns :math:`C_\ell` in
        steradians.
    smoothed : int
        The number of times that the field is averaged over a pixel: 1 if galaxies are binned to the
        nearest pixel, 2 if they are shared between pixels (cloud-in-cell), and 0 if the field is
        sampled at the centers of pixels.

    Returns
    -------
    `numpy.ndarray`
        The power, ``(ny, nx)``, in the order of `scipy.fft.fftfreq`. The power of the zero mode is
        0, because shear does not measure the mean convergence.

    Raises
    ------
    ValueError
        If the power is negative, not finite, or 0 everywhere.
    """
    ell = mode_ell(shape, pixel_scale)
    ell[0, 0] = 1.0  # any positive multipole will do, as the power of this mode is set to 0
    # Compute each multipole once: many modes share it, and a spectrum may be slow to compute.
    unique, inverse = np.unique(ell, return_inverse=True)
    values = np.asarray(power(unique), dtype=float)
    if values.shape != unique.shape:
        raise ParameterError(
            "power",
            f"one value for each of the {len(unique)} multipoles in its argument",
            f"an array of shape {values.shape}",
            verb="return",
        )
    values = values[inverse].reshape(shape) * pixel_window(shape) ** (2 * smoothed)
    values /= pixel_scale**2
    values[0, 0] = 0.0
    if not np.all(np.isfinite(values)) or values.min() < 0 or (values.max() == 0 and ell.size > 1):
        raise ParameterError(
            "power", "finite and non-negative at all multipoles, and positive at some of them"
        )
    return values


def interpolate_power(
    ell: ArrayLike, table_ell: ArrayLike, table_power: ArrayLike
) -> np.ndarray:
    r"""Interpolate a tabulated power spectrum, linearly in the logarithms of both axes.

    Parameters
    ----------
    ell : array_like
        The multipoles, positive.
    table_ell, table_power : array_like
        The table: strictly increasing multipoles and positive :math:`C_\ell`, ``(n,)`` each.

    Returns
    -------
    `numpy.ndarray`
        The spectrum :math:`C_\ell`, with the same shape as ``ell``. Below the range of the table,
        it is constant, since the convergence spectrum is flat on large scales within a factor of a
        few. Above the range, it falls as :math:`\ell^{-2}`.
    """
    x, table_x = np.log(np.asarray(ell, dtype=float)), np.log(table_ell)
    result = np.exp(np.interp(x, table_x, np.log(table_power)))
    return result * np.exp(_EXTRAPOLATED_SLOPE * np.clip(x - table_x[-1], 0.0, None))


def measure_power(
    maps: np.ndarray | Iterable[ArrayLike],
    pixel_scale: float,
    *,
    n_bins: int = 20,
    taper: float = 0.1,
    smoothed: int = 1,
) -> MeasuredPower:
    r"""Measure the power spectrum of maps, as the mean periodogram in bins of the multipole.

    The mean over unmasked pixels is subtracted, masked pixels are set to 0, and the power is
    divided by the mean square of the window (mask and taper). The result is unbiased on scales
    smaller than the field and smaller than the distances between holes.

    Parameters
    ----------
    maps : array_like or iterable of array_like
        One or more maps, ``(ny, nx)`` each, such as the ``data`` of a ConvergenceMap. NaN and
        masked elements of masked arrays count as masked.
    pixel_scale : float
        The side of a pixel in radians.
    n_bins : int
        The number of multipole bins, of equal logarithmic width, from the lowest multipole of the
        map to the Nyquist frequency along its axes. Empty bins are left out of the result.
    taper : float
        The width of the cosine taper at each edge, as a fraction of the side of the map, from 0 to
        0.5. Unless the map is periodic, the discontinuities between opposite edges add power on
        small scales if there is no taper.
    smoothed : int
        The number of times that the maps are averaged over a pixel: 1 for galaxies binned to the
        nearest pixel, 2 for galaxies shared between pixels (cloud-in-cell), 0 for maps sampled at
        the centers of pixels. The power is corrected for the corresponding pixel window.

    Returns
    -------
    MeasuredPower
        The power spectrum ``(ell, power, n_modes)``, which ``WienerFilter(power=)`` accepts.

    Raises
    ------
    TypeError
        If ``n_bins`` is not a whole number.
    ValueError
        If a map is not two-dimensional or has no unmasked pixel, if there is no map, or if a
        parameter is out of range.
    """
    check_count(n_bins, "n_bins", minimum=1)
    if not (np.isfinite(pixel_scale) and pixel_scale > 0):
        raise ParameterError("pixel_scale", "a positive number (radians)", repr(pixel_scale))
    if not 0 <= taper <= 0.5:
        raise ParameterError("taper", "a number from 0 to 0.5", repr(taper))
    if isinstance(maps, np.ndarray) and maps.ndim == 2:
        maps = [maps]
    total, count, multipoles = np.zeros((3, n_bins))
    n_maps = 0
    for item in maps:
        ell, power, fraction = _periodogram(item, pixel_scale, taper, smoothed)
        lowest, nyquist = 2.0 * np.pi / (max(ell.shape) * pixel_scale), np.pi / pixel_scale
        # 0.999 keeps the lowest multipole inside the first bin in spite of rounding errors.
        edges = np.geomspace(0.999 * lowest, nyquist, n_bins + 1)
        ring = np.digitize(ell.ravel(), edges) - 1
        good = (ring >= 0) & (ring < n_bins)
        for target, values in ((total, power), (multipoles, ell), (count, np.ones(ell.shape))):
            target += fraction * np.bincount(ring[good], values.ravel()[good], n_bins)
        n_maps += 1
    if n_maps == 0:
        raise ValueError("maps must contain at least one map, but contains none")
    full = count > 0
    # Modes of a real field at opposite frequencies are complex conjugates, so only half of them are
    # independent.
    return MeasuredPower(
        multipoles[full] / count[full], total[full] / count[full], count[full] / 2
    )


def _periodogram(
    item: ArrayLike, pixel_scale: float, taper: float, smoothed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the power of each Fourier mode of one map.

    Parameters
    ----------
    item : array_like
        The map, ``(ny, nx)``.
    pixel_scale : float
        The side of a pixel in radians.
    taper : float
        The width of the cosine taper at each edge, as a fraction of the side of the map.
    smoothed : int
        The number of times that the map is averaged over a pixel.

    Returns
    -------
    ell, power : `numpy.ndarray`
        The multipole and the power of each mode, ``(ny, nx)``. The power is corrected for the pixel
        window and for the window of mask and taper.
    weight : float
        The mean square of the window of mask and taper, from 0 to 1.
    """
    values: np.ndarray = np.ma.filled(np.ma.asarray(item, dtype=float), np.nan)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"each map must be two-dimensional (ny, nx), not of shape {values.shape}")
    window = np.outer(*(tapered(n, taper) for n in values.shape))
    window[~np.isfinite(values)] = 0.0
    weight = np.mean(window**2)
    if weight == 0:
        raise ValueError(
            "each map must have at least one finite, unmasked pixel, but one of the maps has none"
        )
    values = np.where(window > 0, values, 0.0)
    values = (values - (window * values).sum() / window.sum()) * window
    power = np.abs(scipy.fft.fft2(values)) ** 2 * pixel_scale**2 / values.size
    power /= weight * pixel_window(values.shape) ** (2 * smoothed)
    return mode_ell(values.shape, pixel_scale), power, weight


def tapered(n: int, taper: float) -> np.ndarray:
    """Return weights along an axis of n pixels, with a cosine taper at both ends, ``(n,)``.

    ``taper`` is the width of each taper as a fraction of the axis.
    """
    if taper == 0:
        return np.ones(n)
    distance = (np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5) / (taper * n)
    return np.sin(np.pi / 2 * np.minimum(distance, 1.0)) ** 2
