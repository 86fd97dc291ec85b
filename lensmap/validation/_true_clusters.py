# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`true_clusters`: what counts as a cluster where a map is held against the true one."""

import warnings

from astropy import units as u
from astropy.table import hstack

from lensmap.peaks import find_peaks
from lensmap.profiles import projected_mass
from lensmap.utils import MapWarning, check_number

__all__ = ["true_clusters"]


def true_clusters(
    truth,
    *,
    z_lens=0.3,
    z_source,
    min_mass=1e14 * u.solMass,
    radius=1 * u.Mpc,
    min_separation="2.4 arcmin",
    cosmology=None,
):
    """Find the clusters of a true map as Cha et al. 2025 count them: its peaks, by projected mass.

    These are not halos: the mass is what the map has within a cylinder, all of it as if at one
    redshift, and a peak may be several small halos in line. Completeness by this definition is a
    property of the reconstruction alone, and comes out higher than that against halos.

    Parameters
    ----------
    truth : `~lensmap.ConvergenceMap`
        The true map.
    z_lens : float
        The redshift at which the masses are worked out.
    z_source : float or `~lensmap.SourceRedshifts`
        The redshift of the galaxies behind it, or their distribution.
    min_mass : `~astropy.units.Quantity`
        Peaks with less are left out.
    radius : `~astropy.units.Quantity`
        The radius of the cylinder, a proper length or an angle.
    min_separation : `~astropy.units.Quantity` or str
        Of closer peaks the highest counts, as in `lensmap.find_peaks`.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    `~astropy.table.QTable`
        The columns of `lensmap.find_peaks` and ``mass`` (solar masses), ``kappa_mean`` and
        ``open_part`` of `lensmap.profiles.projected_mass`; the highest peak first. Peaks whose
        circle is for more than a half off the map or masked have no mass, and are left out.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used.

    Notes
    -----
    The paper does not say at which redshift its masses are. At z = 0.3, for sources at 2.5, 1e14
    solar masses within 1 Mpc are a mean convergence of 0.014.

    References
    ----------
    Cha et al. 2025, sec. 3.4.
    """
    if not isinstance(min_mass, u.Quantity) or not min_mass.unit.is_equivalent(u.solMass):
        raise TypeError(f"min_mass must be a mass with a unit, not {min_mass!r}")
    check_number(min_mass.to_value(u.solMass), "min_mass", "0 or more", low=0)
    peaks = find_peaks(truth, 0.0, by="kappa", min_separation=min_separation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MapWarning)
        masses = projected_mass(truth, peaks, radius, z_lens=z_lens, z_source=z_source,
                                cosmology=cosmology)
    peaks = hstack([peaks, masses["mass", "kappa_mean", "open_part"]])
    return peaks[peaks["mass"] >= min_mass]
