# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`true_clusters`: the clusters of a true map, defined by their projected mass."""

from astropy import units as u
from astropy.table import QTable, hstack

from lensmap.maps import ConvergenceMap
from lensmap.peaks import find_peaks
from lensmap.profiles import projected_mass
from lensmap.typing import AngleLike, CosmologyLike, RedshiftLike
from lensmap.utils import MapWarning, ParameterTypeError, check_number, without_warnings

__all__ = ["true_clusters"]


def true_clusters(
    truth: ConvergenceMap,
    *,
    z_lens: float = 0.3,
    z_source: RedshiftLike,
    min_mass: u.Quantity = 1e14 * u.solMass,
    radius: u.Quantity | str = 1 * u.Mpc,
    min_separation: AngleLike = "2.4 arcmin",
    cosmology: CosmologyLike = None,
) -> QTable:
    """Find the clusters of a true map: its peaks above a projected mass (Cha et al. 2025).

    These clusters are not halos. Their mass is the projected mass in a cylinder, assuming that all
    matter is at one redshift, and a peak may consist of several small halos along the line of
    sight. Completeness with this definition tests the reconstruction alone, and it is higher than
    the completeness for halos.

    Parameters
    ----------
    truth : `~lensmap.ConvergenceMap`
        The true map.
    z_lens : float
        The lens redshift assumed for all matter.
    z_source : float or `~lensmap.SourceRedshifts`
        The source redshift, or the redshift distribution of the sources.
    min_mass : `~astropy.units.Quantity`
        The minimum projected mass of a cluster.
    radius : `~astropy.units.Quantity`
        The radius of the cylinder, a proper length or an angle.
    min_separation : `~astropy.units.Quantity` or str
        The minimum separation of two peaks, an angle. Of two closer peaks, the higher peak is kept.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name in astropy. If None, lensmap's default cosmology.

    Returns
    -------
    `~astropy.table.QTable`
        The clusters, the highest peak first. The columns are those of `lensmap.find_peaks`, and
        ``mass`` (solar masses), ``kappa_mean`` and ``unmasked_fraction`` as returned by
        `lensmap.profiles.projected_mass`. A peak is left out if more than half of the circle
        within ``radius`` is masked or outside the map, since its mass cannot be measured.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    Notes
    -----
    The paper does not state the lens redshift that it assumes. For lenses at redshift 0.3 and
    sources at redshift 2.5, 1e14 solar masses within 1 proper Mpc correspond to a mean convergence
    of 0.014.

    References
    ----------
    Cha et al. 2025, sec. 3.4.
    """
    if not isinstance(min_mass, u.Quantity) or not min_mass.unit.is_equivalent(u.solMass):
        raise ParameterTypeError(
            "min_mass", "a mass with a unit, such as 1e14 * u.solMass", repr(min_mass)
        )
    check_number(min_mass.to_value(u.solMass), "min_mass", "0 or more solar masses", low=0)
    peaks = find_peaks(truth, 0.0, by="kappa", min_separation=min_separation)
    with without_warnings(MapWarning):
        masses = projected_mass(truth, peaks, radius, z_lens=z_lens, z_source=z_source,
                                cosmology=cosmology)
    peaks = hstack([peaks, masses["mass", "kappa_mean", "unmasked_fraction"]])
    return peaks[peaks["mass"] >= min_mass]
