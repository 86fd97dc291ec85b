# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`fit_nfw`: the mass and the concentration of halos from shear or from a map."""

from astropy.table import Table

from lensmap.catalog import ShearCatalog, as_shear_catalog
from lensmap.cosmology import get_cosmology
from lensmap.maps import ConvergenceMap, check_map
from lensmap.profiles._fit_data import catalog_data, map_data, profile_data
from lensmap.profiles._halo_parameters import HaloParameters
from lensmap.profiles._nfw_result import NFWFit, best_fit
from lensmap.profiles._radii import check_lens_redshifts
from lensmap.utils import as_skycoord, check_choice

__all__ = ["fit_nfw"]


def fit_nfw(
    data,
    position=None,
    *,
    z_lens,
    z_source=None,
    radii=None,
    concentration="prior",
    center="fixed",
    covariance=None,
    cosmology=None,
):
    r"""Fit one NFW halo or several.

    Parameters
    ----------
    data : `~lensmap.ShearCatalog`, `~astropy.table.Table` or `~lensmap.ConvergenceMap`
        What is fitted:

        - a profile of `shear_profile`: its reduced tangential shear, bin by bin;
        - a catalog: both components of the reduced shear of each galaxy, with the errors of its
          weight and of the scatter of the ellipticities;
        - a map: the convergence of pixels as far apart as its smoothing, less a constant, with
          the correlation of white noise that was smoothed. The map must say its smoothing, as those
          of `~lensmap.KaiserSquires` do. Maps of an estimator are of reduced shear, and so is the
          model (of round halos, apart from each other).
    position : `~astropy.coordinates.SkyCoord`, `~astropy.table.Table` or None
        The center of the halo, or of each, for a catalog or a map; a profile has its own.
    z_lens : float or array_like
        The redshift of the halo, or of each.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the galaxies, or their distribution. None takes what a profile was made
        with, or the column ``redshift`` of a catalog.
    radii : `~astropy.units.Quantity` or None
        ``(inner, outer)``: what is used of the data about each position, lengths or angles. None
        uses the whole profile, and 0.2 to 2.5 Mpc of a catalog or a map. Within some 0.2 Mpc,
        members, miscentering and strong lensing matter; far out, neighbors do.
    concentration : {"prior", "relation", "free"} or float
        ``"prior"``: c200c is free, with a log-normal prior about the relation of Diemer & Joyce
        2019 with the scatter of halos, 0.16 dex; ``"relation"``: on the relation; ``"free"``: any,
        0.5 to 30, flat in its logarithm; a number: fixed to it.
    center : {"fixed", "free"}
        Whether the center moves, within 2 arcmin, flat; not of a profile.
    covariance : array_like or None
        Of the bins of a profile: that of large-scale structure, `structure_covariance`, for
        instance. It is added to the shape noise, or to the covariance of a bootstrap (which has
        the structure in it already where it draws many positions). None adds nothing.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    NFWFit
        Masses, concentrations, their intervals and covariance.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, a lens is not in front of the sources, or there are fewer
        data than parameters.

    Warns
    -----
    LensmapWarning
        If the fit did not converge, or the mass is at an end of what is tried, 1e12 to 1e16 solar
        masses: the result says what there is.

    References
    ----------
    Wright & Brainerd 2000, ApJ 534, 34 (shear of NFW halos); Seitz & Schneider 1997, A&A 318, 687
    (reduced shear of sources at several redshifts); Diemer & Joyce 2019, ApJ 871, 168
    (concentrations; scatter); Hartlap et al. 2007, A&A 464, 399 and Dodelson & Schneider 2013,
    Phys. Rev. D 88, 063537 (covariances from few draws).
    """
    cosmology = get_cosmology(cosmology, structure=False)
    check_choice(center, "center", ("fixed", "free"))
    if isinstance(data, Table) and "g_t" in data.colnames:
        if position is not None or center == "free":
            raise ValueError("a profile has its own position: give a catalog to move it")
        z = check_lens_redshifts(z_lens, 1)
        measured = profile_data(data, z, z_source, radii, covariance, cosmology)
        position = frame = None
    else:
        if covariance is not None:
            raise ValueError("covariance is of the bins of a profile")
        if position is None:
            raise ValueError("position must be given with a catalog or a map")
        position = as_skycoord(position, "position")
        z = check_lens_redshifts(z_lens, len(position))
        if isinstance(data, ConvergenceMap):
            check_map(data, "data", quantity="kappa")
            measured = map_data(data, position, z, z_source, radii, cosmology)
            frame = data.wcs.pixel_to_world(0, 0).frame.replicate_without_data()
        elif isinstance(data, (ShearCatalog, Table)):
            data = as_shear_catalog(data)
            measured = catalog_data(data, position, z, z_source, radii, cosmology)
            frame = data.skycoord.frame.replicate_without_data()
        else:
            raise TypeError(
                "data must be a profile of shear_profile, a ShearCatalog, a table or a "
                f"ConvergenceMap, not {type(data).__name__}"
            )
    parameters = HaloParameters(z, concentration, center == "free", cosmology)
    if measured.n_independent < parameters.n:
        raise ValueError(
            f"there are {measured.n_independent} {measured.unit} for {parameters.n} parameters: "
            "fit fewer, or take wider radii"
        )
    return NFWFit(**best_fit(measured, parameters), position=position, _frame=frame)
