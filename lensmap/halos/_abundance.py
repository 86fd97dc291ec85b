# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How many halos there are, how they cluster and how concentrated they are: through colossus.

Masses go in and come out in solar masses without h, lengths in Mpc without h.
"""

import numpy as np
from astropy import units as u

from lensmap.cosmology import colossus_cosmology, get_cosmology
from lensmap.utils import check_choice

__all__ = ["concentration", "convert_mass", "halo_bias", "halo_counts", "mass_function"]

_MASS_FUNCTIONS = ("tinker08", "diemer20", "watson13", "despali16", "bocquet16")
_BIASES = ("tinker10", "comparat17")
_CONCENTRATIONS = ("diemer19", "duffy08", "ishiyama21", "child18", "ludlow16")


def _masses(m, name="m200c"):
    """Return masses as a flat array in solar masses: colossus knows one dimension only."""
    if not isinstance(m, u.Quantity) or not m.unit.is_equivalent(u.solMass):
        raise TypeError(f"{name} must be masses with a unit, such as 1e14 * u.solMass, not {m!r}")
    value = m.to_value(u.solMass)
    if not np.all(np.isfinite(value)) or np.any(value <= 0):
        raise ValueError(f"{name} must be positive and finite, but reaches from {np.min(value):g} "
                         f"to {np.max(value):g} solar masses")
    return np.ravel(np.asarray(value, dtype=float))


def _redshift(z):
    z = float(z)
    if not (np.isfinite(z) and z >= 0):
        raise ValueError(f"z must be finite and not negative, not {z}")
    return z


def mass_function(m200c, z, cosmology=None, *, model="tinker08"):
    """Return the number density of halos per logarithm of the mass.

    Parameters
    ----------
    m200c : `~astropy.units.Quantity`
        Masses M200c, any shape.
    z : float
        The redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    model : {"tinker08", "diemer20", "watson13", "despali16", "bocquet16"}
        The fit, as colossus names it.

    Returns
    -------
    `~astropy.units.Quantity`
        dn / dln M per comoving Mpc^3, of the shape of ``m200c``.

    References
    ----------
    Tinker et al. 2008, ApJ 688, 709; Diemer 2018, ApJS 239, 35 (colossus).
    """
    check_choice(model, "model", _MASS_FUNCTIONS)
    masses = _masses(m200c)
    from colossus.lss.mass_function import massFunction

    with colossus_cosmology(cosmology) as colossus:
        values = massFunction(
            masses * colossus.h, _redshift(z), q_in="M", q_out="dndlnM", mdef="200c", model=model
        )
        values = values * colossus.h**3
    return values.reshape(np.shape(m200c)) / u.Mpc**3


def halo_bias(m200c, z, cosmology=None, *, model="tinker10"):
    """Return the linear bias of halos.

    Parameters
    ----------
    m200c : `~astropy.units.Quantity`
        Masses M200c, any shape.
    z : float
        The redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    model : {"tinker10", "comparat17"}
        The fit, as colossus names it.

    Returns
    -------
    `numpy.ndarray`
        Of the shape of ``m200c``.

    References
    ----------
    Tinker et al. 2010, ApJ 724, 878.
    """
    check_choice(model, "model", _BIASES)
    masses = _masses(m200c)
    from colossus.lss.bias import haloBias

    with colossus_cosmology(cosmology) as colossus:
        values = haloBias(masses * colossus.h, _redshift(z), mdef="200c", model=model)
    return np.asarray(values).reshape(np.shape(m200c))


def concentration(m200c, z, cosmology=None, *, model="diemer19"):
    """Return the median concentration c200c of halos.

    Parameters
    ----------
    m200c : `~astropy.units.Quantity`
        Masses M200c, any shape.
    z : float
        The redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    model : {"diemer19", "duffy08", "ishiyama21", "child18", "ludlow16"}
        The relation, as colossus names it.

    Returns
    -------
    `numpy.ndarray`
        Of the shape of ``m200c``.

    References
    ----------
    Diemer & Joyce 2019, ApJ 871, 168; Duffy et al. 2008, MNRAS 390, L64.
    """
    check_choice(model, "model", _CONCENTRATIONS)
    masses = _masses(m200c)
    from colossus.halo.concentration import concentration as colossus_concentration

    with colossus_cosmology(cosmology) as colossus:
        values, good = colossus_concentration(
            masses * colossus.h, "200c", _redshift(z), model=model, range_return=True,
            range_warning=False,
        )
    if not np.all(np.isfinite(values) & (values > 0)):
        raise ValueError(f"model {model!r} has no concentration for some m200c at z={z}")
    return np.asarray(values).reshape(np.shape(m200c))


def convert_mass(mass, c, z, mdef_in, mdef_out, cosmology=None):
    """Convert the mass of an NFW halo to another definition.

    Parameters
    ----------
    mass : `~astropy.units.Quantity`
        The mass in the definition ``mdef_in``, any shape.
    c : float or array_like
        The concentration in that definition.
    z : float
        The redshift.
    mdef_in, mdef_out : str
        ``"200c"``, ``"500c"``, ``"200m"``, ``"vir"``, ...
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    mass : `~astropy.units.Quantity`
        In the definition ``mdef_out``, solar masses.
    radius : `~astropy.units.Quantity`
        The radius that belongs to it, proper Mpc.
    c : `numpy.ndarray`
        The concentration that belongs to it.
    """
    masses = _masses(mass, "mass")
    c = np.ravel(np.broadcast_to(np.asarray(c, dtype=float), np.shape(mass)))
    if not np.all(np.isfinite(c) & (c > 0)):
        raise ValueError(f"c must be positive and finite, not {c}")
    for name, mdef in (("mdef_in", mdef_in), ("mdef_out", mdef_out)):
        if not (mdef == "vir" or (isinstance(mdef, str) and mdef[:-1].isdigit()
                                  and mdef[-1] in "cm")):
            raise ValueError(
                f"{name} must be such as '200c', '500c', '200m' or 'vir', not {mdef!r}"
            )
    from colossus.halo.mass_defs import changeMassDefinition

    with colossus_cosmology(cosmology) as colossus:
        m, r, c = changeMassDefinition(masses * colossus.h, c, _redshift(z), mdef_in, mdef_out)
        h = colossus.h
    shape = np.shape(mass)
    return (
        (m / h).reshape(shape) * u.solMass,
        (r / h / 1000).reshape(shape) * u.Mpc,
        np.asarray(c).reshape(shape),
    )


def halo_counts(min_mass, z_range, area, cosmology=None, *, model="tinker08"):
    """Return the mean number of halos above a mass in a patch of sky.

    Parameters
    ----------
    min_mass : `~astropy.units.Quantity`
        The lowest M200c, one mass.
    z_range : tuple of float
        The lowest and the highest redshift.
    area : `~astropy.units.Quantity`
        A solid angle.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    model : str
        As for `mass_function`.

    Returns
    -------
    float
        The mean number.

    Examples
    --------
    >>> from astropy import units as u
    >>> from lensmap.halos import halo_counts
    >>> print(f"{halo_counts(1e14 * u.solMass, (0.05, 1.0), 12.25 * u.deg**2):.0f}")
    217
    """
    low, high = map(float, z_range)
    if not 0 <= low < high:
        raise ValueError(f"z_range must rise and not be negative, not {z_range}")
    if not isinstance(area, u.Quantity) or not area.unit.is_equivalent(u.sr) or not area > 0:
        raise ValueError(f"area must be a positive solid angle such as 10 * u.deg**2, not {area!r}")
    cosmology = get_cosmology(cosmology)
    log_m = np.linspace(np.log(_masses(min_mass, "min_mass")[0]), np.log(3e16), 200)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    z = low + (high - low) * (nodes + 1) / 2
    total = 0.0
    for one, weight in zip(z, weights * (high - low) / 2, strict=True):
        density = mass_function(np.exp(log_m) * u.solMass, one, cosmology, model=model)
        number = np.trapezoid(density.to_value(u.Mpc**-3), log_m)
        volume = cosmology.differential_comoving_volume(one).to_value(u.Mpc**3 / u.sr)
        total += weight * number * volume
    return float(total * area.to_value(u.sr))
