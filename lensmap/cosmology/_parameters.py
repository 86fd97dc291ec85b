# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which cosmology is meant: astropy's objects, with the two numbers that structure needs."""

from collections import namedtuple

from astropy import cosmology as astropy_cosmology
from astropy.cosmology import FLRW, FlatLambdaCDM

__all__ = [
    "MASSIVENUS",
    "available_cosmologies",
    "cosmology_key",
    "get_cosmology",
]

#: The cosmology of the massless MassiveNuS simulations (Liu et al. 2018, JCAP 03, 049), which the
#: networks of Cha et al. 2025 were trained on; sigma8 follows from their A_s = 2.1e-9.
MASSIVENUS = FlatLambdaCDM(
    H0=70.0,
    Om0=0.3,
    Ob0=0.046,
    Tcmb0=2.7255,
    Neff=3.046,
    name="massivenus",
    meta={"sigma8": 0.8496, "n": 0.97},
)

# Astropy's realizations whose meta has sigma8 and n.
_ASTROPY = ("Planck13", "Planck15", "Planck18", "WMAP9", "WMAP7", "WMAP5")

_STRUCTURE = {"sigma8": (0.1, 3.0), "n": (0.3, 2.0)}

CosmologyKey = namedtuple(
    "CosmologyKey", ["H0", "Om0", "Ob0", "Ode0", "w0", "wa", "Tcmb0", "Neff", "sigma8", "n"]
)


def available_cosmologies():
    """Return the names that `get_cosmology` knows.

    Returns
    -------
    tuple of str
        The names.
    """
    return ("massivenus", *_ASTROPY)


def get_cosmology(cosmology=None, *, structure=True):
    """Return an astropy cosmology, which also says how structure is if that is needed.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`, str or None
        An astropy cosmology whose ``meta`` holds ``sigma8`` and ``n`` (the spectral index), as
        astropy's own Planck18 has them; or the name of one (see `available_cosmologies`); None
        is ``"massivenus"``.
    structure : bool
        Whether it must say ``sigma8``, ``n`` and the density of baryons; distances do not need
        them.

    Returns
    -------
    `~astropy.cosmology.FLRW`
        The cosmology itself, or the named one.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If the name is unknown, or sigma8, n or the density of baryons is missing or impossible.

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
        known = {name.lower(): name for name in available_cosmologies()}
        if cosmology.lower() not in known:
            raise ValueError(
                f"cosmology must be one of {', '.join(map(repr, known.values()))} or an astropy "
                f"cosmology, not {cosmology!r}"
            )
        name = known[cosmology.lower()]
        return MASSIVENUS if name == "massivenus" else getattr(astropy_cosmology, name)
    if not isinstance(cosmology, FLRW):
        raise TypeError(
            f"cosmology must be an astropy cosmology or a name, not {type(cosmology).__name__}"
        )
    if not structure:
        return cosmology
    for name, (low, high) in _STRUCTURE.items():
        value = cosmology.meta.get(name)
        if value is None:
            raise ValueError(
                f"cosmology must say {name} in its meta, such as FlatLambdaCDM(..., "
                "meta={'sigma8': 0.81, 'n': 0.965}); it has "
                f"{', '.join(cosmology.meta) or 'nothing there'}"
            )
        if not low < float(value) < high:
            raise ValueError(f"cosmology: {name} must be between {low} and {high}, not {value}")
    if not cosmology.Ob0:
        raise ValueError("cosmology must say its density of baryons: give Ob0=, such as 0.048")
    return cosmology


def cosmology_key(cosmology):
    """Return the numbers of a cosmology: what tables are kept by, since astropy's are not hashable.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        As `get_cosmology` gives it.

    Returns
    -------
    CosmologyKey
        A named tuple of floats: H0 (km/s/Mpc), Om0, Ob0, Ode0, w0, wa, Tcmb0 (K), Neff, sigma8, n.

    Raises
    ------
    ValueError
        If dark energy is of a kind that has more parameters.
    """
    if type(cosmology).__name__.removeprefix("Flat") not in ("LambdaCDM", "wCDM", "w0waCDM"):
        raise ValueError(
            "cosmology must be a LambdaCDM, wCDM or w0waCDM (flat or not) for the growth of "
            f"structure, not {type(cosmology).__name__}"
        )
    return CosmologyKey(
        H0=float(cosmology.H0.value),
        Om0=float(cosmology.Om0),
        Ob0=float(cosmology.Ob0),
        Ode0=float(cosmology.Ode0),
        w0=float(getattr(cosmology, "w0", -1.0)),
        wa=float(getattr(cosmology, "wa", 0.0)),
        Tcmb0=float(cosmology.Tcmb0.value) or 2.7255,  # transfer functions need one
        Neff=float(cosmology.Neff),
        sigma8=float(cosmology.meta["sigma8"]),
        n=float(cosmology.meta["n"]),
    )
