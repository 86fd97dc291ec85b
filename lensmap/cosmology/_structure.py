# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Use of the package colossus, which computes power spectra and halo properties.

Colossus has a global cosmology and a cache in the home directory. Neither is changed.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from lensmap.cosmology._parameters import CosmologyKey, cosmology_key, get_cosmology
from lensmap.utils import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colossus.cosmology.cosmology import Cosmology

    from lensmap.typing import CosmologyLike

__all__ = ["colossus_cosmology"]

# The current cosmology of colossus is global to the process, so only one thread may set it.
_LOCK = threading.RLock()

# The largest |Ok0| that counts as flat: rounding errors.
_MAX_FLAT_CURVATURE = 1e-6


@contextmanager
def colossus_cosmology(
    cosmology: CosmologyLike | CosmologyKey = None, *, sigma8: float | None = None
) -> Iterator[Cosmology]:
    """Set the current cosmology of colossus within a ``with`` block.

    The previous cosmology is restored at the end of the block, even after an error. Nothing is
    written to the home directory. Other threads wait until the block ends.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`, str, CosmologyKey or None
        The cosmology, its name or its parameters; None is ``"massivenus"``. See `get_cosmology`.
    sigma8 : float or None
        The amplitude of the linear power spectrum; None is that of the cosmology.

    Yields
    ------
    colossus.cosmology.cosmology.Cosmology
        The colossus cosmology. Its masses are in Msun/h, and its lengths in comoving Mpc/h.

    Notes
    -----
    Colossus has no massive neutrinos. Their density counts as matter, and their effect on the
    growth of structure is added by `linear_power` and `cold_matter`.

    References
    ----------
    Diemer 2018, ApJS 239, 35 (colossus).
    """
    from colossus import settings
    from colossus.cosmology import cosmology as colossus

    key = cosmology if isinstance(cosmology, CosmologyKey) else cosmology_key(
        get_cosmology(cosmology)
    )
    if sigma8 is not None:
        key = key._replace(sigma8=sigma8)
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


@lru_cache(maxsize=16)
def _as_colossus(key: CosmologyKey) -> Cosmology:
    from colossus.cosmology.cosmology import Cosmology

    flat = abs(key.Ok0) < _MAX_FLAT_CURVATURE
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
        Neff=key.massless_Neff,
        sigma8=key.sigma8,
        ns=key.n,
        persistence="",
        **dark_energy,
    )
