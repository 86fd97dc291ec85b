# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tangential and cross shear profiles around positions on the sky."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.catalog import HatsCatalog, as_shear_catalog
from lensmap.cosmology import get_cosmology
from lensmap.profiles._galaxy_redshifts import catalog_efficiency
from lensmap.profiles._pairs import Sources
from lensmap.profiles._position_sums import (
    Lenses,
    PositionSums,
    sums_in_memory,
    sums_of_survey,
)
from lensmap.profiles._radii import (
    as_angles,
    check_edges,
    check_lens_redshifts,
    describe_positions,
)
from lensmap.profiles._resampling import (
    MIN_PATCHES,
    noise_covariances,
    patch_covariances,
    sum_patches,
)
from lensmap.profiles._sky_groups import sky_patches
from lensmap.profiles._survey_sources import SurveySources, extra_columns_for
from lensmap.utils import (
    LensmapWarning,
    ParameterError,
    ParameterTypeError,
    as_skycoord,
    check_choice,
    check_count,
    seeded_generator,
    set_formats,
    warn_user,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.catalog import ShearCatalog
    from lensmap.profiles._profile_sums import ProfileSums
    from lensmap.typing import CatalogLike, CosmologyLike, PositionLike, RedshiftLike, RNGLike

__all__ = ["shear_profile"]

_ERRORS = ("shape noise", "bootstrap", "jackknife")
_SURFACE_DENSITY = u.solMass / u.Mpc**2

# The largest default number of patches of a jackknife.
_N_PATCHES = 100


def shear_profile(
    catalog: CatalogLike | HatsCatalog,
    positions: PositionLike,
    bins: u.Quantity,
    *,
    z_lens: ArrayLike | None = None,
    z_source: RedshiftLike | None = None,
    inverse_sigma_crit: str | ArrayLike | u.Quantity | None = None,
    margin: float | None = None,
    min_probability: float = 0.98,
    lens_weight: ArrayLike | None = None,
    cosmology: CosmologyLike = None,
    errors: str = "shape noise",
    n_bootstrap: int = 200,
    n_patches: int | None = None,
    rng: RNGLike = None,
) -> QTable:
    r"""Measure the tangential and cross shear profiles around positions on the sky.

    .. math:: g_t + i g_\times = -g\, e^{-2 i \psi}, \qquad
              \Delta\Sigma = \frac{\sum w\, \Sigma_\mathrm{cr}^{-1} g_t}
                                  {\sum w\, \Sigma_\mathrm{cr}^{-2}}

    where :math:`\psi` is the direction from the galaxy to the position, on the sphere. Several
    positions are stacked: the profile is the average over the galaxies around all positions.

    The calibration is that of the pairs in use. For ``g_t``, multiplicative bias and response are
    means with the weights :math:`w\, \Sigma_\mathrm{cr}^{-1}`, because the shear of a galaxy is
    proportional to :math:`\Sigma_\mathrm{cr}^{-1}`; for ``delta_sigma`` with
    :math:`w\, \Sigma_\mathrm{cr}^{-2}`. The columns ``m`` and, for distortions, ``sigma_e`` are
    averaged over the pairs of each bin, and over neighboring bins if a bin has less than 1000
    pairs. Responses that contain the noise of each galaxy (``r11``, ``r22``, or the scatter of
    distortions) are averaged over all galaxies of the catalog behind the lens. A response that is
    given, or is measured from sheared versions of the galaxies, is used as it is.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog`, `~lensmap.catalog.HatsCatalog` or `~astropy.table.Table`
        The source galaxies. Of a `~lensmap.catalog.HatsCatalog`, those around the positions are
        read, lens by lens or for groups of near lenses. The calibration is that of all galaxies
        nevertheless, as for a catalog in memory: all are read once for it, partition by partition,
        and it is kept with the object; if responses contain the noise of each galaxy, each call
        reads all once more for those behind the lenses. A bootstrap of one position draws its
        noise from the galaxies around it.
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        One position or many; tables have the columns ``ra`` and ``dec``.
    bins : `~astropy.units.Quantity`
        Edges of the radial bins in increasing order, ``(n_bins + 1,)``: angles, or proper lengths
        at the lens.
    z_lens : float, array_like or None
        The redshift of the lens, or of each lens; required for ``delta_sigma``, and if ``bins`` are
        lengths.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the source galaxies, or their distribution. If None, the p(z) of each galaxy
        (``pz`` of the catalog), over which its inverse critical surface density is averaged; or,
        without p(z), the column ``redshift``, if present. With ``z_lens``, galaxies in front of a
        lens or without a redshift are then left out.
    inverse_sigma_crit : str, array_like, `~astropy.units.Quantity` or None
        The mean inverse critical surface density of each galaxy, ``(n,)``, or the name of its
        column, for lenses at one redshift; without a unit in Mpc2 / solMass (proper Mpc). For a
        catalog on disk, it must be the name. None uses redshifts.
    margin : float or None
        If given, only the galaxies behind each lens count, as `ShearCatalog.behind
        <lensmap.catalog.ShearCatalog.behind>` would select them for its redshift: those with
        ``redshift`` above ``z_lens + margin`` or, with p(z), with at least the probability
        ``min_probability`` beyond. None leaves out only galaxies that are in front of a lens for
        certain.
    min_probability : float
        The smallest probability, according to p(z), that a galaxy lies beyond ``z_lens + margin``.
        It has an effect only with ``margin`` and p(z).
    lens_weight : array_like or None
        The weight of each lens, ``(n_positions,)``. None gives all the same weight.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name as for `lensmap.cosmology.get_cosmology`. None is the default
        cosmology of lensmap.
    errors : {"shape noise", "bootstrap", "jackknife"}
        ``"shape noise"``: the error of the weighted mean. The noise of each galaxy is that of the
        columns ``sigma_e`` and ``sigma_m`` or, without ``sigma_e``, the scatter of all galaxies of
        the catalog as a function of the weight. It does not depend on the few galaxies of a bin.
        ``"bootstrap"``: for several positions, the scatter of the profile under resampling of the
        positions, or of patches of them, which includes the scatter between lenses and large-scale
        structure. For one position, the scatter of its bins when each galaxy has the rotated
        ellipticity of another galaxy of the catalog, scaled to its noise; large-scale structure is
        then not included.
        ``"jackknife"``: the scatter of the profile when one patch of positions at a time is left
        out. Use patches larger than the rings, because galaxies near positions of different patches
        count as independent.
        For several positions, bins with pairs around fewer than 10 positions or patches, or with
        fewer than 100 pairs, have the errors of ``"shape noise"``.
    n_bootstrap : int
        The number of bootstrap samples.
    n_patches : int or None
        The number of patches of neighboring positions on the sky, made by k-means, for a bootstrap
        or jackknife of several positions. If None, a jackknife has 100 patches, or one for each
        position if there are fewer, and a bootstrap one for each position.
    rng : None, int or `numpy.random.Generator`
        Seed or generator for the bootstrap and the patches; None draws a new seed in each call.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns

        - ``radius_low``, ``radius_high``: the edges, in the unit of ``bins``; ``radius``: the
          weighted mean radius of the galaxies;
        - ``n_pairs``, ``weight``: the number and the total weight of pairs of a galaxy and a
          position;
        - ``g_t``, ``g_x``: tangential and cross reduced shear; ``g_err``: the error of each;
        - with redshifts of lenses and sources, ``delta_sigma``, ``delta_sigma_x`` and
          ``delta_sigma_err``: the excess surface density, its cross component and the error, in
          solar masses per square proper Mpc; ``sigma_crit``: the inverse of the mean inverse
          critical surface density; ``efficiency_ratio``:
          :math:`\langle\beta^2\rangle / \langle\beta\rangle^2` for the lensing efficiency
          :math:`\beta`; ``sigma_crit_kappa``: the surface density that has the convergence 1 in
          the reduced shear of ``delta_sigma``; ``weight_delta_sigma``: the total of
          :math:`w\, \Sigma_\mathrm{cr}^{-2}`, the weight of ``delta_sigma``.

        ``delta_sigma`` is that of reduced shear, as ``meta["delta_sigma_of"]`` says;
        `correct_reduced_shear` makes it that of shear. The cross shear is positive for ellipses
        that are rotated from the tangential direction by 45 degrees in the sense from east to
        north. TreeCorr and CLMM, whose x axis points to the west, have it with the opposite sign.

        Values of bins without galaxies are NaN. ``meta`` contains ``n_positions`` (the number of
        positions in the footprint of the catalog), ``lens_weight`` (their total weight),
        ``n_effective_positions`` (the square of this total divided by the total of the squared
        weights), the mean ``z_lens`` and ``errors``; with redshifts, ``n_pairs_left_out`` (the
        number of pairs in the bins whose galaxy is not behind the lens or has no redshift); and
        ``margin`` and ``min_probability`` if they are used. A position is in the footprint if it
        has a galaxy within the outermost radius, or nearer than galaxies typically have their tenth
        neighbor. With a bootstrap or jackknife, ``meta`` also contains ``n_bootstrap``,
        ``n_patches``, ``seed``, ``bins_with_noise_errors`` (the indices of bins with the errors of
        ``"shape noise"``), the ``covariance`` of ``g_t`` and, with redshifts,
        ``covariance_delta_sigma``, the latter two as nested lists.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or no galaxy is in any bin.

    Warns
    -----
    LensmapWarning
        If a bootstrap or jackknife resamples fewer than 10 positions or patches, or some bins have
        the errors of ``"shape noise"`` instead.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, sec. 4; Sheldon et al. 2004, AJ 127, 2544
    (:math:`\Delta\Sigma`).
    """
    positions = as_skycoord(positions)
    if len(positions) == 0:
        raise ParameterError("positions", "at least one position", "empty")
    bins = check_edges(bins)
    check_choice(errors, "errors", _ERRORS)
    check_count(n_bootstrap, "n_bootstrap", minimum=2)
    cosmology = get_cosmology(cosmology, structure=False)
    z_lens = check_lens_redshifts(z_lens, len(positions))
    weight = _check_lens_weight(lens_weight, len(positions))
    n_patches = _check_patches(n_patches, errors, len(positions))
    angles = as_angles(bins, z_lens, len(positions), cosmology)
    lenses = Lenses(positions, angles, z_lens, weight)
    options: dict[str, Any] = {
        "inverse_sigma_crit": inverse_sigma_crit, "margin": margin,
        "min_probability": min_probability,
    }
    found: PositionSums | None
    if isinstance(catalog, HatsCatalog):
        survey = SurveySources(catalog, extra_columns_for(inverse_sigma_crit))
        found = sums_of_survey(survey, lambda part, z: catalog_efficiency(
            part, z, z_source, cosmology, **options, highest=survey.highest
        ), lenses)
    else:
        catalog = as_shear_catalog(catalog)
        efficiency = catalog_efficiency(catalog, z_lens, z_source, cosmology, **options)
        found = sums_in_memory(Sources(catalog), efficiency, lenses)
    if found is None or not found.each[:, 0].any():
        raise ParameterError(
            "positions", "in the survey", f"at {describe_positions(positions)}",
            f"no source galaxy is within {bins[0]:.3g} to {bins[-1]:.3g} of any position",
            verb="lie",
        )
    sums, sources, stacked, each = found.sums, found.sources, found.stacked, found.each
    table = _profile_table(sums, each.sum(axis=0), bins)
    table.meta |= {"n_positions": len(stacked), "errors": errors,
                   "lens_weight": float(weight[stacked].sum()),
                   "n_effective_positions": float(
                       weight[stacked].sum() ** 2 / np.sum(weight[stacked] ** 2)
                   )}
    if z_lens is not None:
        table.meta["z_lens"] = float(np.average(z_lens[stacked], weights=weight[stacked]))
    if sums.with_density:
        table.meta["delta_sigma_of"] = "reduced shear"
        table.meta["n_pairs_left_out"] = found.n_left_out
        table.meta |= _selection_meta(sources.catalog, margin, min_probability)
    if errors != "shape noise":
        generator, seed = seeded_generator(rng)
        table.meta |= seed
        if errors == "bootstrap":
            table.meta["n_bootstrap"] = n_bootstrap
        if len(positions) == 1:
            terms = sums.terms(0, sources.coordinates(positions)[0], angles[0])
            covariances = noise_covariances(sums, terms, sources, n_bootstrap, generator)
        else:
            patches = np.arange(len(stacked))
            if n_patches is not None:
                patches = sky_patches(positions[stacked], n_patches, generator)
            table.meta["n_patches"] = int(patches.max()) + 1
            _warn_of_few(table.meta["n_patches"], errors)
            covariances, from_noise = patch_covariances(
                sums, sum_patches(each, patches),
                n_bootstrap if errors == "bootstrap" else None, generator,
            )
            table.meta["bins_with_noise_errors"] = np.flatnonzero(from_noise).tolist()
        _set_errors(table, covariances)
    return set_formats(table, {"g_t g_x g_err": ".5f", "efficiency_ratio": ".3f"}, others=".4g")


def _selection_meta(
    catalog: ShearCatalog, margin: float | None, min_probability: float
) -> dict[str, float]:
    """Return what the meta of a profile says about the selection of galaxies behind each lens."""
    if margin is None:
        return {}
    by_probability = {"min_probability": float(min_probability)} if catalog.pz is not None else {}
    return {"margin": float(margin)} | by_probability


def _check_lens_weight(lens_weight: ArrayLike | None, n: int) -> np.ndarray:
    """Check the weights of n lenses, and return one for each, ``(n,)``."""
    if lens_weight is None:
        return np.ones(n)
    try:
        weight = np.asarray(lens_weight, dtype=float)
    except (TypeError, ValueError):
        raise ParameterTypeError(
            "lens_weight", "one weight for each position", repr(lens_weight)
        ) from None
    if weight.shape != (n,):
        raise ParameterError(
            "lens_weight", f"one weight for each position ({n})",
            f"an array of the shape {weight.shape}",
        )
    if not (np.all(np.isfinite(weight)) and np.all(weight >= 0) and weight.any()):
        raise ParameterError(
            "lens_weight", "finite and not negative, and positive for some position",
            f"{weight.min():g} to {weight.max():g}",
        )
    return weight


def _check_patches(n_patches: int | None, errors: str, n: int) -> int | None:
    """Check the number of patches of n positions, and return it or its default."""
    if errors == "jackknife" and n < 2:
        raise ParameterError(
            "errors", "'shape noise' or 'bootstrap' for one position", "'jackknife'",
            "a jackknife leaves out patches of many positions",
        )
    if n_patches is None:
        return min(n, _N_PATCHES) if errors == "jackknife" else None
    check_count(n_patches, "n_patches", minimum=2)
    if n_patches > n:
        raise ParameterError("n_patches", f"at most the number of positions, {n}", str(n_patches))
    if errors == "shape noise":
        raise ParameterError(
            "n_patches", "None for {errors='shape noise'}", str(n_patches),
            "set {errors='jackknife'} or {errors='bootstrap'}",
        )
    return n_patches


def _warn_of_few(n: int, errors: str) -> None:
    """Warn if a bootstrap or jackknife resamples fewer than 10 positions or patches."""
    if n < MIN_PATCHES:
        warn_user(
            f"the errors of a {errors} over only {n} positions or patches with galaxies are "
            f"unreliable: give at least {MIN_PATCHES} of them, or set {{errors='shape noise'}}",
            LensmapWarning,
            "few_positions",
            "positions",
            placeholders=True,
        )


def _profile_table(sums: ProfileSums, total: np.ndarray, bins: u.Quantity) -> QTable:
    """Return the table of a shear profile, with errors from shape noise.

    ``total``, ``(n_sums, n_bins)``, are the sums over the galaxies around all positions. ``bins``
    are the edges of the radial bins.
    """
    by_name, pool = sums.by_name(total), sums.pooling(total)
    means, noise = sums.means(total, pool), sums.noise(total, pool)
    with np.errstate(invalid="ignore", divide="ignore"):
        table = QTable({
            "radius_low": bins[:-1],
            "radius_high": bins[1:],
            "radius": by_name["wr"] / by_name["w"] * bins[-1],
            "n_pairs": by_name["n"].astype(int),
            "weight": by_name["w"],
            "g_t": means["g_t"],
            "g_x": means["g_x"],
            "g_err": noise["g_t"],
        })
        if sums.with_density:
            for name, values in (("delta_sigma", means["delta_sigma"]),
                                 ("delta_sigma_x", means["delta_sigma_x"]),
                                 ("delta_sigma_err", noise["delta_sigma"])):
                table[name] = values * _SURFACE_DENSITY
            table["sigma_crit"] = by_name["w"] / by_name["wb"] * _SURFACE_DENSITY
            table["efficiency_ratio"] = by_name["wq"] * by_name["w"] / by_name["wb"] ** 2
            table["sigma_crit_kappa"] = by_name["wbb"] / by_name["wbq"] * _SURFACE_DENSITY
            table["weight_delta_sigma"] = by_name["wbb"] / _SURFACE_DENSITY**2
    return table


def _set_errors(table: QTable, covariances: dict[str, np.ndarray]) -> None:
    """Set the errors of a shear profile and the covariances in its meta, in place.

    The covariances of ``g_t`` and ``delta_sigma`` (solMass / Mpc2) are keyed by these names.
    """
    names = {"g_t": ("g_err", "covariance", 1.0),
             "delta_sigma": ("delta_sigma_err", "covariance_delta_sigma", _SURFACE_DENSITY)}
    for name, matrix in covariances.items():
        error, covariance, unit = names[name]
        table[error] = np.sqrt(np.diag(matrix)) * unit
        table.meta[covariance] = matrix.tolist()
