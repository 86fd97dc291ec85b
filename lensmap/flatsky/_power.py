# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Power spectra on a flat grid: theory on the modes of the grid, and measurements from maps."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from lensmap.utils import ParameterError, check_count

__all__ = ["MeasuredPower", "interpolate_power", "measure_power", "mode_ell", "mode_power",
           "pixel_window"]

# The slope of C_l beyond the end of a table, as that of the power of halos there.
_EXTRAPOLATED_SLOPE = -2.0


class MeasuredPower(NamedTuple):
    """A measured power spectrum.

    Attributes
    ----------
    ell : `numpy.ndarray`
        The mean multipole of each bin, rising.
    power : `numpy.ndarray`
        :math:`C_\\ell` in steradians.
    n_modes : `numpy.ndarray`
        The number of independent complex modes; the relative error of the power of a Gaussian
        field is ``1 / sqrt(n_modes)``.
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
        ``(ny, nx)``, in the order of `scipy.fft.fftfreq`.
    """
    ly, lx = (2.0 * np.pi * scipy.fft.fftfreq(n, pixel_scale) for n in shape)
    return np.hypot(ly[:, np.newaxis], lx[np.newaxis, :])


def pixel_window(shape: tuple[int, int]) -> np.ndarray:
    """Return the window of a square pixel, the factor of each mode's amplitude.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        From 1 at the zero mode to 0.41 in the corner, ``(ny, nx)``, in the order of
        `scipy.fft.fftfreq`.
    """
    return np.outer(*(np.sinc(scipy.fft.fftfreq(n)) for n in shape))


def mode_power(
    shape: tuple[int, int],
    pixel_scale: float,
    power: Callable[[np.ndarray], ArrayLike],
    *,
    smoothed: int = 1,
) -> np.ndarray:
    r"""Return the power of the mean convergence in pixels, for each mode of a grid.

    .. math:: P = C_\ell W^{2 n} / \Delta^2 , \qquad P(0) = 0

    with the window W of a pixel, the number n of averages over it (``smoothed``) and its side
    :math:`\Delta`. The mean square of a mode of `scipy.fft.fft2` is P times the number of pixels,
    and the variance of a pixel is the mean of P. Power beyond the frequencies of the grid is left
    out.

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
        The number of averages of the field over a pixel: 1 if galaxies are binned, 2 if they are
        shared between pixels (cloud-in-cell), 0 for a field sampled at the centers.

    Returns
    -------
    `numpy.ndarray`
        ``(ny, nx)``, in the order of `scipy.fft.fftfreq`. The power of the zero mode is 0,
        because shear does not measure the mean convergence.

    Raises
    ------
    ValueError
        If the power is negative or not finite, or 0 everywhere.
    """
    ell = mode_ell(shape, pixel_scale)
    ell[0, 0] = 1.0  # any positive multipole: the power of this mode is set to 0
    # Many modes have the same multipole, and a spectrum may be slow to compute.
    unique, inverse = np.unique(ell, return_inverse=True)
    values = np.asarray(power(unique), dtype=float)
    if values.shape != unique.shape:
        raise ParameterError(
            "power",
            f"one value for each of {len(unique)} multipoles",
            f"an array of shape {values.shape}",
            verb="give",
        )
    values = values[inverse].reshape(shape) * pixel_window(shape) ** (2 * smoothed)
    values /= pixel_scale**2
    values[0, 0] = 0.0
    if not np.all(np.isfinite(values)) or values.min() < 0 or (values.max() == 0 and ell.size > 1):
        raise ParameterError("power", "finite, not negative, and positive somewhere")
    return values


