# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The redshift distribution of the sources that a map records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from lensmap.maps._convergence_map import ConvergenceMap
    from lensmap.typing import RedshiftLike

__all__ = ["map_sources"]


def map_sources(kappa: ConvergenceMap, z_source: RedshiftLike | None) -> RedshiftLike:
    """Return the redshift of the sources of a map, or their distribution.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The redshift or the distribution, returned unchanged. None takes the distribution in the
        meta of the map, which maps of the galaxies behind a lens (`ShearCatalog.behind`) have.

    Returns
    -------
    float or `lensmap.cosmology.SourceRedshifts`
        The redshift or the distribution.

    Raises
    ------
    ValueError
        If ``z_source`` is None, and the map has no distribution.
    """
    if z_source is not None:
        return z_source
    facts = kappa.meta.get("catalog")
    selection = facts.get("source_selection") if isinstance(facts, dict) else None
    redshifts = selection.get("redshifts") if isinstance(selection, dict) else None
    if not isinstance(redshifts, dict):
        raise ParameterError(
            "z_source",
            "the redshift of the galaxies that made the map, or their redshift distribution",
            "None: the map does not record it", "only maps of galaxies that ShearCatalog.behind "
            "(--behind) selected record it",
        )
    from lensmap.cosmology import SourceRedshifts  # here, because it is slow to import

    return SourceRedshifts(redshifts["z"], redshifts["n"])
