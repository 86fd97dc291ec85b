# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The power spectrum of matter, linear and not, and that of the convergence.

No maintained library without a compiler gives the non-linear power, so the fit of Takahashi et
al. 2012 is written out here, on the linear power of colossus.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from astropy import units as u
from scipy.interpolate import RectBivariateSpline

from lensmap.cosmology._lensing import lensing_weight
from lensmap.cosmology._parameters import cosmology_key, get_cosmology
from lensmap.cosmology._redshifts import check_z_source, farthest_source
from lensmap.cosmology._structure import colossus_cosmology

__all__ = ["convergence_power", "linear_power", "nonlinear_power"]

# The tables: comoving k in 1/Mpc, and redshifts.
_K = np.geomspace(1e-4, 1e3, 420)
_Z_STEPS = 48
_Z_MAX = 12.0


def linear_power(k, z, cosmology=None):
    """Return the linear power spectrum of matter.

    Parameters
    ----------
    k : float or array_like
        Comoving wave number in 1/Mpc (no h).
    z : float
        The redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Returns
    -------
    `numpy.ndarray`
        In comoving Mpc^3 (no h), of the shape of ``k``.

    References
    ----------
    Eisenstein & Hu 1998, ApJ 496, 605 (transfer function), as colossus has it.
    """
    cosmology = get_cosmology(cosmology)
    with colossus_cosmology(cosmology) as colossus:
        return _linear(np.asarray(k, dtype=float), float(z), colossus)


def _linear(k, z, colossus):
    h = colossus.h
    return colossus.matterPowerSpectrum(k / h, z, model="eisenstein98") / h**3


def nonlinear_power(k, z, cosmology=None):
    """Return the non-linear power spectrum of matter by the revised halofit.

    Parameters
    ----------
    k : float or array_like
        Comoving wave number in 1/Mpc (no h), broadcast against ``z``.
    z : float or array_like
        The redshift, between 0 and 12.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Returns
    -------
    `numpy.ndarray`
        In comoving Mpc^3 (no h). Beyond 1000/Mpc it is continued as a power law.

    References
    ----------
    Takahashi et al. 2012, ApJ 761, 152, eq. A1-A14; Smith et al. 2003, MNRAS 341, 1311.
    """
    table = _power_table(cosmology_key(get_cosmology(cosmology)))
    k, z = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(z, dtype=float))
    if np.any(~np.isfinite(z) | (z < 0) | (z > _Z_MAX)):
        raise ValueError(f"z must be between 0 and {_Z_MAX:g}, not {z}")
    return table(k, z)


class _PowerTable(NamedTuple):
    spline: RectBivariateSpline

    def __call__(self, k, z):
        log_k, scale = np.log(k), np.log1p(z)
        inside = np.clip(log_k, np.log(_K[0]), np.log(_K[-1]))
        value = self.spline.ev(inside, scale)
        # A power law on both sides: the slope of the spectrum there.
        slope = self.spline.ev(inside, scale, dx=1)
        return np.exp(value + slope * (log_k - inside))


@lru_cache(maxsize=8)
def _power_table(key):
    from astropy.cosmology import w0waCDM

    # The numbers of the key are all that it takes, so that tables are kept by them.
    cosmology = w0waCDM(
        key.H0, key.Om0, key.Ode0, w0=key.w0, wa=key.wa, Tcmb0=key.Tcmb0, Neff=key.Neff,
        Ob0=key.Ob0, meta={"sigma8": key.sigma8, "n": key.n},
    )
    scale = np.linspace(0.0, np.log1p(_Z_MAX), _Z_STEPS)
    values = np.empty((len(_K), len(scale)))
    with colossus_cosmology(cosmology) as colossus:
        today = _linear(_K, 0.0, colossus)
        for i, z in enumerate(np.expm1(scale)):
            linear = today * colossus.growthFactor(z) ** 2
            omega_m = float(cosmology.Om(z))
            dark = float(cosmology.Ode(z)) * (1 + float(cosmology.w(z)))
            values[:, i] = np.log(_halofit(_K, linear, omega_m, dark))
    return _PowerTable(RectBivariateSpline(np.log(_K), scale, values, kx=3, ky=3, s=0))