def interpolate_power(
    ell: ArrayLike, table_ell: ArrayLike, table_power: ArrayLike
) -> np.ndarray:
    r"""Interpolate a table of a power spectrum, linearly between logarithms.

    Parameters
    ----------
    ell : array_like
        Multipoles, positive.
    table_ell, table_power : array_like
        The table, ``(n,)`` each: multipoles, rising, and positive :math:`C_\ell`.

    Returns
    -------
    `numpy.ndarray`
        :math:`C_\ell`, with the shape of ``ell``. Below the table it is the first value (on large
        scales the spectrum is flat within a factor of a few), above the table it falls as
        :math:`\ell^{-2}`.
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
    r"""Measure the power spectrum of maps: the mean periodogram in rings of multipoles.

    The mean over unmasked pixels is subtracted, masked pixels are set to 0, and the power is
    divided by the mean square of the window. The result is unbiased on scales smaller than the
    field and the distances between holes.

    Parameters
    ----------
    maps : array_like or iterable of array_like
        One or more maps, ``(ny, nx)`` each. NaN and masked elements of masked arrays count as
        masked. The map of a ConvergenceMap is its ``data``.
    pixel_scale : float
        The side of a pixel in radians.
    n_bins : int
        The number of rings, of equal width in the logarithm, from the lowest multipole of the
        map to the Nyquist frequency of its axes; empty ones are left out.
    taper : float
        The width of the cosine taper at the edges as a fraction of each side of the map, from 0
        to 0.5. Without a taper, the steps between opposite edges add power on small scales unless
        the map is periodic.
    smoothed : int
        The number of averages over a pixel, as for ``mode_power``; the power is divided by their
        window.

    Returns
    -------
    MeasuredPower
        ``(ell, power, n_modes)``, also for ``WienerFilter(power=)``.

    Raises
    ------
    TypeError
        If ``n_bins`` is not a whole number.
    ValueError
        If a map is not two-dimensional or has no unmasked pixel, there is no map, or a parameter
        is out of range.
    """
    check_count(n_bins, "n_bins", minimum=1)
    if not (np.isfinite(pixel_scale) and pixel_scale > 0):
        raise ParameterError("pixel_scale", "a positive number (radians)", repr(pixel_scale))
    if not 0 <= taper <= 0.5:
        raise ParameterError("taper", "from 0 to 0.5", repr(taper))
    if isinstance(maps, np.ndarray) and maps.ndim == 2:
        maps = [maps]
    total, count, multipoles = np.zeros((3, n_bins))
    n_maps = 0
    for item in maps:
        ell, power, fraction = _periodogram(item, pixel_scale, taper, smoothed)
        lowest, nyquist = 2.0 * np.pi / (max(ell.shape) * pixel_scale), np.pi / pixel_scale
        # 0.999 keeps the lowest multipole inside in spite of rounding.
        edges = np.geomspace(0.999 * lowest, nyquist, n_bins + 1)
        ring = np.digitize(ell.ravel(), edges) - 1
        good = (ring >= 0) & (ring < n_bins)
        for target, values in ((total, power), (multipoles, ell), (count, np.ones(ell.shape))):
            target += fraction * np.bincount(ring[good], values.ravel()[good], n_bins)
        n_maps += 1
    if n_maps == 0:
        raise ValueError("maps must hold at least one map, but is empty")
    full = count > 0
    # The modes of a real field at opposite frequencies are conjugates, not independent.
    return MeasuredPower(
        multipoles[full] / count[full], total[full] / count[full], count[full] / 2
    )


def _periodogram(
    item: ArrayLike, pixel_scale: float, taper: float, smoothed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the multipole and power of each mode, and the mean square of the window."""
    values: np.ndarray = np.ma.filled(np.ma.asarray(item, dtype=float), np.nan)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"each map must be two-dimensional (ny, nx), not of shape {values.shape}")
    window = np.outer(*(_tapered(n, taper) for n in values.shape))
    window[~np.isfinite(values)] = 0.0
    weight = np.mean(window**2)
    if weight == 0:
        raise ValueError("a map has no finite, unmasked pixel")
    values = np.where(window > 0, values, 0.0)
    values = (values - (window * values).sum() / window.sum()) * window
    power = np.abs(scipy.fft.fft2(values)) ** 2 * pixel_scale**2 / values.size
    power /= weight * pixel_window(values.shape) ** (2 * smoothed)
    return mode_ell(values.shape, pixel_scale), power, weight


def _tapered(n: int, taper: float) -> np.ndarray:
    """Return weights with a cosine taper at both ends, ``(n,)``."""
    if taper == 0:
        return np.ones(n)
    distance = (np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5) / (taper * n)
    return np.sin(np.pi / 2 * np.minimum(distance, 1.0)) ** 2
