# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The density of massive neutrinos.

Astropy's ``Om0`` leaves massive neutrinos out. At the redshifts of lensing they are matter: they
deflect light, but cluster on large scales only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["DENSITY_PER_SPECIES", "matter_density", "neutrino_density"]

#: The energy density of one massless neutrino species divided by that of photons.
DENSITY_PER_SPECIES = 7 / 8 * (4 / 11) ** (4 / 3)


def neutrino_density(cosmology: FLRW) -> float:
    """Return the density parameter of massive neutrinos today.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    float
        The part of ``Onu0`` in species with a mass; 0 if all neutrinos are massless.
    """
    if not cosmology.has_massive_nu:
        return 0.0
    massless = np.mean(np.asarray(cosmology.m_nu.value) == 0) * float(cosmology.Neff)
    return float(cosmology.Onu0 - DENSITY_PER_SPECIES * massless * cosmology.Ogamma0)


def matter_density(cosmology: FLRW) -> float:
    """Return the density parameter of all matter today, massive neutrinos included.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    float
        ``Om0`` plus the density parameter of massive neutrinos.
    """
    return float(cosmology.Om0) + neutrino_density(cosmology)
