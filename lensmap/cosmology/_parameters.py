# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Cosmologies of astropy, with the parameters of structure formation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from astropy import cosmology as astropy_cosmology
from astropy.cosmology import FLRW, FlatLambdaCDM

from lensmap.utils import ParameterError, ParameterTypeError

if TYPE_CHECKING:
    from lensmap.typing import CosmologyLike

__all__ = [
    "MASSIVENUS",
    "available_cosmologies",
    "cosmology_key",
    "get_cosmology",
]

#: The cosmology of the massless MassiveNuS simulations (Liu et al. 2018, JCAP 03, 049), the
#: training data of Cha et al. 2025; sigma8 follows from A_s = 2.1e-9.
MASSIVENUS = FlatLambdaCDM(
    H0=70.0,
    Om0=0.3,
    Ob0=0.046,
    Tcmb0=2.7255,
    Neff=3.046,
    name="massivenus",
    meta={"sigma8": 0.8496, "n": 0.97},
)

# Astropy's realizations with sigma8 and n in their meta.
_ASTROPY = ("Planck13", "Planck15", "Planck18", "WMAP9", "WMAP7", "WMAP5")

# Limits of the parameters of structure formation.
_STRUCTURE_LIMITS = {"sigma8": (0.1, 3.0), "n": (0.3, 2.0)}


class CosmologyKey(NamedTuple):
    """The parameters of a cosmology as hashable numbers.

    Attributes
    ----------
    H0, Om0, Ob0, Ode0, w0, wa, Tcmb0, Neff : float
        As of astropy; H0 in km/s/Mpc, Tcmb0 in K.
    sigma8, n : float
        The amplitude and the spectral index of the linear power.
    """

    H0: float
    Om0: float
    Ob0: float
    Ode0: float
    w0: float
    wa: float
    Tcmb0: float
    Neff: float
    sigma8: float
    n: float


def available_cosmologies() -> tuple[str, ...]:
    """Return the names of cosmologies for `get_cosmology`.

    Returns
    -------
    tuple of str
        The names.
    """
    return ("massivenus", *_ASTROPY)


def get_cosmology(cosmology: CosmologyLike = None, *, structure: bool = True) -> FLRW:
    """Return an astropy cosmology, with the parameters of structure formation if required.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`, str or None
        An astropy cosmology with ``sigma8`` and ``n`` (the spectral index) in its ``meta``, as
        astropy's Planck18; or a name of `available_cosmologies`; None is ``"massivenus"``.
    structure : bool
        Whether ``sigma8``, ``n`` and the baryon density are required; distances do not need them.

    Returns
    -------
    `~astropy.cosmology.FLRW`
        ``cosmology`` itself, or the named one.

    Raises
    ------
    TypeError
        If ``cosmology`` is neither a cosmology nor a name.
    ValueError
        If the name is unknown, or sigma8, n or the baryon density is missing or out of range.

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
            "cosmology", "an astropy cosmology or a name", type(cosmology).__name__
        )
    if not structure:
        return cosmology
    for name, (low, high) in _STRUCTURE_LIMITS.items():
        value = cosmology.meta.get(name)
        if value is None:
            raise ParameterError(
                "cosmology",
                f"{name} in its meta, such as FlatLambdaCDM(..., meta={{'sigma8': 0.81, "
                "'n': 0.965})",
                remedy=f"its meta has {', '.join(cosmology.meta) or 'no entries'}",
                verb="have",
            )
        if not low < float(value) < high:
            raise ParameterError(
                "cosmology", f"{name} between {low} and {high}", str(value), verb="have"
            )
    if not cosmology.Ob0:
        raise ParameterError(
            "cosmology", "a baryon density", remedy="give Ob0=, such as 0.048", verb="have"
        )
    return cosmology


def cosmology_key(cosmology: FLRW) -> CosmologyKey:
    """Return the parameters of a cosmology as a key of caches; astropy's are not hashable.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        A cosmology of `get_cosmology`.

    Returns
    -------
    CosmologyKey
        The parameters.

    Raises
    ------
    ValueError
        If the dark energy has other parameters than w0 and wa.
    """
    if type(cosmology).__name__.removeprefix("Flat") not in ("LambdaCDM", "wCDM", "w0waCDM"):
        raise ParameterError(
            "cosmology",
            "a LambdaCDM, wCDM or w0waCDM (flat or not) for the growth of structure",
            type(cosmology).__name__,
        )
    return CosmologyKey(
        H0=float(cosmology.H0.value),
        Om0=float(cosmology.Om0),
        Ob0=float(cosmology.Ob0),
        Ode0=float(cosmology.Ode0),
        w0=float(getattr(cosmology, "w0", -1.0)),
        wa=float(getattr(cosmology, "wa", 0.0)),
        # Transfer functions need a positive temperature.
        Tcmb0=float(cosmology.Tcmb0.value) or 2.7255,
        Neff=float(cosmology.Neff),
        sigma8=float(cosmology.meta["sigma8"]),
        n=float(cosmology.meta["n"]),
    )