def _halofit(k, linear, omega_m, dark):
    """Return the non-linear power of a linear one; ``dark`` is Omega_w (1 + w) at that redshift."""
    delta = k**3 * linear / (2 * np.pi**2)
    k_sigma, n, curvature = _nonlinear_scale(k, delta)
    if k_sigma is None:
        return linear
    a = 10 ** (1.5222 + 2.8553 * n + 2.3706 * n**2 + 0.9903 * n**3 + 0.2250 * n**4
               - 0.6038 * curvature + 0.1749 * dark)
    b = 10 ** (-0.5642 + 0.5864 * n + 0.5716 * n**2 - 1.5474 * curvature + 0.2279 * dark)
    c = 10 ** (0.3698 + 2.0404 * n + 0.8161 * n**2 + 0.5869 * curvature)
    gamma = 0.1971 - 0.0843 * n + 0.8460 * curvature
    alpha = abs(6.0835 + 1.3373 * n - 0.1959 * n**2 - 5.5274 * curvature)
    beta = (2.0379 - 0.7354 * n + 0.3157 * n**2 + 1.2490 * n**3 + 0.3980 * n**4
            - 0.1682 * curvature)
    nu = 10 ** (5.2105 + 3.6902 * n)
    f1, f2, f3 = (omega_m**power for power in (-0.0307, -0.0585, 0.0743))
    y = k / k_sigma
    two_halo = delta * (1 + delta) ** beta / (1 + alpha * delta) * np.exp(-y / 4 - y**2 / 8)
    one_halo = a * y ** (3 * f1) / (1 + b * y**f2 + (c * f3 * y) ** (3 - gamma))
    one_halo = one_halo / (1 + nu / y**2)
    return 2 * np.pi**2 / k**3 * (two_halo + one_halo)


def _nonlinear_scale(k, delta):
    """Return k_sigma, the effective index and the curvature (Smith et al. 2003, eq. C5-C8)."""
    step = np.log(k[1] / k[0])

    def moments(log_radius):
        """Return sigma^2 of a Gaussian filter and its first two derivatives by ln R."""
        y2 = (k * np.exp(log_radius)) ** 2
        weight = delta * np.exp(-y2) * step
        return weight.sum(), (-2 * y2 * weight).sum(), ((4 * y2**2 - 4 * y2) * weight).sum()

    low, high = np.log(3.0 / k[-1]), np.log(1.0 / k[0])
    if moments(low)[0] <= 1:  # so early that nothing has collapsed on any scale of the table
        return None, None, None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if moments(middle)[0] > 1 else (low, middle)
    sigma2, first, second = moments(low)
    slope = first / sigma2
    return np.exp(-low), -3 - slope, slope**2 - second / sigma2


def convergence_power(ell, z_source, cosmology=None):
    r"""Return the power spectrum of the convergence, by Limber's approximation.

    .. math:: C_\ell = \int \frac{W^2(\chi)}{f_K^2(\chi)}
              P\left(\frac{\ell + 1/2}{f_K(\chi)}, z(\chi)\right) \mathrm{d}\chi

    with the weight W of `lensing_weight` and the power P of `nonlinear_power`.

    Parameters
    ----------
    ell : float or array_like
        Multipoles, positive.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Returns
    -------
    `numpy.ndarray`
        :math:`C_\ell` in steradians, of the shape of ``ell``.

    References
    ----------
    LoVerde & Afshordi 2008, Phys. Rev. D 78, 123506 (the half in l + 1/2).

    Examples
    --------
    >>> from lensmap.cosmology import convergence_power
    >>> print(f"{1000**2 * convergence_power(1000.0, 1.0) / 6.2832:.2e}")
    7.49e-05
    """
    cosmology = get_cosmology(cosmology)
    z_source = check_z_source(z_source)
    ell = np.asarray(ell, dtype=float)
    if not np.all(np.isfinite(ell)) or np.any(ell <= 0):
        raise ValueError(f"ell must be positive and finite, not {ell}")
    z, distance, weight, step = _line_of_sight(z_source, cosmology)
    flat = ell.ravel()
    total = np.zeros(flat.shape)
    table = _power_table(cosmology_key(cosmology))
    for i in range(len(z)):
        k = (flat + 0.5) / distance[i]
        total += step[i] * (weight[i] / distance[i]) ** 2 * table(k, np.full(k.shape, z[i]))
    return total.reshape(ell.shape)


def _line_of_sight(z_source, cosmology, n=96):
    """Return nodes along the line of sight and their weights for an integral over chi (Mpc)."""
    last = farthest_source(z_source)
    if last > _Z_MAX:
        raise ValueError(f"z_source must not exceed {_Z_MAX:g}, but reaches {last:g}")
    x, w = np.polynomial.legendre.leggauss(n)
    # Nodes in redshift; d chi = c / H(z) dz.
    z, dz = last * (x + 1) / 2, last * w / 2
    chi_step = (cosmology.hubble_distance.to_value(u.Mpc) * cosmology.inv_efunc(z)) * dz
    distance = cosmology.comoving_transverse_distance(z).to_value(u.Mpc)
    return z, distance, lensing_weight(z, z_source, cosmology), chi_step
