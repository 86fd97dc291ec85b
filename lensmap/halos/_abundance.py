# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Abundance, bias, concentration and mass definitions of halos, computed by colossus.

Masses are in solar masses and lengths in Mpc, both without h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.cosmology import colossus_cosmology, get_cosmology
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    check_choice,
    check_plausible,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.typing import CosmologyLike

__all__ = ["concentration", "convert_mass", "halo_bias", "halo_counts", "mass_function"]

_MASS_FUNCTIONS = ("tinker08", "diemer20", "watson13", "despali16", "bocquet16")
_BIASES = ("tinker10", "comparat17")
_CONCENTRATIONS = ("diemer19", "duffy08", "ishiyama21", "child18", "ludlow16")

# The upper mass limit of integrals over the mass function.
_MAX_MASS_MSUN = 3e16


def _flat_masses(mass: u.Quantity, name: str = "m200c") -> np.ndarray:
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


def _check_redshift(z: float) -> float:
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
    masses = _flat_masses(m200c)
    from colossus.lss.mass_function import massFunction

    with colossus_cosmology(cosmology) as colossus:
        values = massFunction(
            masses * colossus.h, _check_redshift(z), q_in="M", q_out="dndlnM", mdef="200c",
            model=model,
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
    masses = _flat_masses(m200c)
    from colossus.lss.bias import haloBias

    with colossus_cosmology(cosmology) as colossus:
        values = haloBias(masses * colossus.h, _check_redshift(z), mdef="200c", model=model)
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
    masses = _flat_masses(m200c)
    from colossus.halo.concentration import concentration as colossus_concentration

    with colossus_cosmology(cosmology) as colossus:
        values, _ = colossus_concentration(
            masses * colossus.h, "200c", _check_redshift(z), model=model, range_return=True,
            range_warning=False,
        )
    undefined = ~(np.isfinite(values) & (values > 0))
    if np.any(undefined):
        raise ValueError(
            f"the concentration model {model!r} is not defined for m200c = "
            f"{masses[undefined][0]:.3g} solar masses at z = {z}: choose another model or mass"
        )
    return np.asarray(values).reshape(np.shape(m200c))


def convert_mass(
    mass: u.Quantity,
    c: ArrayLike,
    z: float,
    mdef_in: str,
    mdef_out: str,
    cosmology: CosmologyLike = None,
) -> tuple[u.Quantity, u.Quantity, np.ndarray]:
    """Convert masses of NFW halos from one mass definition to another.

    Parameters
    ----------
    mass : `~astropy.units.Quantity`
        Masses in the definition ``mdef_in`` (without h); any shape.
    c : float or array_like
        Concentrations in the definition ``mdef_in``, broadcast to the shape of ``mass``.
    z : float
        The redshift.
    mdef_in, mdef_out : str
        The mass definitions of the input and the output: ``"200c"``, ``"500c"``, ``"200m"``,
        ``"vir"``, ...
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    mass : `~astropy.units.Quantity`
        Masses in the definition ``mdef_out``, solar masses.
    radius : `~astropy.units.Quantity`
        The halo radii in the definition ``mdef_out``, proper Mpc.
    c : `numpy.ndarray`
        The concentrations in the definition ``mdef_out``.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range.
    """
    masses = _flat_masses(mass, "mass")
    c = np.ravel(np.broadcast_to(np.asarray(c, dtype=float), np.shape(mass)))
    invalid = ~(np.isfinite(c) & (c > 0))
    if np.any(invalid):
        raise ParameterError("c", "a positive finite concentration", str(c[invalid][0]))
    check_plausible(c, "c", "a concentration")
    for name, mdef in (("mdef_in", mdef_in), ("mdef_out", mdef_out)):
        if not (mdef == "vir" or (isinstance(mdef, str) and mdef[:-1].isdigit()
                                  and mdef[-1] in "cm")):
            raise ParameterError(
                name, "a mass definition such as '200c', '500c', '200m' or 'vir'", repr(mdef)
            )
    from colossus.halo.mass_defs import changeMassDefinition

    with colossus_cosmology(cosmology) as colossus:
        m, r, c = changeMassDefinition(
            masses * colossus.h, c, _check_redshift(z), mdef_in, mdef_out
        )
        h = colossus.h
    shape = np.shape(mass)
    return (
        (m / h).reshape(shape) * u.solMass,
        (r / h / 1000).reshape(shape) * u.Mpc,
        np.asarray(c).reshape(shape),
    )


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
        np.log(_flat_masses(min_mass, "min_mass")[0]), np.log(_MAX_MASS_MSUN), 200
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
