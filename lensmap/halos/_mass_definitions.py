# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Conversion of NFW masses between definitions. It needs densities alone, no power spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from scipy.optimize import brentq

from lensmap.cosmology import get_cosmology, matter_density
from lensmap.halos._abundance import check_redshift, flat_masses
from lensmap.halos._profiles import nfw_mass
from lensmap.utils import ParameterError, check_plausible

if TYPE_CHECKING:
    from astropy.cosmology import FLRW
    from numpy.typing import ArrayLike

    from lensmap.typing import CosmologyLike

__all__ = ["convert_mass"]


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
        The mass definitions of the input and the output: ``"200c"``, ``"500c"``, ... for a multiple
        of the critical density, ``"200m"``, ... for one of the mean matter density (massive
        neutrinos included), and ``"vir"`` for the virial density.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`. ``sigma8`` and ``n`` are not needed.

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

    References
    ----------
    Hu & Kravtsov 2003, ApJ 584, 702, app. C; Bryan & Norman 1998, ApJ 495, 80, eq. 6 (virial
    density).

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.cosmology import FlatLambdaCDM
    >>> from lensmap.halos import convert_mass
    >>> mass, radius, c = convert_mass(1e15 * u.solMass, 4, 0.3, "200c", "500c",
    ...                                FlatLambdaCDM(70, 0.3))
    >>> print(f"{mass:.3e}")
    6.919e+14 solMass
    """
    masses = flat_masses(mass, "mass")
    c = np.ravel(np.broadcast_to(np.asarray(c, dtype=float), np.shape(mass)))
    invalid = ~(np.isfinite(c) & (c > 0))
    if np.any(invalid):
        raise ParameterError("c", "a positive finite concentration", str(c[invalid][0]))
    check_plausible(c, "c", "a concentration")
    flrw, z = get_cosmology(cosmology, structure=False), check_redshift(z)
    density_in = _density(mdef_in, "mdef_in", z, flrw)
    density_out = _density(mdef_out, "mdef_out", z, flrw)
    c_out = np.array([_solve(one, density_out / density_in) for one in c])
    mass_out = masses * nfw_mass(c_out) / nfw_mass(c)
    radius = (3 * mass_out / (4 * np.pi * density_out)) ** (1 / 3)
    shape = np.shape(mass)
    return mass_out.reshape(shape) * u.solMass, radius.reshape(shape) * u.Mpc, c_out.reshape(shape)


def _density(mdef: str, name: str, z: float, cosmology: FLRW) -> float:
    """Return the mean density of a halo in a mass definition, in solar masses per proper Mpc^3."""
    critical = float(cosmology.critical_density(z).to_value(u.solMass / u.Mpc**3))
    matter = matter_density(cosmology) * (1 + z) ** 3 * float(cosmology.inv_efunc(z)) ** 2
    if mdef == "vir":
        x = matter - 1
        return critical * (18 * np.pi**2 + 82 * x - 39 * x**2)
    number = mdef[:-1] if isinstance(mdef, str) else ""
    if not (number.isdecimal() and number.isascii() and int(number) > 0 and mdef[-1] in "cm"):
        raise ParameterError(
            name, "a mass definition such as '200c', '500c', '200m' or 'vir'", repr(mdef)
        )
    return critical * int(number) * (matter if mdef[-1] == "m" else 1.0)


def _solve(c: float, density_ratio: float) -> float:
    """Return the concentration at which the mean density is a multiple of that at ``c``."""

    def excess(ln_x: float) -> float:
        """Return the logarithm of the mean density within a radius, above the wanted one."""
        x = np.exp(ln_x)
        return float(np.log(nfw_mass(x) / nfw_mass(c)) - 3 * np.log(x / c) - np.log(density_ratio))

    # The mean density falls as radius^-1 near the center and more steeply outside.
    step = np.log(density_ratio)
    low, high = sorted((np.log(c) - step, np.log(c)))
    return float(np.exp(brentq(excess, low - 1e-9, high + 1e-9, xtol=1e-13)))
