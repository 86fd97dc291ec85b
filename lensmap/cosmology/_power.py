# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Linear and non-linear matter power spectra, and the power spectrum of the convergence.

The linear power comes from the fitting formula of Eisenstein & Hu 1998 in colossus, and from the
growth with massive neutrinos, so no Boltzmann code is needed. The non-linear power follows from it
by halofit (Takahashi et al. 2012). CAMB computes both on request.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy import units as u
from scipy.interpolate import RectBivariateSpline

from lensmap.cosmology._camb import camb_power
from lensmap.cosmology._halofit import halofit
from lensmap.cosmology._lensing import lensing_weight
from lensmap.cosmology._neutrino_growth import neutrino_growth
from lensmap.cosmology._parameters import cosmology_key, get_cosmology
from lensmap.cosmology._redshifts import check_z_source, farthest_source
from lensmap.cosmology._structure import colossus_cosmology
from lensmap.utils import ParameterError, check_choice

if TYPE_CHECKING:
    from astropy.cosmology import FLRW
    from colossus.cosmology.cosmology import Cosmology
    from numpy.typing import ArrayLike

    from lensmap.cosmology._parameters import CosmologyKey
    from lensmap.typing import CosmologyLike, RedshiftLike

__all__ = ["POWER_CODES", "check_power", "cold_matter", "convergence_power", "linear_power",
           "nonlinear_power"]

#: What computes the matter power spectrum.
POWER_CODES = ("halofit", "camb")

# Above this fraction of massive neutrinos in the matter, the fitting formulas are not tested
# against CAMB.
_MAX_NEUTRINO_FRACTION = 0.05

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
    key = cosmology_key(get_cosmology(cosmology))
    with colossus_cosmology(key) as colossus:
        return _linear(np.asarray(k, dtype=float), float(z), key, colossus)


def _linear(
    k: np.ndarray, z: float, key: CosmologyKey, colossus: Cosmology, *, cold: bool = False
) -> np.ndarray:
    """Return the linear power of all matter, or of cold dark matter and baryons alone."""
    h = colossus.h
    power = colossus.matterPowerSpectrum(k / h, z, model="eisenstein98") / h**3
    if key.Onu0 == 0:
        return power
    # colossus normalizes its own spectrum to sigma8; the one with neutrinos gets the same sigma8.
    nodes = np.geomspace(1e-4, 1e2, 1500)
    today = colossus.matterPowerSpectrum(nodes / h, 0.0, model="eisenstein98")
    with_neutrinos = _of_cold_matter(nodes, key) * neutrino_growth(nodes, 0.0, key) ** 2
    amplitude = _variance(nodes, today, h) / _variance(nodes, with_neutrinos, h)
    growth = colossus.growthFactor(z) * neutrino_growth(k, z, key, cold=cold)
    return amplitude * growth**2 * _of_cold_matter(k, key) / h**3


def _of_cold_matter(k: np.ndarray, key: CosmologyKey) -> np.ndarray:
    """Return the power today if neutrinos had no mass and cold matter were the same, (Mpc/h)^3."""
    massless = key._replace(Om0=key.Om0 - key.Onu0, Ode0=key.Ode0 + key.Onu0, Onu0=0.0)
    with colossus_cosmology(massless) as colossus:
        return colossus.matterPowerSpectrum(k / colossus.h, 0.0, model="eisenstein98")


def _variance(k: np.ndarray, power: np.ndarray, h: float) -> float:
    """Return the variance of the density in spheres of 8 Mpc/h; the unit of the power cancels."""
    x = 8 * k / h
    window = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    return float(np.trapezoid(power * window**2 * k**3, np.log(k)))


def cold_matter(z: float, cosmology: CosmologyLike = None) -> tuple[float, float | None]:
    """Return the share and the amplitude of the matter that collapses into halos.

    Massive neutrinos move too fast to collapse, so the abundance of halos follows from the density
    and the power spectrum of cold dark matter and baryons.

    Parameters
    ----------
    z : float
        The redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.

    Returns
    -------
    fraction : float
        The fraction of matter that is cold dark matter and baryons; 1 without massive neutrinos.
    sigma8 : float or None
        The value of sigma8 today with which `colossus_cosmology`, which has no massive neutrinos,
        has the amplitude of cold matter at ``z`` on scales of 8 Mpc/h, to 0.001. None for that of
        the cosmology.

    References
    ----------
    Costanzi et al. 2013, JCAP 12, 012; Castorina et al. 2014, JCAP 02, 049.
    """
    key = cosmology_key(get_cosmology(cosmology))
    if key.Onu0 == 0:
        return 1.0, None
    _check_neutrinos(key)
    k = np.geomspace(1e-4, 1e2, 1500)
    with colossus_cosmology(key) as colossus:
        cold = _variance(k, _linear(k, z, key, colossus, cold=True), colossus.h)
        plain = _variance(
            k, colossus.matterPowerSpectrum(k / colossus.h, z, model="eisenstein98"), colossus.h
        ) / colossus.h**3
    # Rounded, because colossus tabulates the variance anew for each value, which varies by less
    # than 1 per cent with redshift.
    sigma8 = round(key.sigma8 * float(np.sqrt(cold / plain)), 3)
    return 1 - key.Onu0 / key.Om0, sigma8


