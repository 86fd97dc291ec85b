# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Power spectra on a flat grid: of a theory on the modes of a grid, and measured from maps."""

from typing import NamedTuple

import numpy as np
import scipy.fft

from lensmap.utils import check_count

__all__ = ["MeasuredPower", "interpolate_power", "measure_power", "mode_ell", "mode_power",
           "pixel_window"]

# Beyond the end of a table C_l falls with this power of ell: that of matter halos there.
_STEEP = -2.0


class MeasuredPower(NamedTuple):
    """A measured power spectrum.

    Attributes
    ----------
    ell : `numpy.ndarray`
        The mean multipole of each bin, rising.
    power : `numpy.ndarray`
        :math:`C_\\ell` in steradians.
    n_modes : `numpy.ndarray`
        How many independent complex modes there are: the relative error of a Gaussian field's
        power is ``1 / sqrt(n_modes)``.
    """

    ell: np.ndarray
    power: np.ndarray
    n_modes: np.ndarray


def mode_ell(shape, pixel_scale):
    """Return the multipole of each mode of a grid.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    pixel_scale : float
        The side of a pixel in radians.

    Returns
    -------
    `numpy.ndarray`
        ``(ny, nx)``, in the order of `scipy.fft.fftfreq`.
    """
    ly, lx = (2.0 * np.pi * scipy.fft.fftfreq(n, pixel_scale) for n in shape)
    return np.hypot(ly[:, np.newaxis], lx[np.newaxis, :])


def pixel_window(shape):
    """Return what averaging over a square pixel does to the amplitude of each mode.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        From 1 at the zero mode to 0.41 in the corner, ``(ny, nx)``, in the order of
        `scipy.fft.fftfreq`.
    """
    return np.outer(*(np.sinc(scipy.fft.fftfreq(n)) for n in shape))


def mode_power(shape, pixel_scale, power, *, smoothed=1):
    r"""Return the power of the mean convergence in pixels, for each mode of a grid.

    .. math:: P = C_\ell W^{2 n} / \Delta^2 , \qquad P(0) = 0

    with the window W of a pixel and its side :math:`\Delta`: the mean square of a mode of
    `scipy.fft.fft2` is P times the number of pixels, and the variance of a pixel is the mean of P.
    What lies beyond the frequencies of the grid is left out: in a pixel it adds to the noise.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    pixel_scale : float
        The side of a pixel in radians.
    power : callable
        From multipoles (`numpy.ndarray`, positive) to :math:`C_\ell` in steradians.
    smoothed : int
        How often the field was averaged over a pixel: 1 where galaxies are binned, 2 where they
        are shared between pixels (cloud-in-cell), 0 for a field that is sampled at the centers.

    Returns
    -------
    `numpy.ndarray`
        ``(ny, nx)``, in the order of `scipy.fft.fftfreq`. The zero mode has none: the mass sheet
        is not measured.

    Raises
    ------
    ValueError
        If the power is negative or not finite, or 0 everywhere.
    """
    ell = mode_ell(shape, pixel_scale)
    ell[0, 0] = 1.0  # a multipole that every spectrum has
    # Many modes have the same multipole: a spectrum that is slow to work out is asked once.
    unique, inverse = np.unique(ell, return_inverse=True)
    values = np.asarray(power(unique), dtype=float)
    if values.shape != unique.shape:
        raise ValueError(
            f"power must give one value for each of {len(unique)} multipoles, not an array of "
            f"shape {values.shape}"
        )
    values = values[inverse].reshape(shape) * pixel_window(shape) ** (2 * smoothed)
    values /= pixel_scale**2
    values[0, 0] = 0.0
    if not np.all(np.isfinite(values)) or values.min() < 0 or (values.max() == 0 and ell.size > 1):
        raise ValueError("power must be finite, not negative, and positive somewhere")
    return values


