# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Massive neutrinos: their density, and their effect on the growth of structure.

Astropy's ``Om0`` leaves massive neutrinos out. At the redshifts of lensing they are matter: they
deflect light, but cluster on large scales only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

    from lensmap.cosmology._parameters import CosmologyKey

__all__ = ["matter_density", "neutrino_density", "neutrino_suppression"]

# The energy density of one massless neutrino species divided by that of photons.
_DENSITY_PER_SPECIES = 7 / 8 * (4 / 11) ** (4 / 3)


def neutrino_density(cosmology: FLRW) -> float:
    """Return the density parameter of massive neutrinos today.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    float
        The part of ``Onu0`` in species with a mass; 0 if all neutrinos are massless.
    """
    if not cosmology.has_massive_nu:
        return 0.0
    massless = np.mean(np.asarray(cosmology.m_nu.value) == 0) * float(cosmology.Neff)
    return float(cosmology.Onu0 - _DENSITY_PER_SPECIES * massless * cosmology.Ogamma0)


def matter_density(cosmology: FLRW) -> float:
    """Return the density parameter of all matter today, massive neutrinos included.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    float
        ``Om0`` plus the density parameter of massive neutrinos.
    """
    return float(cosmology.Om0) + neutrino_density(cosmology)


def neutrino_suppression(
    k: np.ndarray, growth: float, key: CosmologyKey, *, cold: bool = False
) -> np.ndarray:
    """Return the factor by which massive neutrinos change the amplitude of density fluctuations.

    The factor compares with a cosmology of the same matter density and primordial spectrum whose
    neutrinos are massless.

    Parameters
    ----------
    k : `numpy.ndarray`
        Comoving wavenumbers, 1/Mpc, ``(n,)``.
    growth : float
        The growth factor of matter without massive neutrinos, which approaches 1 / (1 + z) at high
        redshift.
    key : CosmologyKey
        The parameters of the cosmology.
    cold : bool
        Whether to return the factor of cold dark matter and baryons alone, instead of all matter.

    Returns
    -------
    `numpy.ndarray`
        The factor, ``(n,)``; 1 if no neutrino is massive.

    References
    ----------
    Eisenstein & Hu 1999, ApJ 511, 5, eq. 3-25.
    """
    fraction = key.Onu0 / key.Om0
    if fraction == 0:
        return np.ones(np.shape(k))
    species = key.n_massive
    fit = _Fit.of(key, fraction)
    reference = _Fit.of(key, 0.0)
    q = k * fit.theta**2 / fit.omega_h2
    bump = 3.92 * q * np.sqrt(species / fraction)
    excess = 1.2 * fraction**0.64 * species ** (0.3 + 0.6 * fraction)
    transfer = fit.transfer(k, species) / reference.transfer(k, species)
    transfer = transfer * (1 + excess / (bump**-1.6 + bump**0.8))
    d1 = (1 + fit.z_equality) * growth
    free_streaming = 17.2 * fraction * (1 + 0.488 * fraction ** (-7 / 6))
    free_streaming = free_streaming * (species * q / fraction) ** 2
    p = _growth_index(1 - fraction)
    # Neutrinos do not cluster below their free-streaming scale, and the rest grows more slowly.
    floor = 1.0 if cold else (1 - fraction) ** (0.7 / p)
    slowed = (floor + (d1 / (1 + free_streaming)) ** 0.7) ** (p / 0.7) * d1 ** (1 - p)
    return transfer * slowed / d1


def _growth_index(fraction: float) -> float:
    """Return p of matter of which a fraction clusters (eq. 11)."""
    return (5 - np.sqrt(1 + 24 * fraction)) / 4


class _Fit(NamedTuple):
    """The smooth transfer function of Eisenstein & Hu 1999, without the excess of eq. 22.

    Attributes
    ----------
    omega_h2, baryons, neutrinos : float
        The matter density, and the fractions of it in baryons and in massive neutrinos.
    theta : float
        The temperature of the CMB in units of 2.7 K.
    z_equality, z_drag : float
        The redshifts of matter-radiation equality and of the drag epoch.
    """

    omega_h2: float
    baryons: float
    neutrinos: float
    theta: float
    z_equality: float
    z_drag: float

    @classmethod
    def of(cls, key: CosmologyKey, neutrinos: float) -> _Fit:
        """Return the fit for a cosmology in which a given fraction of matter is neutrinos."""
        h2, theta = (key.H0 / 100) ** 2, key.Tcmb0 / 2.7
        omega = key.Om0 * h2
        b1 = 0.313 * omega**-0.419 * (1 + 0.607 * omega**0.674)
        b2 = 0.238 * omega**0.223
        z_drag = 1291 * omega**0.251 / (1 + 0.659 * omega**0.828)
        z_drag = z_drag * (1 + b1 * (key.Ob0 * h2) ** b2)
        return cls(omega, key.Ob0 / key.Om0, neutrinos, theta, 2.5e4 * omega * theta**-4, z_drag)

    def transfer(self, k: np.ndarray, species: float) -> np.ndarray:
        """Return the transfer function T_sup (eq. 15-20) for a number of massive species."""
        cold = 1 - self.baryons - self.neutrinos
        heavy = self.baryons + self.neutrinos  # f_nu,b
        p_c, p_cb = _growth_index(cold), _growth_index(1 - self.neutrinos)
        drag = (1 + self.z_equality) / (1 + self.z_drag)
        alpha = cold / (1 - self.neutrinos) * (5 - 2 * (p_c + p_cb)) / (5 - 4 * p_cb)
        alpha *= (1 - 0.553 * heavy + 0.126 * heavy**3) / (
            1 - 0.193 * np.sqrt(self.neutrinos * species) + 0.169 * self.neutrinos * species**0.2
        )
        alpha *= (1 + drag) ** (p_cb - p_c)
        alpha *= 1 + (p_c - p_cb) / 2 * (1 + 1 / ((3 - 4 * p_c) * (7 - 4 * p_cb))) / (1 + drag)
        sound = 44.5 * np.log(9.83 / self.omega_h2) / np.sqrt(
            1 + 10 * (self.baryons * self.omega_h2) ** 0.75
        )
        shape = np.sqrt(alpha) + (1 - np.sqrt(alpha)) / (1 + (0.43 * k * sound) ** 4)
        q = k * self.theta**2 / (self.omega_h2 * shape)
        log = np.log(np.e + 1.84 / (1 - 0.949 * heavy) * np.sqrt(alpha) * q)
        return log / (log + (14.4 + 325 / (1 + 60.5 * q**1.08)) * q**2)
