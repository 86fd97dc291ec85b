# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The growth of structure with massive neutrinos."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import RectBivariateSpline

from lensmap.cosmology._neutrinos import DENSITY_PER_SPECIES

if TYPE_CHECKING:
    from lensmap.cosmology._parameters import CosmologyKey

__all__ = ["neutrino_growth"]

# The scale factor at which the growth starts: all neutrinos below 0.6 eV are relativistic.
_START = 3e-4

# The nodes of the table: comoving wavenumbers and redshifts.
_K_PER_MPC = np.geomspace(1e-5, 100.0, 100)
_LN_1Z = np.linspace(0.0, np.log(31.0), 25)

# Omega h^2 of photons of 2.7255 K.
_PHOTON_DENSITY = 2.4728e-5

# The temperature of neutrinos in units of that of the CMB, as astropy has it.
_TEMPERATURE_OF_CMB = 0.71376586
_BOLTZMANN_EV = 8.617333e-5
_LIGHT_KM_S = 299792.458

# The density of neutrinos of mass m and temperature T is that of massless ones times
# (1 + (factor m / T)^exponent)^(1 / exponent) (Komatsu et al. 2011).
_MASS_FACTOR, _MASS_EXPONENT = 0.3173, 1.83

# <v^-2>^(-1/2) in units of c, times m / T, for the Fermi-Dirac distribution:
# (3 zeta(3) / (2 ln 2))^(1/2).
_MEAN_SPEED = 1.6130


def neutrino_growth(
    k: np.ndarray, z: float, key: CosmologyKey, *, cold: bool = False
) -> np.ndarray:
    r"""Return the growth of structure with massive neutrinos, relative to massless neutrinos.

    Density fluctuations grow from the time when all neutrinos were relativistic, by

    .. math:: \delta_c'' + \left(2 + \frac{H'}{H}\right) \delta_c' = \frac{4 \pi G}{H^2}
              \left(\rho_c \delta_c + \sum_i \rho_i \delta_i\right) , \qquad
              \delta_i = \frac{\delta_m}{(1 + k / k_i)^2}

    with derivatives by ln a, for cold dark matter and baryons c and the non-relativistic part of
    each massive neutrino species i. Neutrinos cluster above their free-streaming scale
    :math:`1 / k_i` only, and slow the growth below it. The result is the ratio to the same growth
    in a cosmology with the same matter density and massless neutrinos. It multiplies the transfer
    function for the density of c alone.

    Parameters
    ----------
    k : `numpy.ndarray`
        Comoving wavenumbers, 1/Mpc, ``(n,)``.
    z : float
        The redshift.
    key : CosmologyKey
        The parameters of the cosmology.
    cold : bool
        Whether to return the ratio for cold dark matter and baryons alone, instead of all matter.

    Returns
    -------
    `numpy.ndarray`
        The ratio of the amplitudes, ``(n,)``; 1 if no neutrino is massive.

    References
    ----------
    Ringwald & Wong 2004, JCAP 12, 005 (clustering of neutrinos); Lesgourgues & Pastor 2006, Phys.
    Rep. 429, 307 (growth with neutrinos); Komatsu et al. 2011, ApJS 192, 18, eq. 25-26 (density).
    """
    if key.Onu0 == 0:
        return np.ones(np.shape(k))
    all_matter, cold_matter = _growth_tables(key)
    ln_k = np.clip(np.log(k), np.log(_K_PER_MPC[0]), np.log(_K_PER_MPC[-1]))
    return np.exp((cold_matter if cold else all_matter).ev(ln_k, min(np.log1p(z), _LN_1Z[-1])))


@lru_cache(maxsize=8)
def _growth_tables(key: CosmologyKey) -> tuple[RectBivariateSpline, RectBivariateSpline]:
    """Return splines of the logarithms of `neutrino_growth` in ln k and ln(1 + z).

    The first spline is for all matter, the second one for cold dark matter and baryons.
    """
    massless = key._replace(Onu0=0.0, m_nu=(0.0,) * len(key.m_nu))
    reference = _Matter(massless, _K_PER_MPC[:1]).grow()[1]
    return tuple(
        RectBivariateSpline(np.log(_K_PER_MPC), _LN_1Z, np.log(growth / reference))
        for growth in _Matter(key, _K_PER_MPC).grow()
    )


