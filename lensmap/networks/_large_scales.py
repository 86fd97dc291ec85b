# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The largest scales of a network's map by the Wiener filter, which knows what edges do to them."""

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

__all__ = ["large_scale_correction"]

# The side of the filter's pixels in pixels of the map: far smaller than the scales that it is for,
# and even, so that a field with even sides is padded alike on both.
_FACTOR = 6

# The prior is the theory for sources at this redshift, times what is measured on the field ...
_Z_SOURCE = 1.0

# ... within these limits: sources from redshift 0.4 to beyond 2.5, or no lensing at all.
_STRENGTHS = (0.1, 5.0)

# The two smoothings, in coarse pixels, between which the strength of the signal is measured.
_BAND = (1.0, 4.0)

_ARCMIN = np.pi / 180 / 60


def large_scale_correction(arrays, kappa, smoothing):
    r"""Return what makes the largest scales of a map those of the Wiener filter.

    .. math:: \Delta = G_\sigma * (\hat\kappa_\mathrm{W} - \hat\kappa)

    A network sees maps by Kaiser-Squires, in which shear is zero outside of the field: that takes
    away from structures as wide as a good part of it. The Wiener filter solves for the mass outside
    as well. On scales of many arcminutes the galaxies say nearly all that there is to know, so that
    its prior matters little: the theory for sources at redshift 1, times the strength of the signal
    on this field, E less B.

    Parameters
    ----------
    arrays : GridArrays
        The data.
    kappa : `numpy.ndarray`
        The map of a network, ``(ny, nx)``.
    smoothing : float
        The standard deviation of the Gaussian, in pixels of the map: deep surveys have small ones,
        and where galaxies are few, the filter knows more than the network on large scales only.

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
    wiener = _filtered(shear, weight, _FACTOR * arrays.pixel_scale * _ARCMIN)
    there = blocks.sum((arrays.inverse_variance > 0).astype(float))
    there /= there.max()
    width = smoothing / _FACTOR
    difference = there * (wiener - blocks.sum(kappa) / blocks.sum(np.ones(kappa.shape)))
    # Where there are data; far from them nothing is known to be wrong.
    smooth = gaussian_smooth(difference, width) / (gaussian_smooth(there, width) + 1e-3)
    return blocks.spread(smooth).astype(np.float32)


def _filtered(shear, inverse_variance, pixel):
    """Return the Wiener filter's convergence of a coarse field, pixels in radians."""
    shape = padded_shape(shear.shape, 1.5)
    power = mode_power(shape, pixel, lambda ell: interpolate_power(ell, *_theory()))
    power *= _strength(shear, inverse_variance, power)
    with np.errstate(divide="ignore"):
        variance = np.where(inverse_variance > 0, 1 / inverse_variance, np.inf)
    solver = WienerSolver(variance, power, dtype="float32", tolerance=1e-4)
    return solver.solve(shear).real


@functools.lru_cache(maxsize=1)
def _theory():
    from lensmap.cosmology import convergence_power

    ell = np.geomspace(1.0, 1e5, 200)
    return ell, convergence_power(ell, _Z_SOURCE)


def _strength(shear, inverse_variance, power):
    """Return the power of the signal over that of the prior, by E less B in a band."""
    inside = gaussian_smooth((inverse_variance > 0).astype(float), _BAND[0]) > 0.8
    if np.count_nonzero(inside) < 64:  # too little sky to tell
        return 1.0
    fine, coarse = (part.copy() for part in multiscale_convergence(shear, _BAND))
    band = (fine - coarse)[inside]
    ny, nx = power.shape
    k2 = np.add.outer(np.square(2 * np.pi * np.fft.fftfreq(ny)),
                      np.square(2 * np.pi * np.fft.fftfreq(nx)))
    transfer = np.exp(-0.5 * k2 * _BAND[0] ** 2) - np.exp(-0.5 * k2 * _BAND[1] ** 2)
    expected = np.mean(power * transfer**2)
    return float(np.clip((np.var(band.real) - np.var(band.imag)) / expected, *_STRENGTHS))


class _Blocks:
    """Square blocks of pixels that cover a field, in its middle."""

    def __init__(self, shape):
        self.shape = shape
        missing = [-n % _FACTOR for n in shape]
        self._pad = [(m // 2, m - m // 2) for m in missing]

    def sum(self, plane):
        """Return the sum of each block."""
        plane = np.pad(plane, self._pad)
        ny, nx = (n // _FACTOR for n in plane.shape)
        return plane.reshape(ny, _FACTOR, nx, _FACTOR).sum(axis=(1, 3))

    def spread(self, plane):
        """Return a smooth plane of blocks on the pixels of the field."""
        for axis, (n, (before, _)) in enumerate(zip(self.shape, self._pad, strict=True)):
            m = plane.shape[axis]
            middles = (np.arange(n) + before + 0.5) / _FACTOR - 0.5
            if m > 3:
                plane = make_interp_spline(np.arange(m), plane, axis=axis)(middles)
            else:  # too few for a spline
                plane = np.take(plane, np.clip(np.rint(middles).astype(int), 0, m - 1), axis=axis)
        return plane
