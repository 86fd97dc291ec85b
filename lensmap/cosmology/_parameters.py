# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Astropy cosmologies with the parameters of structure formation, sigma8 and n."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy import cosmology as astropy_cosmology
from astropy.cosmology import FLRW, FlatLambdaCDM

from lensmap.cosmology._neutrinos import matter_density, neutrino_density
from lensmap.utils import ParameterError, ParameterTypeError

if TYPE_CHECKING:
    from lensmap.typing import CosmologyLike

__all__ = [
    "MASSIVENUS",
    "available_cosmologies",
    "cosmology_key",
    "get_cosmology",
]

#: The cosmology of the MassiveNuS simulations with massless neutrinos (Liu et al. 2018, JCAP 03,
#: 049), which are the training data of Cha et al. 2025. The value of sigma8 follows from
#: A_s = 2.1e-9.
MASSIVENUS = FlatLambdaCDM(
    H0=70.0,
    Om0=0.3,
    Ob0=0.046,
    Tcmb0=2.7255,
    Neff=3.046,
    name="massivenus",
    meta={"sigma8": 0.8496, "n": 0.97},
)

# The predefined cosmologies of astropy that have sigma8 and n in their meta.
_ASTROPY = ("Planck13", "Planck15", "Planck18", "WMAP9", "WMAP7", "WMAP5")

# The allowed ranges of the parameters of structure formation (exclusive).
_STRUCTURE_LIMITS = {"sigma8": (0.1, 3.0), "n": (0.3, 2.0)}


class CosmologyKey(NamedTuple):
    """The parameters of a cosmology as plain numbers, which can be the key of a cache.

    Attributes
    ----------
    H0, Ob0, Ode0, Ok0, w0, wa, Tcmb0, Neff : float
        The parameters of the same names in astropy; H0 in km/s/Mpc, Tcmb0 in K.
    Om0 : float
        The density parameter of all matter, massive neutrinos included, unlike astropy's.
    Onu0 : float
        The density parameter of massive neutrinos.
    m_nu : tuple of float
        The masses of the neutrino species in eV, massless ones included.
    sigma8, n : float
        The amplitude and the spectral index of the linear matter power spectrum.
    """

    H0: float
    Om0: float
    Ob0: float
    Ode0: float
    Ok0: float
    w0: float
    wa: float
    Tcmb0: float
    Neff: float
    Onu0: float
    m_nu: tuple[float, ...]
    sigma8: float
    n: float

    @property
    def massless_Neff(self) -> float:
        """The effective number of massless neutrino species."""
        if not any(self.m_nu):
            return self.Neff
        return self.Neff * self.m_nu.count(0.0) / len(self.m_nu)


def available_cosmologies() -> tuple[str, ...]:
    """Return the names of cosmologies that `get_cosmology` accepts.

    Returns
    -------
    tuple of str
        The names, such as ``"Planck18"``.
    """
    return ("massivenus", *_ASTROPY)


def get_cosmology(cosmology: CosmologyLike = None, *, structure: bool = True) -> FLRW:
    """Return a cosmology, given as an astropy object or by name, after checking its parameters.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`, str or None
        An astropy cosmology with ``sigma8`` and ``n`` (the spectral index) in its ``meta``, such
        as Planck18, or one of the names in `available_cosmologies`. None is ``"massivenus"``.
    structure : bool
        Whether to require ``sigma8``, ``n`` and a baryon density, which power spectra and halo
        abundances need but distances do not.

    Returns
    -------
    `~astropy.cosmology.FLRW`
        ``cosmology`` itself, or the cosmology of that name.

    Raises
    ------
    TypeError
        If ``cosmology`` is neither a cosmology nor a name.
    ValueError
        If the name is unknown, or a required parameter is missing or out of range.

    Examples
    --------
    >>> from astropy.cosmology import FlatLambdaCDM
    >>> from lensmap.cosmology import get_cosmology
    >>> mine = FlatLambdaCDM(H0=68, Om0=0.31, Ob0=0.048, Tcmb0=2.7255,
    ...                      meta={"sigma8": 0.81, "n": 0.965})
    >>> get_cosmology(mine) is mine
    True
    """
    if cosmology is None:
        return MASSIVENUS
    if isinstance(cosmology, str):
        names = {name.lower(): name for name in available_cosmologies()}
        if cosmology.lower() not in names:
            allowed = ", ".join(map(repr, names.values()))
            raise ParameterError(
                "cosmology", f"one of {allowed} or an astropy cosmology", repr(cosmology)
            )
        name = names[cosmology.lower()]
        return MASSIVENUS if name == "massivenus" else getattr(astropy_cosmology, name)
    if not isinstance(cosmology, FLRW):
        raise ParameterTypeError(
            "cosmology", "an astropy cosmology, the name of one such as 'Planck18', or None",
            type(cosmology).__name__,
        )
    if not structure:
        return cosmology
    for name, (low, high) in _STRUCTURE_LIMITS.items():
        value = cosmology.meta.get(name)
        if value is None:
            raise ParameterError(
                "cosmology",
                f"{name!r} in its meta, such as FlatLambdaCDM(..., meta={{'sigma8': 0.81, "
                "'n': 0.965})",
                remedy=f"its meta has only {', '.join(map(repr, cosmology.meta))}"
                if cosmology.meta else "its meta is empty",
                verb="have",
            )
        if not low < float(value) < high:
            raise ParameterError(
                "cosmology", f"{name} between {low} and {high}", str(value), verb="have"
            )
    if not cosmology.Ob0:
        raise ParameterError(
            "cosmology", "a baryon density", remedy="make it with Ob0=, such as Ob0=0.048",
            verb="have",
        )
    return cosmology


def cosmology_key(cosmology: FLRW) -> CosmologyKey:
    """Return the parameters of a cosmology as a key for caches.

    Astropy cosmologies are not hashable themselves.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        A cosmology with ``sigma8`` and ``n``, as returned by `get_cosmology`.

    Returns
    -------
    CosmologyKey
        The parameters.

    Raises
    ------
    ValueError
        If the dark energy has parameters other than w0 and wa.
    """
    if type(cosmology).__name__.removeprefix("Flat") not in ("LambdaCDM", "wCDM", "w0waCDM"):
        raise ParameterError(
            "cosmology",
            "an astropy LambdaCDM, wCDM or w0waCDM (flat or not), for which lensmap knows the "
            "growth of structure",
            type(cosmology).__name__,
        )
    return CosmologyKey(
        H0=float(cosmology.H0.value),
        Om0=matter_density(cosmology),
        Ob0=float(cosmology.Ob0),
        Ode0=float(cosmology.Ode0),
        Ok0=float(cosmology.Ok0),
        w0=float(getattr(cosmology, "w0", -1.0)),
        wa=float(getattr(cosmology, "wa", 0.0)),
        # Transfer functions need a positive CMB temperature.
        Tcmb0=float(cosmology.Tcmb0.value) or 2.7255,
        Neff=float(cosmology.Neff),
        Onu0=neutrino_density(cosmology),
        m_nu=() if cosmology.m_nu is None else tuple(
            map(float, np.atleast_1d(cosmology.m_nu.to_value("eV")))
        ),
        sigma8=float(cosmology.meta["sigma8"]),
        n=float(cosmology.meta["n"]),
    )
