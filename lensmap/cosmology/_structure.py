# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The one door to colossus, which keeps a current cosmology and a cache in the user's home.

Inside the door both are lensmap's; outside they are as they were, whatever happens.
"""

import tempfile
import threading
from contextlib import contextmanager
from functools import lru_cache

from lensmap.cosmology._parameters import cosmology_key, get_cosmology

__all__ = ["colossus_cosmology"]

# colossus has one current cosmology for the whole process.
_LOCK = threading.RLock()


@contextmanager
def colossus_cosmology(cosmology=None):
    """Make a cosmology the current one of colossus for the time of a ``with`` block.

    The current cosmology of the user comes back afterwards, nothing is written to the home
    directory, and threads wait for each other.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `get_cosmology`.

    Yields
    ------
    colossus.cosmology.cosmology.Cosmology
        The same as colossus sees it; masses there are in Msun/h and lengths in comoving Mpc/h.

    Notes
    -----
    Massive neutrinos of an astropy cosmology are counted as matter: colossus knows none.

    References
    ----------
    Diemer 2018, ApJS 239, 35 (colossus).
    """
    from colossus import settings
    from colossus.cosmology import cosmology as colossus

    key = cosmology_key(get_cosmology(cosmology))
    with _LOCK, tempfile.TemporaryDirectory(prefix="lensmap-colossus-") as cache:
        before, base = colossus.current_cosmo, settings.BASE_DIR
        settings.BASE_DIR = cache
        try:
            mine = _as_colossus(key)
            colossus.setCurrent(mine)
            yield mine
        finally:
            colossus.setCurrent(before)
            settings.BASE_DIR = base


@lru_cache(maxsize=8)
def _as_colossus(key):
    from colossus.cosmology.cosmology import Cosmology

    flat = abs(1.0 - key.Om0 - key.Ode0) < 2e-3  # radiation is the difference
    dark_energy = {}
    if (key.w0, key.wa) != (-1.0, 0.0):
        dark_energy = {"de_model": "w0wa", "w0": key.w0, "wa": key.wa}
    return Cosmology(
        name="lensmap",
        flat=flat,
        Ode0=None if flat else key.Ode0,
        H0=key.H0,
        Om0=key.Om0,
        Ob0=key.Ob0,
        Tcmb0=key.Tcmb0,
        Neff=key.Neff,
        sigma8=key.sigma8,
        ns=key.n,
        persistence="",
        **dark_energy,
    )