def interpolate_power(ell, table_ell, table_power):
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
        :math:`C_\ell`. Below the table it is that of the first multipole (on large scales the
        spectrum is flat within a factor of a few), above the table it falls as
        :math:`\ell^{-2}`.
    """
    x, table_x = np.log(np.asarray(ell, dtype=float)), np.log(table_ell)
    result = np.exp(np.interp(x, table_x, np.log(table_power)))
    return result * np.exp(_STEEP * np.clip(x - table_x[-1], 0.0, None))


def measure_power(maps, pixel_scale, *, n_bins=20, taper=0.1, smoothed=1):
    r"""Measure the power spectrum of maps: the mean periodogram in rings of multipoles.

    The mean over what is not masked is subtracted, masked pixels are set to 0, and the power is
    divided by the mean square of the window, which leaves it right on scales smaller than the
    field and the distances between holes.

    Parameters
    ----------
    maps : array_like or sequence of array_like
        One or more maps, ``(ny, nx)`` each; NaN and masked elements of masked arrays are left
        out. (Of a ConvergenceMap, give its ``data``.)
    pixel_scale : float
        The side of a pixel in radians.
    n_bins : int
        The number of rings, of equal width in the logarithm, from the lowest multipole of the
        map to the Nyquist frequency of its axes; empty ones are left out.
    taper : float
        The part of each side of the map, from 0 to 0.5, over which its weight falls to 0 at the
        edges like a cosine; 0 is for periodic maps. Without it the steps between opposite edges
        of a map that is not periodic look like power on small scales.
    smoothed : int
        How often the maps were averaged over a pixel, as for `mode_power`; the power is divided
        by that window.

    Returns
    -------
    MeasuredPower
        ``(ell, power, n_modes)``, the form in which WienerFilter takes it.

    Raises
    ------
    TypeError, ValueError
        If a map has another form, or an argument is out of range.
    """
    check_count(n_bins, "n_bins", minimum=1)
    if not (np.isfinite(pixel_scale) and pixel_scale > 0):
        raise ValueError(f"pixel_scale must be a positive number (radians), not {pixel_scale!r}")
    if not 0 <= taper <= 0.5:
        raise ValueError(f"taper must be from 0 to 0.5, not {taper!r}")
    if isinstance(maps, np.ndarray) and maps.ndim == 2:
        maps = [maps]
    total, count, multipoles = np.zeros((3, n_bins))
    n_maps = 0
    for item in maps:
        ell, power, fraction = _periodogram(item, pixel_scale, taper, smoothed)
        lowest, nyquist = 2.0 * np.pi / (max(ell.shape) * pixel_scale), np.pi / pixel_scale
        # A little less than the lowest, so that rounding does not lose it.
        edges = np.geomspace(0.999 * lowest, nyquist, n_bins + 1)
        ring = np.digitize(ell.ravel(), edges) - 1
        good = (ring >= 0) & (ring < n_bins)
        for target, values in ((total, power), (multipoles, ell), (count, np.ones(ell.shape))):
            target += fraction * np.bincount(ring[good], values.ravel()[good], n_bins)
        n_maps += 1
    if n_maps == 0:
        raise ValueError("maps must hold at least one map, but is empty")
    full = count > 0
    # A mode and that of the opposite frequency are one.
    return MeasuredPower(
        multipoles[full] / count[full], total[full] / count[full], count[full] / 2
    )


def _periodogram(item, pixel_scale, taper, smoothed):
    """Return multipoles, power per mode, and the part of the field that has weight."""
    values = np.ma.filled(np.ma.asarray(item, dtype=float), np.nan)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"each map must be two-dimensional (ny, nx), not of shape {values.shape}")
    window = np.outer(*(_tapered(n, taper) for n in values.shape))
    window[~np.isfinite(values)] = 0.0
    weight = np.mean(window**2)
    if weight == 0:
        raise ValueError("a map has no pixel that is finite and not masked")
    values = np.where(window > 0, values, 0.0)
    values = (values - (window * values).sum() / window.sum()) * window
    power = np.abs(scipy.fft.fft2(values)) ** 2 * pixel_scale**2 / values.size
    power /= weight * pixel_window(values.shape) ** (2 * smoothed)
    return mode_ell(values.shape, pixel_scale), power, weight


def _tapered(n, taper):
    """Return weights that fall to 0 like a cosine at both ends, ``(n,)``."""
    if taper == 0:
        return np.ones(n)
    distance = (np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5) / (taper * n)
    return np.sin(np.pi / 2 * np.minimum(distance, 1.0)) ** 2
