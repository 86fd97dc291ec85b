# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The surface mass density of a convergence map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, StdDevUncertainty

from lensmap.maps._recorded_sources import map_sources
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from lensmap.maps._convergence_map import ConvergenceMap
    from lensmap.typing import CosmologyLike, RedshiftLike

__all__ = ["surface_density"]


def surface_density(
    kappa: ConvergenceMap, z_lens: float, z_source: RedshiftLike | None, cosmology: CosmologyLike
) -> NDData:
    """Return the surface mass density of a map, as `ConvergenceMap.surface_density`.

    Parameters
    ----------
    kappa, z_lens, z_source, cosmology
        The map, and the parameters of the method.

    Returns
    -------
    `~astropy.nddata.NDData`
        The surface density.
    """
    from lensmap.cosmology import get_cosmology, sigma_crit  # here, because it is slow to import

    held = kappa.meta.get("quantity", "kappa")
    if held != "kappa":
        raise ParameterError(
            "surface_density", "of a map of kappa", f"of {held}", verb="be taken"
        )
    if np.ndim(z_lens) > 0:
        raise ParameterError("z_lens", "one redshift", f"an array of shape {np.shape(z_lens)}")
    flrw = get_cosmology(cosmology, structure=False)
    z_source = map_sources(kappa, z_source)
    critical = sigma_crit(z_lens, z_source, flrw)
    error = kappa.uncertainty
    return NDData(
        kappa.data * critical.value,
        uncertainty=None if error is None else StdDevUncertainty(error.array * critical.value),
        mask=kappa.mask.copy(),
        wcs=kappa.wcs.deepcopy(),
        unit=u.solMass / u.Mpc**2,
        meta={
            **kappa.meta,
            "quantity": "surface density",
            "z_lens": float(z_lens),
            "z_source": str(z_source),
            "sigma_crit": float(critical.value),
            "cosmology": flrw.name,
        },
    )
