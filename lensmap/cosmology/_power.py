# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Linear and non-linear matter power spectra, and the power spectrum of the convergence.

The linear power comes from the fitting formula of Eisenstein & Hu 1998 in colossus, so no Boltzmann
code is needed. The non-linear power follows from it by halofit (Takahashi et al. 2012).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy import units as u
from scipy.interpolate import RectBivariateSpline

from lensmap.cosmology._lensing import lensing_weight
from lensmap.cosmology._parameters import cosmology_key, get_cosmology
from lensmap.cosmology._redshifts import check_z_source, farthest_source
from lensmap.cosmology._structure import colossus_cosmology
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from astropy.cosmology import FLRW
    from colossus.cosmology.cosmology import Cosmology
    from numpy.typing import ArrayLike

    from lensmap.cosmology._parameters import CosmologyKey
    from lensmap.typing import CosmologyLike, RedshiftLike

__all__ = ["convergence_power", "linear_power", "nonlinear_power"]

# The grid of the non-linear power table: comoving wavenumbers, and redshifts from 0.
_K_PER_MPC = np.geomspace(1e-4, 1e3, 420)
_N_REDSHIFTS = 48
_MAX_REDSHIFT = 12.0

# The number of nodes of integrals along the line of sight.
_N_NODES = 96


def linear_power(k: ArrayLike, z: float, cosmology: CosmologyLike = None) -> np.ndarray:
    """Return the linear matter power spectrum.

    Parameters
    ----------
    k : float or array_like
        Comoving wavenumbers, 1/Mpc (without h); any shape.
    z : float
        The redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.

    Returns
    -------
    `numpy.ndarray`
        The power in comoving Mpc^3 (without h), with the same shape as ``k``.

    References
    ----------
    Eisenstein & Hu 1998, ApJ 496, 605 (transfer function, as implemented in colossus).
    """
    with colossus_cosmology(cosmology) as colossus:
        return _linear(np.asarray(k, dtype=float), float(z), colossus)


def _linear(k: np.ndarray, z: float, colossus: Cosmology) -> np.ndarray:
    h = colossus.h
    return colossus.matterPowerSpectrum(k / h, z, model="eisenstein98") / h**3


def nonlinear_power(
    k: ArrayLike, z: ArrayLike, cosmology: CosmologyLike = None
) -> np.ndarray:
    """Return the non-linear matter power spectrum from the revised halofit.

    Parameters
    ----------
    k : float or array_like
        Comoving wavenumbers, 1/Mpc (without h), broadcast against ``z``.
    z : float or array_like
        Redshifts between 0 and 12.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.

    Returns
    -------
    `numpy.ndarray`
        The power in comoving Mpc^3 (without h). Below 1e-4/Mpc and above 1000/Mpc it is
        extrapolated as a power law in ``k``.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range.

    References
    ----------
    Takahashi et al. 2012, ApJ 761, 152, eq. A1-A14; Smith et al. 2003, MNRAS 341, 1311.
    """
    table = _power_table(cosmology_key(get_cosmology(cosmology)))
    k, z = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(z, dtype=float))
    invalid = ~np.isfinite(z) | (z < 0) | (z > _MAX_REDSHIFT)
    if np.any(invalid):
        raise ParameterError(
            "z", f"a redshift between 0 and {_MAX_REDSHIFT:g}", str(z[invalid][0])
        )
    return table(k, z)


class _PowerTable(NamedTuple):
    """The non-linear matter power spectrum P(k, z) of one cosmology, as a spline.

    The spline interpolates ln P in ln k and ln(1 + z). Wavenumbers are in comoving 1/Mpc, and P is
    in comoving Mpc^3.
    """

    spline: RectBivariateSpline

    def __call__(self, k: np.ndarray, z: np.ndarray) -> np.ndarray:
        ln_k, ln_1z = np.log(k), np.log1p(z)
        inside = np.clip(ln_k, np.log(_K_PER_MPC[0]), np.log(_K_PER_MPC[-1]))
        value = self.spline.ev(inside, ln_1z)
        # Outside the table, extrapolate a power law with the slope at the edge of the table.
        slope = self.spline.ev(inside, ln_1z, dx=1)
        return np.exp(value + slope * (ln_k - inside))


@lru_cache(maxsize=8)
def _power_table(key: CosmologyKey) -> _PowerTable:
    from astropy.cosmology import w0waCDM

    # The table is cached by its key, so it must not depend on anything else.
    cosmology = w0waCDM(
        key.H0, key.Om0, key.Ode0, w0=key.w0, wa=key.wa, Tcmb0=key.Tcmb0, Neff=key.Neff,
        Ob0=key.Ob0, meta={"sigma8": key.sigma8, "n": key.n},
    )
    ln_1z = np.linspace(0.0, np.log1p(_MAX_REDSHIFT), _N_REDSHIFTS)
    values = np.empty((len(_K_PER_MPC), len(ln_1z)))
    with colossus_cosmology(cosmology) as colossus:
        today = _linear(_K_PER_MPC, 0.0, colossus)
        for i, z in enumerate(np.expm1(ln_1z)):
            linear = today * colossus.growthFactor(z) ** 2
            omega_m = float(cosmology.Om(z))
            dark = float(cosmology.Ode(z)) * (1 + float(cosmology.w(z)))
            values[:, i] = np.log(_halofit(_K_PER_MPC, linear, omega_m, dark))
    return _PowerTable(RectBivariateSpline(np.log(_K_PER_MPC), ln_1z, values, kx=3, ky=3, s=0))


