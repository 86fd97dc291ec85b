# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fits of NFW halos to a shear profile, a catalog or a convergence map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from astropy.table import Table

from lensmap.catalog import HatsCatalog, ShearCatalog, as_shear_catalog
from lensmap.cosmology import get_cosmology
from lensmap.maps import ConvergenceMap, check_map
from lensmap.profiles._fit_catalog import catalog_data
from lensmap.profiles._fit_data import fit_radii
from lensmap.profiles._fit_map import map_data
from lensmap.profiles._fit_profile import profile_data
from lensmap.profiles._halo_parameters import HaloParameters
from lensmap.profiles._nfw_result import NFWFit
from lensmap.profiles._nfw_search import best_fit
from lensmap.profiles._radii import check_lens_redshifts, describe_positions
from lensmap.profiles._survey_sources import SurveySources, extra_columns_for
from lensmap.utils import ParameterError, ParameterTypeError, as_skycoord, check_choice

if TYPE_CHECKING:
    from astropy.units import Quantity
    from numpy.typing import ArrayLike

    from lensmap.typing import CatalogLike, CosmologyLike, PositionLike, RedshiftLike

__all__ = ["fit_nfw"]


def fit_nfw(
    data: CatalogLike | HatsCatalog | ConvergenceMap,
    position: PositionLike | None = None,
    *,
    z_lens: ArrayLike,
    z_source: RedshiftLike | None = None,
    inverse_sigma_crit: str | ArrayLike | Quantity | None = None,
    radii: Quantity | None = None,
    concentration: str | float = "prior",
    center: str = "fixed",
    covariance: ArrayLike | None = None,
    miscentering: tuple[float, Quantity] | None = None,
    cosmology: CosmologyLike = None,
) -> NFWFit:
    r"""Fit one or more NFW halos to shear or convergence.

    Parameters
    ----------
    data : ShearCatalog, HatsCatalog, `~astropy.table.Table` or `~lensmap.ConvergenceMap`
        The data to fit:

        - a profile from `shear_profile`: the reduced tangential shear in its bins;
        - a catalog: both components of the reduced shear of each galaxy, with errors from the
          weights and the scatter of the ellipticities; of a `~lensmap.catalog.HatsCatalog`, the
          galaxies around the positions are read, with the calibration of all galaxies, as for
          `shear_profile`;
        - a map: the convergence up to a constant, of pixels about 1.5 times the smoothing apart, or
          more. The noise is modeled as smoothed white noise. The smoothing of the map must be
          known, as it is for `~lensmap.KaiserSquires` maps. For these, the model is the map that
          the estimator makes of the reduced shear of the halos at the pixels with galaxies, so that
          edges, holes and the missing mass sheet do not bias the fit. For cutouts and resampled
          maps, the effect of masked pixels is not known, and positions near them are refused.
    position : `~astropy.coordinates.SkyCoord`, `~astropy.table.Table` or None
        The center of the halo, or of each halo, for a catalog or a map; None for a profile.
    z_lens : float or array_like
        The redshift of the halo, or of each halo.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the source galaxies, or their distribution. If None, the columns
        ``sigma_crit`` and ``efficiency_ratio`` of the profile; the p(z) or, without it, the column
        ``redshift`` of the catalog; or the distribution that a map records if it was made of the
        galaxies that `ShearCatalog.behind <lensmap.catalog.ShearCatalog.behind>` selected. Other
        maps require it.
    inverse_sigma_crit : str, array_like, `~astropy.units.Quantity` or None
        The mean inverse critical surface density of each galaxy, ``(n,)``, or the name of its
        column, for a catalog and halos at one redshift; without a unit in Mpc2 / solMass (proper
        Mpc). None uses redshifts.
    radii : `~astropy.units.Quantity` or None
        ``(inner, outer)``: the range of radii around each position, angles or proper lengths. None
        uses all bins of a profile, and 0.2 to 2.5 Mpc for a catalog or a map. The fit is biased by
        cluster members, miscentering and strong lensing within about 0.2 Mpc, and by neighboring
        halos at large radii.
    concentration : {"prior", "relation", "free"} or float
        ``"prior"``: c200c is free, with a log-normal prior around the concentration-mass relation
        of Diemer & Joyce 2019, with a scatter of 0.16 dex. ``"relation"``: c200c follows this
        relation. ``"free"``: c200c is free, with a flat prior in ln c200c from 0.5 to 30. A
        number fixes c200c.
    center : {"fixed", "free"}
        ``"free"`` fits the centers, with a flat prior of 2 arcmin to either side along each axis;
        ``"fixed"`` keeps them at ``position``. A profile allows ``"fixed"`` only.
    covariance : array_like or None
        Covariance to add to the errors of a profile, ``(n_bins, n_bins)``, such as the LSS
        covariance from `structure_covariance`. The errors of a profile from a bootstrap over many
        positions already include large-scale structure, so none should be added. None adds
        nothing.
    miscentering : tuple or None
        ``(fraction, sigma)`` of the wrong centers in a stack, for a profile: their fraction, 0 to
        1, and the parameter of the Rayleigh distribution of their offsets, a proper length or an
        angle, such as ``(0.3, 0.2 * u.Mpc)``. The model is then the mean shear about right and
        wrong centers of the same halo. None means that all centers are right.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name as for `lensmap.cosmology.get_cosmology`. None is the default
        cosmology of lensmap.

    Returns
    -------
    NFWFit
        Masses with their intervals, concentrations, and the covariance of the free parameters.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, a lens is not in front of the sources, or there are fewer
        galaxies, bins or pixels than free parameters.

    Warns
    -----
    LensmapWarning
        If the fit did not converge, a parameter is at a limit (for masses, 1e12 and 1e16 solar
        masses), or a mass has no upper limit. The result is returned with ``success=False``.

    References
    ----------
    Wright & Brainerd 2000, ApJ 534, 34 (shear of NFW halos); Seitz & Schneider 1997, A&A 318, 687
    (reduced shear of sources at several redshifts); Diemer & Joyce 2019, ApJ 871, 168
    (concentrations; scatter); Johnston et al. 2007, arXiv:0709.1159 (miscentering); Hartlap et al.
    2007, A&A 464, 399 and Dodelson & Schneider 2013, Phys. Rev. D 88, 063537 (covariances from few
    draws).
    """
    cosmology = get_cosmology(cosmology, structure=False)
    check_choice(center, "center", ("fixed", "free"))
    sky = frame = None
    if isinstance(data, Table) and "g_t" in data.colnames:
        _check_fixed_center(position, center)
        _check_no_galaxies(inverse_sigma_crit)
        z = check_lens_redshifts(z_lens, 1)
        fit_data = profile_data(data, z, z_source, radii, covariance, miscentering, cosmology)
    else:
        for name, value in (("covariance", covariance), ("miscentering", miscentering)):
            if value is not None:
                raise ParameterError(
                    name, "None if {data} is a catalog or a map", remedy="only a fit to a profile "
                    "can use it",
                )
        if position is None:
            raise ParameterError(
                "position", "given if {data} is a catalog or a map", "None",
                "give the center of each halo",
            )
        sky = as_skycoord(position, "position")
        z = check_lens_redshifts(z_lens, len(sky))
        if isinstance(data, ConvergenceMap):
            _check_no_galaxies(inverse_sigma_crit)
            check_map(data, "data", quantity="kappa", pixels="square")
            fit_data = map_data(data, sky, z, z_source, radii, cosmology)
            frame = data.wcs.pixel_to_world(0, 0).frame.replicate_without_data()
        elif isinstance(data, (ShearCatalog, Table, HatsCatalog)):
            survey = None
            if isinstance(data, HatsCatalog):
                survey = SurveySources(data, extra_columns_for(inverse_sigma_crit))
                near = survey.near(sky, fit_radii(radii, z, cosmology)[:, 1])
                if near is None:
                    raise ParameterError(
                        "position", "in the survey", f"at {describe_positions(sky)}",
                        "no galaxy is near any position", verb="lie",
                    )
                catalog = near.catalog
            else:
                catalog = as_shear_catalog(data)
            fit_data = catalog_data(
                catalog, sky, z, z_source, radii, cosmology, inverse_sigma_crit, survey
            )
            frame = catalog.skycoord.frame.replicate_without_data()
        else:
            raise ParameterTypeError(
                "data",
                "a profile from shear_profile, a ShearCatalog, a HatsCatalog, a table of galaxies "
                "or a ConvergenceMap",
                type(data).__name__,
            )
    parameters = HaloParameters(z, concentration, center == "free", cosmology)
    if fit_data.n_independent < parameters.n:
        raise ParameterError(
            "data", f"at least {parameters.n} {fit_data.unit} for {parameters.n} free parameters",
            str(fit_data.n_independent), "fit fewer parameters, or use wider radii", verb="have",
        )
    return NFWFit(
        **best_fit(fit_data, parameters), position=sky, miscentering=miscentering, _frame=frame
    )


def _check_fixed_center(position: PositionLike | None, center: str) -> None:
    """Raise an error if a position or a free center is given for a fit of a shear profile."""
    remedy = "a profile has its own position; fit the catalog to move the center"
    if position is not None:
        raise ParameterError("position", "None for a profile", remedy=remedy)
    if center == "free":
        raise ParameterError("center", "'fixed' for a profile", "'free'", remedy)


def _check_no_galaxies(inverse_sigma_crit: object) -> None:
    """Raise an error if the parameter of galaxies is given for a profile or a map."""
    if inverse_sigma_crit is not None:
        raise ParameterError(
            "inverse_sigma_crit", "None if {data} is a profile or a map", "given",
            "only a catalog has galaxies; measure a profile with it",
        )
