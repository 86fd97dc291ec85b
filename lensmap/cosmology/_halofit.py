# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Halofit: the non-linear from the linear matter power spectrum."""

from __future__ import annotations

import numpy as np

__all__ = ["halofit"]


def halofit(
    k: np.ndarray,
    linear: np.ndarray,
    omega_m: float,
    dark: float,
    *,
    h: float,
    flatness: float = 1.0,
    neutrino_fraction: float = 0.0,
) -> np.ndarray:
    """Compute the non-linear from the linear power spectrum by the revised halofit.

    Parameters
    ----------
    k : `numpy.ndarray`
        Comoving wavenumbers, evenly spaced in the logarithm, 1/Mpc, ``(n,)``.
    linear : `numpy.ndarray`
        The linear power, comoving Mpc^3, ``(n,)``.
    omega_m, dark : float
        The density parameter of matter, and Omega_DE (1 + w) of dark energy, both at the redshift
        of ``linear``.
    h : float
        The Hubble constant in units of 100 km/s/Mpc; used with massive neutrinos only.
    flatness : float
        The ratio of the density parameter of dark energy to the sum of those of dark energy and
        curvature; 1 in a flat universe, 0 in an open one without dark energy.
    neutrino_fraction : float
        The fraction of the matter that is massive neutrinos.

    Returns
    -------
    `numpy.ndarray`
        The non-linear power, comoving Mpc^3, ``(n,)``.

    References
    ----------
    Takahashi et al. 2012, ApJ 761, 152, eq. A1-A14; Smith et al. 2003, MNRAS 341, 1311, eq. C17-C18
    (curvature); Bird, Viel & Haehnelt 2012, MNRAS 420, 2551,
    sec. 4 (massive neutrinos, in the form that CAMB combines with Takahashi et al.).
    """
    delta = k**3 * linear / (2 * np.pi**2)
    scale = _nonlinear_scale(k, delta)
    if scale is None:
        return linear
    k_sigma, n, curvature = scale
    a = 10 ** (1.5222 + 2.8553 * n + 2.3706 * n**2 + 0.9903 * n**3 + 0.2250 * n**4
               - 0.6038 * curvature + 0.1749 * dark)
    b = 10 ** (-0.5642 + 0.5864 * n + 0.5716 * n**2 - 1.5474 * curvature + 0.2279 * dark)
    c = 10 ** (0.3698 + 2.0404 * n + 0.8161 * n**2 + 0.5869 * curvature)
    gamma = 0.1971 - 0.0843 * n + 0.8460 * curvature
    alpha = abs(6.0835 + 1.3373 * n - 0.1959 * n**2 - 5.5274 * curvature)
    beta = (2.0379 - 0.7354 * n + 0.3157 * n**2 + 1.2490 * n**3 + 0.3980 * n**4
            - 0.1682 * curvature + neutrino_fraction * (1.081 + 0.395 * n**2))
    nu = 10 ** (5.2105 + 3.6902 * n)
    # Between flat and open universes, the fits are interpolated (Smith et al. 2003, sec. 4.3).
    f1, f2, f3 = (
        flatness * omega_m**flat + (1 - flatness) * omega_m**open_
        for flat, open_ in ((-0.0307, -0.0732), (-0.0585, -0.1423), (0.0743, 0.0725))
    )
    y = k / k_sigma
    # With massive neutrinos, the linear power that drives the two-halo term is enhanced.
    k2 = (k / h) ** 2
    driving = delta * (1 + neutrino_fraction * 47.48 * k2 / (1 + 1.5 * k2))
    two_halo = delta * (1 + driving) ** beta / (1 + alpha * driving) * np.exp(-y / 4 - y**2 / 8)
    one_halo = a * y ** (3 * f1) / (1 + b * y**f2 + (c * f3 * y) ** (3 - gamma))
    one_halo = one_halo / (1 + nu / y**2) * (1 + 0.977 * neutrino_fraction)
    return 2 * np.pi**2 / k**3 * (two_halo + one_halo)


def _nonlinear_scale(k: np.ndarray, delta: np.ndarray) -> tuple[float, float, float] | None:
    r"""Return k_sigma, the effective index and the curvature (Smith et al. 2003, eq. C5-C8).

    Parameters
    ----------
    k : `numpy.ndarray`
        Comoving wavenumbers, evenly spaced in the logarithm, 1/Mpc, ``(n,)``.
    delta : `numpy.ndarray`
        The dimensionless linear power :math:`k^3 P(k) / (2 \pi^2)`, ``(n,)``.

    Returns
    -------
    tuple of float or None
        The wavenumber k_sigma in 1/Mpc, the index and the curvature. None if the variance of the
        linear density is below 1 even at the smallest scale of ``k``.
    """
    step = np.log(k[1] / k[0])

    def moments(ln_radius: float) -> tuple[float, float, float]:
        """Return the variance of the density after a Gaussian filter, and its derivatives.

        The radius R of the filter is in Mpc, and ``ln_radius`` is ln R. The derivatives are the
        first and the second with respect to ln R.
        """
        y2 = (k * np.exp(ln_radius)) ** 2
        weight = delta * np.exp(-y2) * step
        return weight.sum(), (-2 * y2 * weight).sum(), ((4 * y2**2 - 4 * y2) * weight).sum()

    low, high = np.log(3.0 / k[-1]), np.log(1.0 / k[0])
    if moments(low)[0] <= 1:  # at early times, structure is linear on all scales of the table
        return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if moments(middle)[0] > 1 else (low, middle)
    sigma2, first, second = moments(low)
    slope = first / sigma2
    return np.exp(-low), -3 - slope, slope**2 - second / sigma2