def _halofit(k: np.ndarray, linear: np.ndarray, omega_m: float, dark: float) -> np.ndarray:
    """Compute the non-linear from the linear power (Takahashi et al. 2012, eq. A1-A14).

    Parameters
    ----------
    k : `numpy.ndarray`
        Comoving wavenumbers, evenly spaced in the logarithm, 1/Mpc, ``(n,)``.
    linear : `numpy.ndarray`
        The linear power, comoving Mpc^3, ``(n,)``.
    omega_m, dark : float
        The density parameter of matter, and Omega_DE (1 + w) of dark energy, both at the redshift
        of ``linear``.

    Returns
    -------
    `numpy.ndarray`
        The non-linear power, comoving Mpc^3, ``(n,)``.
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
            - 0.1682 * curvature)
    nu = 10 ** (5.2105 + 3.6902 * n)
    f1, f2, f3 = (omega_m**power for power in (-0.0307, -0.0585, 0.0743))
    y = k / k_sigma
    two_halo = delta * (1 + delta) ** beta / (1 + alpha * delta) * np.exp(-y / 4 - y**2 / 8)
    one_halo = a * y ** (3 * f1) / (1 + b * y**f2 + (c * f3 * y) ** (3 - gamma))
    one_halo = one_halo / (1 + nu / y**2)
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


def convergence_power(
    ell: ArrayLike, z_source: RedshiftLike, cosmology: CosmologyLike = None
) -> np.ndarray:
    r"""Return the power spectrum of the convergence in the Limber approximation.

    .. math:: C_\ell = \int \frac{W^2(\chi)}{f_K^2(\chi)}
              P\left(\frac{\ell + 1/2}{f_K(\chi)}, z(\chi)\right) \mathrm{d}\chi

    Here :math:`\chi` is the comoving distance, :math:`f_K` the comoving angular diameter distance,
    W the lensing kernel (`lensing_weight`), and P the non-linear matter power spectrum
    (`nonlinear_power`).

    Parameters
    ----------
    ell : float or array_like
        Multipoles, positive; any shape.
    z_source : float or SourceRedshifts
        The redshift of the sources, or their redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.

    Returns
    -------
    `numpy.ndarray`
        :math:`C_\ell` in steradians, with the same shape as ``ell``.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range.

    References
    ----------
    LoVerde & Afshordi 2008, Phys. Rev. D 78, 123506 (l + 1/2 instead of l).

    Examples
    --------
    >>> from lensmap.cosmology import convergence_power
    >>> print(f"{1000**2 * convergence_power(1000.0, 1.0) / 6.2832:.2e}")
    7.49e-05
    """
    flrw = get_cosmology(cosmology)
    z_source = check_z_source(z_source)
    ell = np.asarray(ell, dtype=float)
    invalid = ~np.isfinite(ell) | (ell <= 0)
    if np.any(invalid):
        raise ParameterError("ell", "positive and finite", str(ell[invalid][0]))
    z, distance, weight, step = _line_of_sight(z_source, flrw)
    flat = ell.ravel()
    total = np.zeros(flat.shape)
    table = _power_table(cosmology_key(flrw))
    for i in range(len(z)):
        k = (flat + 0.5) / distance[i]
        total += step[i] * (weight[i] / distance[i]) ** 2 * table(k, np.full(k.shape, z[i]))
    return total.reshape(ell.shape)


def _line_of_sight(
    z_source: RedshiftLike, cosmology: FLRW
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return redshifts and lensing kernel at the nodes of an integral along the line of sight.

    The integral is over the comoving distance chi, from the observer to the sources.

    Parameters
    ----------
    z_source : float or SourceRedshifts
        The redshift of the sources, or their redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    z, distance, weight, step : `numpy.ndarray`
        The redshift, comoving transverse distance (Mpc), lensing kernel (1/comoving Mpc) and step
        in chi (comoving Mpc) of each node, ``(n,)``.
    """
    highest = farthest_source(z_source)
    if highest > _MAX_REDSHIFT:
        raise ParameterError(
            "z_source", f"at most {_MAX_REDSHIFT:g} (for a distribution, its highest redshift)",
            f"{highest:g}",
        )
    x, w = np.polynomial.legendre.leggauss(_N_NODES)
    # Nodes in redshift, with d chi = c / H(z) dz.
    z, dz = highest * (x + 1) / 2, highest * w / 2
    chi_step = (cosmology.hubble_distance.to_value(u.Mpc) * cosmology.inv_efunc(z)) * dz
    distance = cosmology.comoving_transverse_distance(z).to_value(u.Mpc)
    return z, distance, np.asarray(lensing_weight(z, z_source, cosmology)), chi_step
