# Licensed under a 3-clause BSD style license - see LICENSE.rst
r"""The profiles of halos as lenses, divided into a smooth and a compact part.

The smooth part is the convergence of a truncated NFW halo, convolved with a Gaussian. It has no
power at multipoles that the pixels do not resolve, so it is added to the pixels of the sphere. The
compact part is the difference between the halo and its smooth part. It has no total mass, so that
its shear vanishes a few standard deviations of the Gaussian from the halo; it is added to each
position from its formula.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import j0, jv

from lensmap.halos import (
    truncated_nfw_fourier,
    truncated_nfw_mass,
    truncated_nfw_mean_sigma,
    truncated_nfw_sigma,
)

__all__ = ["CompactProfiles", "DividedProfiles", "SmoothProfiles"]

# The nodes of the tables: the logarithm of the scale radius, in units of the standard deviation of
# the Gaussian, and that of the truncation radius in scale radii. Smaller scale radii are points to
# the smooth part.
_LN_SCALES = np.linspace(np.log(0.01), np.log(60.0), 56)
_LN_TAUS = np.linspace(np.log(0.8), np.log(125.0), 24)

# The radii t of smooth profiles, in units of the standard deviation, at equal steps of asinh(t).
_MAX_SMOOTH_RADIUS = 700.0
_N_SMOOTH = 260

# The wave numbers, in units of the inverse standard deviation. At the last one, the Gaussian is
# 1e-8.
_MAX_WAVENUMBER = 6.0
_N_WAVENUMBERS = 1200

_MAX_SUMMED_RADIUS = 72.0

# Smooth profiles end at this number of standard deviations plus this number of truncation radii,
# beyond which 1 per cent of the mass or less lies.
_SMOOTH_DEVIATIONS, _SMOOTH_TRUNCATIONS = 5.0, 5.0

# The radii of compact profiles, in units of the standard deviation, at equal steps of ln t. Within
# the smallest one, the profile is constant.
_LN_COMPACT = np.linspace(np.log(1e-3), np.log(60.0), 200)

# A compact profile ends where its convergence and shear stay below this value.
_MIN_COMPACT = 2e-5


class SmoothProfiles(NamedTuple):
    """The convergence of the smooth parts of halos.

    Attributes
    ----------
    values : `numpy.ndarray`
        The convergence, ``(n_halos, n_radii)``, at equal steps of asinh of the radius.
    radius : `numpy.ndarray`
        The radius at which each profile ends, radians, ``(n_halos,)``.
    """

    values: np.ndarray
    radius: np.ndarray


class CompactProfiles(NamedTuple):
    """The convergence and the tangential shear of the compact parts of halos.

    Attributes
    ----------
    values : `numpy.ndarray`
        The convergence plus i times the tangential shear, complex, ``(n_halos, n_radii)``, at equal
        steps of the logarithm of the radius.
    radius : `numpy.ndarray`
        The radius at which each profile ends, radians, ``(n_halos,)``.
    """

    values: np.ndarray
    radius: np.ndarray


class DividedProfiles:
    """The smooth and the compact parts of truncated NFW halos of any size.

    Parameters
    ----------
    sigma : float
        The standard deviation of the Gaussian, radians.

    References
    ----------
    Baltz, Marshall & Oguri 2009, JCAP 01, 015 (truncated NFW halos).
    """

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma
        self._u, self._kappa, self._shear = _tables()

    def _corners(self, scale, tau):
        """Return indices and weights of the four nodes around each halo, ``(4, n_halos)``."""
        places = []
        for values, nodes in ((scale / self.sigma, _LN_SCALES), (tau, _LN_TAUS)):
            position = (np.log(values) - nodes[0]) / (nodes[1] - nodes[0])
            position = np.clip(position, 0, len(nodes) - 1.000001)
            below = position.astype(int)
            places.append((below, position - below))
        (i, f), (j, g) = places
        rows = np.array([i, i, i + 1, i + 1]), np.array([j, j + 1, j, j + 1])
        return rows, np.array([(1 - f) * (1 - g), (1 - f) * g, f * (1 - g), f * g])

    def _of_halos(self, table, scale, tau):
        (i, j), shares = self._corners(scale, tau)
        return sum(
            share[:, np.newaxis] * table[row, column]
            for row, column, share in zip(i, j, shares, strict=True)
        )

    def smooth(self, weight: np.ndarray, scale: np.ndarray, tau: np.ndarray) -> SmoothProfiles:
        """Return the smooth parts of halos.

        Parameters
        ----------
        weight : `numpy.ndarray`
            The convergence of each halo, integrated over the solid angle, steradian, ``(n,)``.
        scale : `numpy.ndarray`
            The scale radii, radians, ``(n,)``.
        tau : `numpy.ndarray`
            The truncation radii in scale radii, ``(n,)``.

        Returns
        -------
        SmoothProfiles
            The profiles.
        """
        values = self._of_halos(self._kappa, scale, tau)
        values *= (weight / self.sigma**2)[:, np.newaxis]
        return SmoothProfiles(values, self.smooth_radius(scale, tau))

    def smooth_radius(self, scale: np.ndarray, tau: np.ndarray) -> np.ndarray:
        """Return the radii at which the smooth parts of halos end, radians, ``(n,)``.

        ``scale`` are the scale radii in radians, ``tau`` the truncation radii in scale radii.
        """
        radius = _SMOOTH_DEVIATIONS * self.sigma + _SMOOTH_TRUNCATIONS * tau * scale
        return np.minimum(radius, _MAX_SMOOTH_RADIUS * self.sigma)

    def smooth_kappa(self, values: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Return the convergence of one smooth profile at angles in radians, ``(n,)``."""
        return np.interp(np.arcsinh(theta / self.sigma), self._u, values)

    def compact(self, weight: np.ndarray, scale: np.ndarray, tau: np.ndarray) -> CompactProfiles:
        """Return the compact parts of halos.

        Parameters
        ----------
        weight, scale, tau
            As for `smooth`.

        Returns
        -------
        CompactProfiles
            The profiles.
        """
        t = np.exp(_LN_COMPACT)
        kappa, shear = _exact(
            t, (scale / self.sigma)[:, np.newaxis], np.asarray(tau)[:, np.newaxis]
        )
        values = (kappa + 1j * shear).astype(complex)
        u = np.arcsinh(t)
        position = u / (self._u[1] - self._u[0])
        below = position.astype(int)
        share = position - below
        for table, unit in ((self._kappa, 1), (self._shear, 1j)):
            smooth = self._of_halos(table, scale, tau)
            values -= unit * (smooth[:, below] * (1 - share) + smooth[:, below + 1] * share)
        values *= (weight / self.sigma**2)[:, np.newaxis]
        visible = np.maximum(np.abs(values.real), np.abs(values.imag)) > _MIN_COMPACT
        last = len(t) - 1 - np.argmax(visible[:, ::-1], axis=1)
        last = np.minimum(np.where(visible.any(axis=1), last + 1, 0), len(t) - 1)
        return CompactProfiles(values, np.where(last > 0, t[last], 0.0) * self.sigma)

    def compact_lensing(self, values: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Return the lensing of one compact profile at angles in radians, complex, ``(n,)``."""
        # np.interp keeps the value of the innermost node within it.
        return np.interp(np.log(np.maximum(theta, 1e-12) / self.sigma), _LN_COMPACT, values)


@lru_cache(maxsize=1)
def _tables():
    """Return the tables of the smooth parts, for a weight and a standard deviation of 1.

    Returns
    -------
    u : `numpy.ndarray`
        asinh of the radii, ``(n_radii,)``.
    kappa, shear : `numpy.ndarray`
        The convergence and the tangential shear, ``(n_scales, n_taus, n_radii)``.
    """
    u = np.linspace(0, np.arcsinh(_MAX_SMOOTH_RADIUS), _N_SMOOTH)
    t = np.sinh(u)
    k = (np.arange(_N_WAVENUMBERS) + 0.5) * (_MAX_WAVENUMBER / _N_WAVENUMBERS)
    weight = k * np.exp(-0.5 * k**2) * (k[1] - k[0]) / (2 * np.pi)
    scale, tau = (
        values[..., np.newaxis]
        for values in np.meshgrid(np.exp(_LN_SCALES), np.exp(_LN_TAUS), indexing="ij")
    )
    # Farther away, the sums over wave numbers are not accurate, and the Gaussian changes nothing.
    near = t < _MAX_SUMMED_RADIUS
    x = k[:, np.newaxis] * t[near]
    transform = truncated_nfw_fourier(k * scale, tau) * weight
    far = _exact(t[~near], scale, tau)
    # The mean convergence in a circle minus that on the circle has the Bessel function J2.
    kappa, shear = (
        np.concatenate([transform @ bessel, values], axis=-1)
        for bessel, values in zip((j0(x), jv(2, x)), far, strict=True)
    )
    return u, kappa, shear


def _exact(t, scale, tau):
    """Return the convergence and shear of halos of unit weight, for a standard deviation of 1."""
    x = t / scale
    unit = 1 / (4 * np.pi * scale**2 * truncated_nfw_mass(tau))
    kappa = truncated_nfw_sigma(x, tau)
    return kappa * unit, (truncated_nfw_mean_sigma(x, tau) - kappa) * unit
