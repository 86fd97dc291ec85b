# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Matter power spectra from CAMB, an optional dependency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.utils import import_optional

if TYPE_CHECKING:
    from lensmap.cosmology._parameters import CosmologyKey

__all__ = ["camb_power"]

# CAMB computes up to this comoving wavenumber in 1/Mpc; a power law continues the spectrum.
_MAX_K_PER_MPC = 60.0

# The amplitude of a first calculation, from which that of the wanted sigma8 follows.
_FIRST_AMPLITUDE = 2e-9

# The mass in eV of one neutrino species for a density Omega h^2 of 1 (CAMB's convention).
_NEUTRINO_MASS_EV = 94.07


def camb_power(key: CosmologyKey, k: np.ndarray, redshifts: np.ndarray) -> np.ndarray:
    """Compute the non-linear power spectrum of all matter with CAMB.

    Parameters
    ----------
    key : CosmologyKey
        The parameters of the cosmology.
    k : `numpy.ndarray`
        Comoving wavenumbers, 1/Mpc, ``(n_k,)``.
    redshifts : `numpy.ndarray`
        Increasing redshifts from 0, ``(n_redshifts,)``.

    Returns
    -------
    `numpy.ndarray`
        The power in comoving Mpc^3, ``(n_k, n_redshifts)``.

    Raises
    ------
    ImportError
        If CAMB is not installed.

    References
    ----------
    Lewis, Challinor & Lasenby 2000, ApJ 538, 473; Takahashi et al. 2012, ApJ 761, 152.
    """
    camb = import_optional("camb", purpose="power='camb'", install="'lensmap[camb]'")
    parameters = _parameters(camb, key)
    # In this order, or CAMB prints that it sorted them.
    parameters.set_matter_power(redshifts=list(redshifts[::-1]), kmax=_MAX_K_PER_MPC)
    parameters.NonLinear = camb.model.NonLinear_pk
    parameters.InitPower.set_params(As=_FIRST_AMPLITUDE, ns=key.n)
    results = camb.get_transfer_functions(parameters)
    results.calc_power_spectra()
    amplitude = _FIRST_AMPLITUDE * (key.sigma8 / float(results.get_sigma8_0())) ** 2
    results.Params.InitPower.set_params(As=amplitude, ns=key.n)
    results.calc_power_spectra()
    table = results.get_matter_power_interpolator(
        nonlinear=True, hubble_units=False, k_hunit=False, extrap_kmax=float(k[-1]) * 1.01
    )
    return np.asarray(table.P(redshifts, k)).T


def _parameters(camb, key):
    """Return CAMB's parameters of a cosmology, with the halofit of Takahashi et al. 2012."""
    h2 = (key.H0 / 100) ** 2
    masses = [mass for mass in key.m_nu if mass > 0]
    density = key.Onu0 * h2
    parameters = camb.set_params(
        H0=key.H0, ombh2=key.Ob0 * h2, omch2=(key.Om0 - key.Ob0 - key.Onu0) * h2, omk=key.Ok0,
        TCMB=key.Tcmb0, nnu=key.Neff, num_massive_neutrinos=len(masses),
        neutrino_hierarchy="degenerate", mnu=density * _NEUTRINO_MASS_EV / (key.Neff / 3) ** 0.75,
        w=key.w0, wa=key.wa, dark_energy_model="ppf", halofit_version="takahashi",
    )
    if masses:
        _set_masses(parameters, masses, density, key.Neff / len(key.m_nu))
    return parameters


def _set_masses(parameters, masses, density, effective):
    """Set the neutrino masses of CAMB's parameters; ``effective`` is Neff for each species."""
    values, counts = np.unique(masses, return_counts=True)
    parameters.omnuh2 = density
    parameters.num_nu_massless = parameters.N_eff - effective * len(masses)
    parameters.nu_mass_eigenstates = len(values)
    parameters.nu_mass_numbers = [int(n) for n in counts]
    parameters.nu_mass_degeneracies = list(effective * counts)
    parameters.nu_mass_fractions = list(values * counts / np.sum(masses))
