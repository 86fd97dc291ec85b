# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Use of the package colossus, which computes power spectra and halo properties.

Colossus has a global cosmology and a cache in the home directory. Neither is changed.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from lensmap.cosmology._parameters import cosmology_key, get_cosmology
from lensmap.utils import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colossus.cosmology.cosmology import Cosmology

    from lensmap.cosmology._parameters import CosmologyKey
    from lensmap.typing import CosmologyLike

__all__ = ["colossus_cosmology"]

# The current cosmology of colossus is global to the process, so only one thread may set it.
_LOCK = threading.RLock()


@contextmanager
def colossus_cosmology(cosmology: CosmologyLike = None) -> Iterator[Cosmology]:
    """Set the current cosmology of colossus within a ``with`` block.

    The previous cosmology is restored at the end of the block, even after an error. Nothing is
    written to the home directory. Other threads wait until the block ends.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See `get_cosmology`.

    Yields
    ------
    colossus.cosmology.cosmology.Cosmology
        The colossus cosmology. Its masses are in Msun/h, and its lengths in comoving Mpc/h.

    Notes
    -----
    Colossus has no massive neutrinos, so all neutrinos of the astropy cosmology are treated as
    massless.

    References
    ----------
    Diemer 2018, ApJS 239, 35 (colossus).
    """
    from colossus import settings
    from colossus.cosmology import cosmology as colossus

    key = cosmology_key(get_cosmology(cosmology))
    with _LOCK, temporary_folder("lensmap-colossus-") as cache:
        users_cosmology, users_folder = colossus.current_cosmo, settings.BASE_DIR
        settings.BASE_DIR = cache
        try:
            current = _as_colossus(key)
            colossus.setCurrent(current)
            yield current
        finally:
            colossus.setCurrent(users_cosmology)
            settings.BASE_DIR = users_folder


@lru_cache(maxsize=8)
def _as_colossus(key: CosmologyKey) -> Cosmology:
    from colossus.cosmology.cosmology import Cosmology

    # In a flat cosmology, the density parameters of matter and dark energy add up to 1 minus that
    # of radiation.
    flat = abs(1.0 - key.Om0 - key.Ode0) < 2e-3
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
