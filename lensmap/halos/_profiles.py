# Licensed under a 3-clause BSD style license - see LICENSE.rst
r"""Dimensionless NFW profiles in projection, with and without truncation.

Radii are in units of the scale radius, surface densities in units of :math:`\rho_s r_s`, and masses
in units of :math:`4 \pi \rho_s r_s^3`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from astropy.units import Quantity
    from numpy.typing import ArrayLike

__all__ = [
    "nfw_mass",
    "nfw_mean_sigma",
    "nfw_sigma",
    "nfw_surface_scale",
    "truncated_nfw_fourier",
    "truncated_nfw_mass",
    "truncated_nfw_mean_sigma",
    "truncated_nfw_sigma",
]

# Within this distance of x = 1, series replace the closed forms, which divide rounding errors by
# almost 0.
_NEAR_ONE = 1e-4


def _f(x: np.ndarray) -> np.ndarray:
    """Return F(x) = arccos(1/x) / sqrt(x^2 - 1), or arccosh(1/x) / sqrt(1 - x^2) for x < 1."""
    x = np.asarray(x, dtype=float)
    below, above = np.minimum(x, 1 - _NEAR_ONE), np.maximum(x, 1 + _NEAR_ONE)
    below = np.maximum(below, 1e-300)
    small = np.arccosh(1 / below) / np.sqrt((1 - below) * (1 + below))
    large = np.arccos(1 / above) / np.sqrt((above - 1) * (above + 1))
    series = 1 - (2 / 3) * (x - 1) + (7 / 15) * (x - 1) ** 2
    return np.where(np.abs(x - 1) < _NEAR_ONE, series, np.where(x < 1, small, large))


def _g(x: np.ndarray, f: np.ndarray) -> np.ndarray:
    """Return (1 - f) / (x^2 - 1), with its limit at x = 1; ``f`` is F(x) as returned by `_f`."""
    near = np.abs(x - 1) < _NEAR_ONE
    square = np.where(near, 1.0, (x - 1) * (x + 1))
    return np.where(near, 1 / 3 - 0.4 * (x - 1), (1 - f) / square)


def nfw_mass(c: ArrayLike) -> np.ndarray:
    r"""Return the mass of an NFW halo within c scale radii.

    Parameters
    ----------
    c : float or array_like
        The radius in units of the scale radius, such as the concentration.

    Returns
    -------
    `numpy.ndarray`
        The mass :math:`\ln(1 + c) - c / (1 + c)`, in units of :math:`4 \pi \rho_s r_s^3`.
    """
    c = np.asarray(c, dtype=float)
    return np.log1p(c) - c / (1 + c)


def nfw_surface_scale(
    mass: float | np.ndarray | Quantity,
    scale_radius: float | np.ndarray | Quantity,
    c: float | np.ndarray,
) -> float | np.ndarray | Quantity:
    r"""Return :math:`\rho_s r_s`, the unit of the dimensionless surface densities, for an NFW halo.

    Parameters
    ----------
    mass : float, `numpy.ndarray` or `~astropy.units.Quantity`
        The mass within c scale radii.
    scale_radius : float, `numpy.ndarray` or `~astropy.units.Quantity`
        The scale radius.
    c : float or `numpy.ndarray`
        The concentration.

    Returns
    -------
    float, `numpy.ndarray` or `~astropy.units.Quantity`
        :math:`M / (4 \pi r_s^2\, m(c))`, where m(c) is ``nfw_mass(c)``.
    """
    return mass / (4 * np.pi * scale_radius**2 * nfw_mass(c))


def nfw_sigma(x: ArrayLike) -> np.ndarray:
    r"""Return the surface density of an NFW halo.

    Parameters
    ----------
    x : float or array_like
        The projected radius in units of the scale radius, positive.

    Returns
    -------
    `numpy.ndarray`
        The surface density in units of :math:`\rho_s r_s`.

    References
    ----------
    Wright & Brainerd 2000, ApJ 534, 34, eq. 11.
    """
    x = np.asarray(x, dtype=float)
    return 2 * _g(x, _f(x))


def nfw_mean_sigma(x: ArrayLike) -> np.ndarray:
    r"""Return the mean surface density of an NFW halo within a projected radius.

    Parameters
    ----------
    x : float or array_like
        The projected radius in units of the scale radius, positive.

    Returns
    -------
    `numpy.ndarray`
        The mean surface density in units of :math:`\rho_s r_s`.

    References
    ----------
    Wright & Brainerd 2000, ApJ 534, 34, eq. 13.
    """
    x = np.asarray(x, dtype=float)
    # At small x, F and ln(x/2) almost cancel: F + ln(x/2) ~ -(x^2/2) (ln(x/2) + 1/2).
    tiny = x < 1e-3
    safe = np.where(tiny, 1.0, x)
    series = -2 * np.log(np.maximum(x, 1e-300) / 2) - 1
    return np.where(tiny, series, 4 * (_f(safe) + np.log(safe / 2)) / safe**2)


def truncated_nfw_sigma(x: ArrayLike, tau: ArrayLike) -> np.ndarray:
    r"""Return the surface density of a smoothly truncated NFW halo.

    The density profile is

    .. math:: \rho(x) = \frac{\rho_s}{x (1 + x)^2} \frac{\tau^2}{\tau^2 + x^2}

    Parameters
    ----------
    x : float or array_like
        The projected radius in units of the scale radius, positive.
    tau : float or array_like
        The truncation radius in units of the scale radius, positive.

    Returns
    -------
    `numpy.ndarray`
        The surface density in units of :math:`\rho_s r_s`.

    References
    ----------
    Baltz, Marshall & Oguri 2009, JCAP 01, 015, eq. A.8.
    """
    x, tau = np.asarray(x, dtype=float), np.asarray(tau, dtype=float)
    f, root = _f(x), np.sqrt(tau**2 + x**2)
    log = np.log(x / (root + tau))
    bracket = (
        (tau**2 + 1) * _g(x, f)
        + 2 * f
        - np.pi / root
        + (tau**2 - 1) / (tau * root) * log
    )
    return 2 * tau**2 / (tau**2 + 1) ** 2 * bracket


def truncated_nfw_mean_sigma(x: ArrayLike, tau: ArrayLike) -> np.ndarray:
    r"""Return the mean surface density of a truncated NFW halo within a projected radius.

    Parameters
    ----------
    x : float or array_like
        The projected radius in units of the scale radius, positive.
    tau : float or array_like
        The truncation radius in units of the scale radius, positive.

    Returns
    -------
    `numpy.ndarray`
        The mean surface density in units of :math:`\rho_s r_s`.

    References
    ----------
    Baltz, Marshall & Oguri 2009, JCAP 01, 015, eq. A.11.
    """
    x, tau = np.asarray(x, dtype=float), np.asarray(tau, dtype=float)
    tiny = x < 1e-3
    safe = np.where(tiny, 1e-3, x)
    f, root = _f(safe), np.sqrt(tau**2 + safe**2)
    log = np.log(safe / (root + tau))
    mass = (
        (tau**2 + 1 + 2 * (safe**2 - 1)) * f
        + tau * np.pi
        + (tau**2 - 1) * np.log(tau)
        + root * (-np.pi + (tau**2 - 1) / tau * log)
    )
    mean = 4 * tau**2 / (tau**2 + 1) ** 2 * mass / safe**2
    # At small x the terms almost cancel, so the mean is extrapolated. Like the surface density, it
    # grows logarithmically towards the center.
    return np.where(tiny, mean - 2 * np.log(np.maximum(x, 1e-300) / safe), mean)


def truncated_nfw_mass(tau: ArrayLike) -> np.ndarray:
    r"""Return the total mass of a truncated NFW halo.

    Parameters
    ----------
    tau : float or array_like
        The truncation radius in units of the scale radius, positive.

    Returns
    -------
    `numpy.ndarray`
        The mass in units of :math:`4 \pi \rho_s r_s^3`.

    References
    ----------
    Baltz, Marshall & Oguri 2009, JCAP 01, 015, eq. A.4.
    """
    tau = np.asarray(tau, dtype=float)
    bracket = (tau**2 - 1) * np.log(tau) + tau * np.pi - (tau**2 + 1)
    return tau**2 / (tau**2 + 1) ** 2 * bracket


def truncated_nfw_fourier(k: ArrayLike, tau: ArrayLike) -> np.ndarray:
    r"""Return the Fourier transform of a truncated NFW halo.

    The Fourier transforms of the density and of the surface density are the same function of k.

    Parameters
    ----------
    k : float or array_like
        The wavenumber times the scale radius, positive; any shape.
    tau : float or array_like
        The truncation radius in units of the scale radius, positive; broadcast against ``k``.

    Returns
    -------
    `numpy.ndarray`
        The transform divided by the total mass, which approaches 1 at small ``k``.

    Notes
    -----
    Expanding the profile in partial fractions makes the transform a sum of sine, cosine and
    exponential integrals.
    """
    k, tau = np.asarray(k, dtype=float), np.asarray(tau, dtype=float)
    b = tau**2 / (1 + tau**2)
    a = 2 * tau**2 / (1 + tau**2) ** 2
    d = tau**2 * (1 - a - b)
    si, ci = special.sici(k)
    sine = ci * np.sin(k) + (np.pi / 2 - si) * np.cos(k)
    cosine = -ci * np.cos(k) + (np.pi / 2 - si) * np.sin(k)
    y = k * tau
    total = (
        a * sine
        + b * k * cosine
        - a * np.pi / 2 * np.exp(-np.minimum(y, 700.0))
        + d / (2 * tau) * _exponential_pair(y)
    )
    transform = total / (k * truncated_nfw_mass(tau))
    # At small k the terms cancel up to rounding errors, so the limit 1 is used.
    return np.where(k * np.maximum(tau, 1.0) < 1e-5, 1.0, transform)


def _exponential_pair(y: np.ndarray) -> np.ndarray:
    """Return exp(-y) Ei(y) + exp(y) E1(y), from a series at large y, where the terms overflow."""
    far = y > 60
    near = np.where(far, 1.0, y)
    pair = np.exp(-near) * special.expi(near) + np.exp(near) * special.exp1(near)
    inverse = 1 / np.where(far, y, 60.0) ** 2
    series = 2 * np.sqrt(inverse) * (1 + inverse * (2 + inverse * (24 + 720 * inverse)))
    return np.where(far, series, pair)