class _Matter:
    """Cold dark matter, baryons and neutrinos, whose fluctuations grow.

    Parameters
    ----------
    key : CosmologyKey
        The parameters of the cosmology.
    k : `numpy.ndarray`
        Comoving wavenumbers, 1/Mpc, ``(n,)``.
    """

    def __init__(self, key: CosmologyKey, k: np.ndarray) -> None:
        self._key, self._k = key, k
        self._cold = key.Om0 - key.Onu0
        photons = _PHOTON_DENSITY * (key.Tcmb0 / 2.7255) ** 4 / (key.H0 / 100) ** 2
        species = max(len(key.m_nu), 1)
        self._one_massless = DENSITY_PER_SPECIES * key.Neff / species * photons
        masses = np.array([mass for mass in key.m_nu if mass > 0])
        self._radiation = photons + (species - len(masses)) * self._one_massless
        # The mass over the temperature today, which is that of the neutrinos.
        self._mass = masses / (_TEMPERATURE_OF_CMB * key.Tcmb0 * _BOLTZMANN_EV)

    def _neutrinos(self, a: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the density of each massive species in units of the critical density today.

        The second result is the part of it that is matter: the density minus three times the
        pressure. Relativistic neutrinos have none.
        """
        x = (_MASS_FACTOR * self._mass * a) ** _MASS_EXPONENT
        density = self._one_massless / a**4 * (1 + x) ** (1 / _MASS_EXPONENT)
        return density, density * x / (1 + x)

    def _expansion(self, a: float) -> float:
        """Return the square of the Hubble parameter in units of that of today."""
        key = self._key
        dark = key.Ode0 * a ** (-3 * (1 + key.w0 + key.wa)) * np.exp(-3 * key.wa * (1 - a))
        return (self._cold / a**3 + self._neutrinos(a)[0].sum() + self._radiation / a**4
                + key.Ok0 / a**2 + dark)

    def _densities(self, a: float, delta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the density fluctuation of all matter, and the mean density of this matter.

        ``delta`` is the fluctuation of cold matter relative to its mean, ``(n,)``.
        """
        cold, (_, matter) = self._cold / a**3, self._neutrinos(a)
        total = cold + matter.sum()
        # The inverse of the mean inverse square of the velocity, in units of the speed of light.
        speed = _MEAN_SPEED / (self._mass * a)
        speed = speed / np.sqrt(1 + speed**2)
        free_streaming = np.sqrt(1.5 * total) * a * self._key.H0 / _LIGHT_KM_S / speed
        clustered = (1 + self._k / free_streaming[:, np.newaxis]) ** -2
        return cold * delta / (1 - (matter / total) @ clustered), total

    def grow(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the amplitudes of all matter and of cold matter, ``(n_k, n_z)`` each."""
        step = 1e-4

        def derivative(ln_a: float, state: np.ndarray) -> np.ndarray:
            a, (delta, slope) = np.exp(ln_a), state.reshape(2, -1)
            low, square, high = (self._expansion(a * np.exp(s)) for s in (-step, 0, step))
            drag = 2 + np.log(high / low) / (4 * step)
            # By the definition of the clustered share, all of the source is the matter.
            source, _ = self._densities(a, delta)
            return np.append(slope, 1.5 * source / square - drag * slope)

        # The growing mode of cold matter in radiation and matter.
        y = 1.5 * _START * self._cold / (self._radiation + len(self._mass) * self._one_massless)
        n = len(self._k)
        start = np.append(np.full(n, 1 + y), np.full(n, y))
        ln_a = -_LN_1Z[::-1]
        states = solve_ivp(derivative, (np.log(_START), 0.0), start, t_eval=ln_a, rtol=1e-5).y
        cold = states[:n, ::-1]
        every = []
        for a, delta in zip(np.exp(-_LN_1Z), cold.T, strict=True):
            fluctuation, total = self._densities(a, delta)
            every.append(fluctuation / total)
        outside = self._outside_horizon()[:, np.newaxis]
        return np.transpose(every) * outside, cold * outside

    def _outside_horizon(self) -> np.ndarray:
        """Return the factor of the initial amplitude of each wavenumber, ``(n,)``.

        Fluctuations outside the horizon keep their potential while neutrinos become matter, so that
        their amplitude relative to the mean density falls.
        """
        factor = np.ones(len(self._k))
        today = self._neutrinos(1.0)[1] / self._key.Om0
        for mass, share in zip(self._mass, today, strict=True):
            a = 1 / (_MASS_FACTOR * mass)
            horizon = a * self._key.H0 / _LIGHT_KM_S * np.sqrt(self._expansion(a))
            factor -= share / (1 + (self._k / horizon) ** 2)
        return factor