def nonlinear_power(
    k: ArrayLike, z: ArrayLike, cosmology: CosmologyLike = None, *, power: str = "halofit"
) -> np.ndarray:
    """Return the non-linear matter power spectrum.

    Parameters
    ----------
    k : float or array_like
        Comoving wavenumbers, 1/Mpc (without h), broadcast against ``z``.
    z : float or array_like
        Redshifts between 0 and 12.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.
    power : {"halofit", "camb"}
        What computes the matter power spectrum. ``"halofit"``: the fitting formulas of Eisenstein &
        Hu and the revised halofit. ``"camb"``: the package CAMB (``lensmap[camb]``), with the same
        halofit but the exact linear power.

    Returns
    -------
    `numpy.ndarray`
        The power in comoving Mpc^3 (without h). Below 1e-4/Mpc and above 1000/Mpc it is
        extrapolated as a power law in ``k``.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range, or the neutrinos are too massive for
        ``"halofit"``.
    ImportError
        If ``power`` is ``"camb"`` and CAMB is not installed.

    References
    ----------
    Eisenstein & Hu 1998, ApJ 496, 605 and Ringwald & Wong 2004, JCAP 12, 005 (linear power);
    Takahashi et al. 2012, ApJ 761, 152, eq. A1-A14; Smith et al. 2003, MNRAS 341, 1311; Bird, Viel
    & Haehnelt 2012, MNRAS 420, 2551 (halofit); Lewis, Challinor & Lasenby 2000, ApJ 538, 473
    (CAMB).
    """
    table = _power_table(cosmology_key(get_cosmology(cosmology)), check_power(power))
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


def check_power(power: str) -> str:
    """Check the parameter ``power``, the name of what computes the power spectrum; return it."""
    return check_choice(power, "power", POWER_CODES)


@lru_cache(maxsize=8)
def _power_table(key: CosmologyKey, power: str) -> _PowerTable:
    ln_1z = np.linspace(0.0, np.log1p(_MAX_REDSHIFT), _N_REDSHIFTS)
    compute = camb_power if power == "camb" else _halofit_power
    values = np.log(compute(key, _K_PER_MPC, np.expm1(ln_1z)))
    return _PowerTable(RectBivariateSpline(np.log(_K_PER_MPC), ln_1z, values, kx=3, ky=3, s=0))


def _halofit_power(key: CosmologyKey, k: np.ndarray, redshifts: np.ndarray) -> np.ndarray:
    """Return the non-linear power by halofit in comoving Mpc^3, ``(n_k, n_redshifts)``."""
    from astropy.cosmology import w0waCDM

    _check_neutrinos(key)
    background = w0waCDM(
        key.H0, key.Om0, key.Ode0, w0=key.w0, wa=key.wa, Tcmb0=key.Tcmb0, Neff=key.massless_Neff,
    )
    columns = []
    with colossus_cosmology(key) as colossus:
        today = _linear(k, 0.0, key, colossus)
        for z in redshifts:
            # colossus tabulates the growth with redshift, so the power today is scaled.
            linear = today * colossus.growthFactor(z) ** 2
            if key.Onu0:
                linear = linear * (neutrino_growth(k, z, key) / neutrino_growth(k, 0.0, key)) ** 2
            dark_energy, curvature = float(background.Ode(z)), float(background.Ok(z))
            beside_matter = dark_energy + curvature
            columns.append(halofit(
                k, linear, float(background.Om(z)),
                dark_energy * (1 + float(background.w(z))),
                flatness=dark_energy / beside_matter if abs(beside_matter) > 0.01 else 1.0,
                h=key.H0 / 100, neutrino_fraction=key.Onu0 / key.Om0,
            ))
    return np.transpose(columns)


def _check_neutrinos(key: CosmologyKey) -> None:
    fraction = key.Onu0 / key.Om0
    if fraction > _MAX_NEUTRINO_FRACTION:
        raise ParameterError(
            "cosmology",
            f"at most {_MAX_NEUTRINO_FRACTION:.0%} of its matter in massive neutrinos for the "
            "fitting formulas of the power spectrum",
            f"{fraction:.1%} ({sum(key.m_nu):.3g} eV)",
            "compute power spectra with {power='camb'}",
            verb="have",
        )


def convergence_power(
    ell: ArrayLike,
    z_source: RedshiftLike,
    cosmology: CosmologyLike = None,
    *,
    power: str = "halofit",
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
    power : {"halofit", "camb"}
        What computes the matter power spectrum; see `nonlinear_power`.

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
    table = _power_table(cosmology_key(flrw), check_power(power))
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
