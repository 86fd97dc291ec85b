# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The largest scales of a network's map, by the Wiener filter, which models the edges."""

import functools

import numpy as np
from scipy.interpolate import make_interp_spline

from lensmap.flatsky import (
    WienerSolver,
    gaussian_smooth,
    interpolate_power,
    mode_power,
    multiscale_convergence,
    padded_shape,
)
from lensmap.networks._inputs import GridArrays

__all__ = ["large_scale_correction"]

# The side of a pixel of the filter in pixels of the map: far smaller than the scales that it
# corrects, and even, so that a field with even sides is padded alike on both.
_BLOCK_PIXELS = 6

# The source redshift of the theory power spectrum, the prior. Its amplitude is fitted to the field.
_Z_SOURCE = 1.0

# The limits of this amplitude: sources at redshift 0.4 or no lensing at all, and beyond 2.5.
_AMPLITUDES = (0.1, 5.0)

# The two smoothings, in blocks, between which the amplitude is measured.
_BAND = (1.0, 4.0)

# Blocks count for the amplitude where this fraction of the neighborhood has data.
_MIN_COVERAGE = 0.8

# With fewer such blocks the amplitude is not measured.
_MIN_BLOCKS = 64

_ARCMIN = np.pi / 180 / 60


def large_scale_correction(arrays: GridArrays, kappa: np.ndarray, smoothing: float) -> np.ndarray:
    r"""Compute the correction that replaces the largest scales of a map by a Wiener filter's.

    .. math:: \Delta = G_\sigma * (\hat\kappa_\mathrm{W} - \hat\kappa)

    The input of a network is a set of Kaiser-Squires maps, for which the shear outside of the field
    is zero. This suppresses structures whose size is comparable to the field. The Wiener filter
    solves for the mass outside as well. On scales of many arcminutes the data dominate, so that its
    prior matters little. The prior is the theory power spectrum for sources at redshift 1, times
    the amplitude of the signal on this field, measured as the E-mode minus the B-mode power.

    Parameters
    ----------
    arrays : GridArrays
        The data.
    kappa : `numpy.ndarray`
        The map of a network, ``(ny, nx)``.
    smoothing : float
        The standard deviation of the Gaussian :math:`G_\sigma`, in pixels of the map.

    Returns
    -------
    `numpy.ndarray`
        Float32, ``(ny, nx)``, to be added to ``kappa``.

    References
    ----------
    Zaroubi et al. 1995, ApJ 449, 446, eq. 11 (the filter).
    """
    blocks = _Blocks(kappa.shape)
    weight = blocks.sum(arrays.inverse_variance)
    if not weight.any():
        return np.zeros(kappa.shape, dtype=np.float32)
    shear = blocks.sum(arrays.inverse_variance * arrays.shear)
    shear = np.divide(shear, weight, out=np.zeros_like(shear), where=weight > 0)
    wiener = _wiener_filter(shear, weight, _BLOCK_PIXELS * arrays.pixel_scale * _ARCMIN)
    coverage = blocks.sum((arrays.inverse_variance > 0).astype(float))
    coverage /= coverage.max()
    width = smoothing / _BLOCK_PIXELS
    difference = coverage * (wiener - blocks.sum(kappa) / blocks.sum(np.ones(kappa.shape)))
    # The small constant takes the correction to 0 far from all data.
    smooth = gaussian_smooth(difference, width) / (gaussian_smooth(coverage, width) + 1e-3)
    return blocks.spread(smooth).astype(np.float32)


def _wiener_filter(shear, inverse_variance, pixel):
    """Return the Wiener-filtered convergence of a coarse field; ``pixel`` is in radians."""
    shape = padded_shape(shear.shape, 1.5)
    power = mode_power(shape, pixel, lambda ell: interpolate_power(ell, *_theory()))
    power *= _amplitude(shear, inverse_variance, power)
    with np.errstate(divide="ignore"):
        variance = np.where(inverse_variance > 0, 1 / inverse_variance, np.inf)
    solver = WienerSolver(variance, power, dtype="float32", tolerance=1e-4)
    return solver.solve(shear).real


@functools.lru_cache(maxsize=1)
def _theory():
    from lensmap.cosmology import convergence_power

    ell = np.geomspace(1.0, 1e5, 200)
    return ell, convergence_power(ell, _Z_SOURCE)


def _amplitude(shear, inverse_variance, power):
    """Return the E-mode minus the B-mode power in a band, over the power of the prior there."""
    inside = gaussian_smooth((inverse_variance > 0).astype(float), _BAND[0]) > _MIN_COVERAGE
    if np.count_nonzero(inside) < _MIN_BLOCKS:
        return 1.0
    fine, coarse = (plane.copy() for plane in multiscale_convergence(shear, _BAND))
    band = (fine - coarse)[inside]
    ny, nx = power.shape
    k2 = np.add.outer(np.square(2 * np.pi * np.fft.fftfreq(ny)),
                      np.square(2 * np.pi * np.fft.fftfreq(nx)))
    transfer = np.exp(-0.5 * k2 * _BAND[0] ** 2) - np.exp(-0.5 * k2 * _BAND[1] ** 2)
    expected = np.mean(power * transfer**2)
    return float(np.clip((np.var(band.real) - np.var(band.imag)) / expected, *_AMPLITUDES))


class _Blocks:
    """Square blocks of pixels that cover a field, centered on it."""

    def __init__(self, shape):
        self.shape = shape
        missing = [-n % _BLOCK_PIXELS for n in shape]
        self._pad = [(m // 2, m - m // 2) for m in missing]

    def sum(self, plane):
        """Return the sum of each block."""
        plane = np.pad(plane, self._pad)
        ny, nx = (n // _BLOCK_PIXELS for n in plane.shape)
        return plane.reshape(ny, _BLOCK_PIXELS, nx, _BLOCK_PIXELS).sum(axis=(1, 3))

    def spread(self, plane):
        """Interpolate a smooth plane of blocks to the pixels of the field."""
        for axis, (n, (before, _)) in enumerate(zip(self.shape, self._pad, strict=True)):
            n_blocks = plane.shape[axis]
            position = (np.arange(n) + before + 0.5) / _BLOCK_PIXELS - 0.5
            if n_blocks > 3:
                spline = make_interp_spline(np.arange(n_blocks), plane, axis=axis)
                plane = spline(position)
            else:  # a cubic spline needs four points
                nearest = np.clip(np.rint(position).astype(int), 0, n_blocks - 1)
                plane = np.take(plane, nearest, axis=axis)
        return plane
