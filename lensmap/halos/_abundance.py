# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Abundance, bias and concentration of halos, computed by colossus.

Masses are in solar masses and lengths in Mpc, both without h. With massive neutrinos, the abundance
follows from the density and the power spectrum of cold dark matter and baryons, because neutrinos
do not collapse (Costanzi et al. 2013). Colossus has one matter density and one power spectrum: a
halo of mass M forms from the same volume of cold matter as one of M / (cold fraction) from all
matter, and sigma8 is that of cold matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.cosmology import cold_matter, colossus_cosmology, get_cosmology
from lensmap.utils import ParameterError, ParameterTypeError, check_choice

if TYPE_CHECKING:
    from lensmap.typing import CosmologyLike

__all__ = ["check_redshift", "concentration", "flat_masses", "halo_bias", "halo_counts",
           "mass_function"]

_MASS_FUNCTIONS = ("tinker08", "diemer20", "watson13", "despali16", "bocquet16")
_BIASES = ("tinker10", "comparat17")
_CONCENTRATIONS = ("diemer19", "duffy08", "ishiyama21", "child18", "ludlow16")

# The upper mass limit of integrals over the mass function.
_MAX_MASS_MSUN = 3e16


def flat_masses(mass: u.Quantity, name: str = "m200c") -> np.ndarray:
    """Check halo masses, and return them in solar masses as a one-dimensional array."""
    if not isinstance(mass, u.Quantity) or not mass.unit.is_equivalent(u.solMass):
        raise ParameterTypeError(name, "masses with a unit, such as 1e14 * u.solMass", repr(mass))
    value = mass.to_value(u.solMass)
    if not np.all(np.isfinite(value)) or np.any(value <= 0):
        raise ParameterError(
            name, "positive and finite",
            f"from {np.min(value):g} to {np.max(value):g} solar masses",
        )
    return np.ravel(np.asarray(value, dtype=float))


def check_redshift(z: float) -> float:
    """Check the redshift of a halo, and return it."""
    z = float(z)
    if not (np.isfinite(z) and z >= 0):
        raise ParameterError("z", "a finite redshift of at least 0", str(z))
    return z


def mass_function(
    m200c: u.Quantity, z: float, cosmology: CosmologyLike = None, *, model: str = "tinker08"
) -> u.Quantity:
    """Return the halo mass function, the number density per natural logarithm of the mass.

    Parameters
    ----------
    m200c : `~astropy.units.Quantity`
        Halo masses M200c (without h); any shape.
    z : float
        The redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.
    model : {"tinker08", "diemer20", "watson13", "despali16", "bocquet16"}
        The name of the fitting function in colossus.

    Returns
    -------
    `~astropy.units.Quantity`
        dn / dln M per comoving Mpc^3, with the same shape as ``m200c``.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range.

    References
    ----------
    Tinker et al. 2008, ApJ 688, 709; Diemer 2018, ApJS 239, 35 (colossus).
    """
    check_choice(model, "model", _MASS_FUNCTIONS)
    masses = flat_masses(m200c)
    from colossus.lss.mass_function import massFunction

    z = check_redshift(z)
    cold, sigma8 = cold_matter(z, cosmology)
    with colossus_cosmology(cosmology, sigma8=sigma8) as colossus:
        values = massFunction(
            masses / cold * colossus.h, z, q_in="M", q_out="dndlnM", mdef="200c", model=model,
        )
        values = values * colossus.h**3
    return values.reshape(np.shape(m200c)) / u.Mpc**3


def halo_bias(
    m200c: u.Quantity, z: float, cosmology: CosmologyLike = None, *, model: str = "tinker10"
) -> np.ndarray:
    """Return the linear halo bias.

    Parameters
    ----------
    m200c : `~astropy.units.Quantity`
        Halo masses M200c (without h); any shape.
    z : float
        The redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.
    model : {"tinker10", "comparat17"}
        The name of the fitting function in colossus.

    Returns
    -------
    `numpy.ndarray`
        The bias, with the same shape as ``m200c``.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range.

    References
    ----------
    Tinker et al. 2010, ApJ 724, 878.
    """
    check_choice(model, "model", _BIASES)
    masses = flat_masses(m200c)
    from colossus.lss.bias import haloBias

    z = check_redshift(z)
    cold, sigma8 = cold_matter(z, cosmology)
    with colossus_cosmology(cosmology, sigma8=sigma8) as colossus:
        values = haloBias(masses / cold * colossus.h, z, mdef="200c", model=model)
    return np.asarray(values).reshape(np.shape(m200c))


