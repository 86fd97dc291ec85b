# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`true_clusters`: the clusters of a true map, by projected mass."""

import warnings

from astropy import units as u
from astropy.table import QTable, hstack

from lensmap.maps import ConvergenceMap
from lensmap.peaks import find_peaks
from lensmap.profiles import projected_mass
from lensmap.typing import AngleLike, CosmologyLike, RedshiftLike
from lensmap.utils import MapWarning, ParameterTypeError, check_number

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
    """Find the clusters of a true map as defined in Cha et al. 2025: its peaks, by projected mass.

    These are not halos: the mass is that of a cylinder, with all matter at one redshift, and a
    peak may be several small halos along one line of sight. Completeness by this definition is a
    property of the reconstruction alone, and higher than the completeness of halos.

    Parameters
    ----------
    truth : `~lensmap.ConvergenceMap`
        The true map.
    z_lens : float
        The redshift assumed for all masses.
    z_source : float or `~lensmap.SourceRedshifts`
        The redshift of the sources, or their distribution.
    min_mass : `~astropy.units.Quantity`
        The minimum mass of a cluster.
    radius : `~astropy.units.Quantity`
        The radius of the cylinder, a proper length or an angle.
    min_separation : `~astropy.units.Quantity` or str
        The minimum distance of two peaks, as for `lensmap.find_peaks`; the higher one is kept.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    `~astropy.table.QTable`
        The columns of `lensmap.find_peaks` and ``mass`` (solar masses), ``kappa_mean`` and
        ``unmasked_fraction`` of `lensmap.profiles.projected_mass`; the highest peak first. Peaks
        with more than half of their circle masked or outside the map have no mass, and are left
        out.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used.

    Notes
    -----
    The paper does not state the redshift of its masses. At z = 0.3, for sources at 2.5, 1e14 solar
    masses within 1 Mpc correspond to a mean convergence of 0.014.

    References
    ----------
    Cha et al. 2025, sec. 3.4.
    """
    if not isinstance(min_mass, u.Quantity) or not min_mass.unit.is_equivalent(u.solMass):
        raise ParameterTypeError("min_mass", "a mass with a unit", repr(min_mass))
    check_number(min_mass.to_value(u.solMass), "min_mass", "0 or more", low=0)
    peaks = find_peaks(truth, 0.0, by="kappa", min_separation=min_separation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MapWarning)
        masses = projected_mass(truth, peaks, radius, z_lens=z_lens, z_source=z_source,
                                cosmology=cosmology)
    peaks = hstack([peaks, masses["mass", "kappa_mean", "unmasked_fraction"]])
    return peaks[peaks["mass"] >= min_mass]
