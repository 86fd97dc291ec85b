# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Replacement of the largest scales of a network's map by those of a Wiener-filtered map."""

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

# The Wiener filter works on a coarse grid. Its cells, called blocks, have this side in map pixels.
# Blocks are far smaller than the scales that are corrected. The side is even, so that a field with
# even sides gets the same padding on opposite sides.
_BLOCK_PIXELS = 6

# The source redshift of the theory power spectrum that is the prior of the filter. The amplitude of
# the prior is measured on the field.
_Z_SOURCE = 1.0

# The limits of this amplitude. The lower corresponds to sources at redshift 0.4 or to no lensing at
# all, the upper to sources beyond redshift 2.5.
_AMPLITUDES = (0.1, 5.0)

# The amplitude is measured on the difference of two maps with these Gaussian smoothings, in blocks.
_BAND = (1.0, 4.0)

# The amplitude is measured in blocks where at least this fraction of the neighborhood has data.
_MIN_COVERAGE = 0.8

# With fewer such blocks, the amplitude is set to 1.
_MIN_BLOCKS = 64

_ARCMIN = np.pi / 180 / 60


def large_scale_correction(arrays: GridArrays, kappa: np.ndarray, smoothing: float) -> np.ndarray:
    r"""Compute the correction that replaces the largest scales of a map by a Wiener-filtered map.

    .. math:: \Delta = G_\sigma * (\hat\kappa_\mathrm{W} - \hat\kappa)

    Here :math:`\hat\kappa_\mathrm{W}` is the Wiener-filtered map, :math:`\hat\kappa` the map
    predicted by the network, and :math:`G_\sigma` a Gaussian.

    The input of a network is a set of Kaiser-Squires maps, which assume zero shear outside the
    field. This suppresses structures whose size is comparable to the field. A Wiener filter solves
    for the mass outside the field as well. On scales of many arcminutes, the data dominate over the
    prior of the filter. This prior is the theoretical power spectrum for sources at redshift 1,
    times an amplitude measured on the field from the E-mode minus the B-mode power.

    Parameters
    ----------
    arrays : GridArrays
        The binned shear and its inverse variance.
    kappa : `numpy.ndarray`
        The convergence map predicted by the network, ``(ny, nx)``.
    smoothing : float
        The standard deviation of the Gaussian :math:`G_\sigma`, in pixels of the map.

    Returns
    -------
    `numpy.ndarray`
        The correction to add to ``kappa``, float32, ``(ny, nx)``.

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
    # The small constant makes the correction 0 far from all data.
    smooth = gaussian_smooth(difference, width) / (gaussian_smooth(coverage, width) + 1e-3)
    return blocks.spread(smooth).astype(np.float32)


def _wiener_filter(shear, inverse_variance, pixel):
    """Return the Wiener-filtered convergence of a shear field averaged over blocks of pixels.

    Parameters
    ----------
    shear, inverse_variance : `numpy.ndarray`
        The mean shear of each block, complex, and its inverse variance, ``(ny, nx)``.
    pixel : float
        The side of a block in radians.

    Returns
    -------
    `numpy.ndarray`
        The convergence of each block (E-mode), ``(ny, nx)``.
    """
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
    """Return the factor by which the prior power must be multiplied to match a field.

    The factor is the E-mode minus the B-mode variance of the field in a band of scales, divided by
    the variance that the prior predicts in this band. The factor is 1 if too few blocks of pixels
    have data.

    Parameters
    ----------
    shear, inverse_variance : `numpy.ndarray`
        The mean shear of each block, complex, and its inverse variance, ``(ny, nx)``.
    power : `numpy.ndarray`
        The prior power of each mode of the padded field, as returned by ``mode_power``.

    Returns
    -------
    float
        The factor, limited to the range ``_AMPLITUDES``.
    """
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
    """The division of a field into square blocks of pixels, centered on the field."""

    def __init__(self, shape):
        self.shape = shape
        missing = [-n % _BLOCK_PIXELS for n in shape]
        self._pad = [(m // 2, m - m // 2) for m in missing]

    def sum(self, plane):
        """Return the sums of a map over the pixels of each block, one value per block."""
        plane = np.pad(plane, self._pad)
        ny, nx = (n // _BLOCK_PIXELS for n in plane.shape)
        return plane.reshape(ny, _BLOCK_PIXELS, nx, _BLOCK_PIXELS).sum(axis=(1, 3))

    def spread(self, plane):
        """Interpolate a map with one value per block of pixels to the pixels of the field."""
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