def concentration(
    m200c: u.Quantity, z: float, cosmology: CosmologyLike = None, *, model: str = "diemer19"
) -> np.ndarray:
    """Return the median concentration c200c of halos.

    Parameters
    ----------
    m200c : `~astropy.units.Quantity`
        Halo masses M200c (without h); any shape.
    z : float
        The redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.
    model : {"diemer19", "duffy08", "ishiyama21", "child18", "ludlow16"}
        The name of the concentration-mass relation in colossus.

    Returns
    -------
    `numpy.ndarray`
        The concentration, with the same shape as ``m200c``.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range, or the relation is not defined for a
        mass.

    References
    ----------
    Diemer & Joyce 2019, ApJ 871, 168; Duffy et al. 2008, MNRAS 390, L64.
    """
    check_choice(model, "model", _CONCENTRATIONS)
    masses = flat_masses(m200c)
    from colossus.halo.concentration import concentration as colossus_concentration

    z = check_redshift(z)
    cold, sigma8 = cold_matter(z, cosmology)
    with colossus_cosmology(cosmology, sigma8=sigma8) as colossus:
        values, _ = colossus_concentration(
            masses / cold * colossus.h, "200c", z, model=model, range_return=True,
            range_warning=False,
        )
    undefined = ~(np.isfinite(values) & (values > 0))
    if np.any(undefined):
        raise ValueError(
            f"the concentration model {model!r} is not defined for m200c = "
            f"{masses[undefined][0]:.3g} solar masses at z = {z}: choose another model or mass"
        )
    return np.asarray(values).reshape(np.shape(m200c))


def halo_counts(
    min_mass: u.Quantity,
    z_range: tuple[float, float],
    area: u.Quantity,
    cosmology: CosmologyLike = None,
    *,
    model: str = "tinker08",
) -> float:
    """Return the expected number of halos above a mass limit in an area of the sky.

    Parameters
    ----------
    min_mass : `~astropy.units.Quantity`
        The lower limit of M200c, a scalar.
    z_range : tuple of float
        The lowest and the highest redshift.
    area : `~astropy.units.Quantity`
        The solid angle of the area.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.
    model : str
        The name of the fitting function of the halo mass function, one of those that
        `mass_function` accepts.

    Returns
    -------
    float
        The expected number of halos.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range.

    Examples
    --------
    >>> from astropy import units as u
    >>> from lensmap.halos import halo_counts
    >>> print(f"{halo_counts(1e14 * u.solMass, (0.05, 1.0), 12.25 * u.deg**2):.0f}")
    217
    """
    low, high = map(float, z_range)
    if not 0 <= low < high:
        raise ParameterError(
            "z_range", "two redshifts (lowest, highest), increasing and at least 0", str(z_range)
        )
    if not isinstance(area, u.Quantity) or not area.unit.is_equivalent(u.sr) or not area > 0:
        raise ParameterError(
            "area", "a positive solid angle such as 10 * u.deg**2", repr(area)
        )
    flrw = get_cosmology(cosmology)
    ln_mass = np.linspace(
        np.log(flat_masses(min_mass, "min_mass")[0]), np.log(_MAX_MASS_MSUN), 200
    )
    nodes, weights = np.polynomial.legendre.leggauss(24)
    z = low + (high - low) * (nodes + 1) / 2
    total = 0.0
    for node, weight in zip(z, weights * (high - low) / 2, strict=True):
        density = mass_function(np.exp(ln_mass) * u.solMass, node, flrw, model=model)
        number = np.trapezoid(density.to_value(u.Mpc**-3), ln_mass)
        volume = flrw.differential_comoving_volume(node).to_value(u.Mpc**3 / u.sr)
        total += weight * number * volume
    return float(total * area.to_value(u.sr))
