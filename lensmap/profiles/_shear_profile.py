# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tangential and cross shear profiles around positions on the sky."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.catalog import as_shear_catalog
from lensmap.cosmology import get_cosmology
from lensmap.profiles._efficiency import Efficiency
from lensmap.profiles._pairs import Sources
from lensmap.profiles._radii import (
    as_angles,
    check_edges,
    check_lens_redshifts,
    describe_positions,
)
from lensmap.utils import (
    LensmapWarning,
    ParameterError,
    as_skycoord,
    check_choice,
    check_count,
    seeded_generator,
    set_formats,
    thread_map,
    warn_user,
)

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from numpy.typing import ArrayLike

    from lensmap.typing import CatalogLike, CosmologyLike, PositionLike, RedshiftLike, RNGLike

__all__ = ["shear_profile"]

_ERRORS = ("shape noise", "bootstrap")
_SURFACE_DENSITY = u.solMass / u.Mpc**2

# A bootstrap over fewer positions underestimates the scatter between positions.
_MIN_POSITIONS = 10

# Sums over the galaxies of a bin. Each name is the product that is summed, with the factors
# n (1, for the number), weight w, separation r, tangential shear t, cross shear x, noise variance s
# of the shear, inverse critical surface density b, and the mean q of its square.
_SUMS = ("n", "w", "wr", "wt", "wx", "wws", "wb", "wq", "wbb", "wbt", "wbx", "wwbbs")


def shear_profile(
    catalog: CatalogLike,
    positions: PositionLike,
    bins: u.Quantity,
    *,
    z_lens: ArrayLike | None = None,
    z_source: RedshiftLike | None = None,
    cosmology: CosmologyLike = None,
    errors: str = "shape noise",
    n_bootstrap: int = 200,
    rng: RNGLike = None,
) -> QTable:
    r"""Measure the tangential and cross shear profiles around positions on the sky.

    .. math:: g_t + i g_\times = -g\, e^{-2 i \psi}, \qquad
              \Delta\Sigma = \frac{\sum w\, \Sigma_\mathrm{cr}^{-1} g_t}
                                  {\sum w\, \Sigma_\mathrm{cr}^{-2}}

    where :math:`\psi` is the direction from the galaxy to the position, on the sphere. Several
    positions are stacked: the profile is the average over the galaxies around all positions.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The source galaxies.
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        One position or many; tables have the columns ``ra`` and ``dec``.
    bins : `~astropy.units.Quantity`
        Edges of the radial bins in increasing order, ``(n_bins + 1,)``: angles, or proper lengths
        at the lens.
    z_lens : float, array_like or None
        The redshift of the lens, or of each lens; required for ``delta_sigma``, and if ``bins`` are
        lengths.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the source galaxies, or their distribution. If None, the column ``redshift``
        of the catalog, if present; with ``z_lens``, galaxies in front of a lens or without a
        redshift are then left out.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name as for `lensmap.cosmology.get_cosmology`. None is the default
        cosmology of lensmap.
    errors : {"shape noise", "bootstrap"}
        ``"shape noise"``: the error of the weighted mean. The noise of each galaxy is that of the
        columns ``sigma_e`` and ``sigma_m`` or, without ``sigma_e``, the scatter of all galaxies of
        the catalog as a function of the weight. It does not depend on the few galaxies of a bin.
        ``"bootstrap"``: the scatter of the profile under resampling of the galaxies or, for several
        positions, of the positions. Resampling of positions includes the scatter between lenses and
        large-scale structure. Both kinds treat a galaxy near two positions as two independent
        galaxies, and so underestimate the errors where rings overlap.
    n_bootstrap : int
        The number of bootstrap samples.
    rng : None, int or `numpy.random.Generator`
        Seed or generator for the bootstrap; None draws a new seed in each call.

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
          :math:`\beta`.

        Values of bins without galaxies are NaN. ``meta`` contains ``n_positions`` (the number of
        positions with galaxies in any bin), the mean ``z_lens`` and ``errors``. With a bootstrap it
        also contains ``n_bootstrap``, ``seed``, the ``covariance`` of ``g_t`` and, with redshifts,
        ``covariance_delta_sigma``, both as nested lists.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or no galaxy is in any bin.

    Warns
    -----
    LensmapWarning
        If a bootstrap resamples fewer than 10 positions with galaxies.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, sec. 4; Sheldon et al. 2004, AJ 127, 2544
    (:math:`\Delta\Sigma`).
    """
    catalog = as_shear_catalog(catalog)
    positions = as_skycoord(positions)
    if len(positions) == 0:
        raise ParameterError("positions", "at least one position", "empty")
    bins = check_edges(bins)
    check_choice(errors, "errors", _ERRORS)
    check_count(n_bootstrap, "n_bootstrap", minimum=2)
    cosmology = get_cosmology(cosmology, structure=False)
    z_lens = check_lens_redshifts(z_lens, len(positions))
    angles = as_angles(bins, z_lens, len(positions), cosmology)
    sources = Sources(catalog)
    _ = sources.variance  # computed here, so that not every thread computes it
    efficiency = Efficiency.from_redshifts(sources.redshift, z_lens, z_source, cosmology)
    n_bins, with_sigma = len(bins) - 1, efficiency is not None
    generator, seed = seeded_generator(rng)
    samples = None
    if len(positions) == 1 and errors == "bootstrap":
        column, terms = _terms(sources, positions[0], angles[0], efficiency, 0)
        sums = _bin_sums(column, terms, n_bins)[np.newaxis]
        samples = _resample_galaxies(column, terms, n_bins, n_bootstrap, generator)
    else:
        sources.build_tree()
        sums = np.array(thread_map(
            lambda i: _bin_sums(
                *_terms(sources, positions[i], angles[i], efficiency, i), n_bins
            ),
            range(len(positions)),
        ))
        if errors == "bootstrap":
            samples = _resample_positions(sums, n_bootstrap, generator)
    table = _profile_table(sums.sum(axis=0), bins, with_sigma, positions)
    # Positions without galaxies lie outside the survey, and are not part of the stack.
    n_positions = int(np.count_nonzero(sums[:, 0].any(axis=1)))
    table.meta |= {"n_positions": n_positions, "errors": errors}
    if samples is not None:
        table.meta |= {"n_bootstrap": n_bootstrap, **seed}
        _warn_of_few(n_positions)
    if z_lens is not None:
        table.meta["z_lens"] = float(np.mean(z_lens))
    if samples is not None:
        _set_bootstrap_errors(table, samples, with_sigma)
    return set_formats(table, {"g_t g_x g_err": ".5f", "efficiency_ratio": ".3f"}, others=".4g")


def _warn_of_few(n_positions: int) -> None:
    """Warn if a bootstrap resamples fewer than 10 positions with galaxies.

    A single position gives no warning, because then its galaxies are resampled.
    """
    if 1 < n_positions < _MIN_POSITIONS:
        warn_user(
            f"the errors of a bootstrap over only {n_positions} positions with galaxies are "
            f"unreliable: give at least {_MIN_POSITIONS} positions, or set errors='shape noise'",
            LensmapWarning,
            "few_positions",
            "positions",
        )


def _terms(
    sources: Sources,
    position: SkyCoord,
    edges: np.ndarray,
    efficiency: Efficiency | None,
    i: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the radial bin of each galaxy around a position, and its terms in the sums.

    The profile is computed from sums over the galaxies of each bin, such as that of weight times
    tangential shear. The bins are indices, ``(n,)``, and the terms, ``(n_sums, n)``, are in the
    order of ``_SUMS``. ``edges`` are the edges of the bins in radians. ``efficiency`` gives the
    inverse critical surface density of the galaxies for the lens with the index ``i``; if it is
    None, only the first 6 terms are returned, which do not need redshifts.
    """
    rows, theta, shear = sources.around(position, edges[-1])
    column = np.searchsorted(edges, theta, side="right") - 1
    used = (column >= 0) & (column < len(edges) - 1)
    inverse = square = None
    if efficiency is not None:
        inverse, square = efficiency.inverse_sigma_crit(i, rows)
        used &= inverse > 0
        inverse, square = inverse[used], square[used]
    rows, theta, shear, column = rows[used], theta[used], shear[used], column[used]
    w = sources.weight[rows]
    t, x = shear.real, shear.imag
    variance = sources.variance[rows]
    # Radii in units of the outermost edge, which is the same length for all lenses.
    terms = [np.ones(len(rows)), w, w * theta / edges[-1], w * t, w * x, w**2 * variance]
    if inverse is not None:
        wb = w * inverse
        terms += [wb, w * square, wb * inverse, wb * t, wb * x, wb**2 * variance]
    return column, np.array(terms)


def _bin_sums(column: np.ndarray, terms: np.ndarray, n_bins: int) -> np.ndarray:
    """Return the sums over the galaxies in each radial bin, ``(n_sums, n_bins)``.

    The sums, such as that of weight times tangential shear, are in the order of ``_SUMS``.
    ``column`` is the bin of each galaxy, ``(n,)``, and ``terms`` its terms in the sums. Sums
    for which there are no terms are 0.
    """
    sums = np.zeros((len(_SUMS), n_bins))
    for k, term in enumerate(terms):
        sums[k] = np.bincount(column, term, minlength=n_bins)
    return sums


def _resample_galaxies(
    column: np.ndarray,
    terms: np.ndarray,
    n_bins: int,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return bootstrap samples of the sums over galaxies, ``(n_bootstrap, n_sums, n_bins)``.

    Each sample counts each galaxy a Poisson-distributed number of times. ``column`` is the radial
    bin of each galaxy, ``(n,)``, and ``terms``, ``(n_terms, n)``, its terms in the sums, such as
    weight times tangential shear.
    """
    samples = np.zeros((n_bootstrap, len(_SUMS), n_bins))
    for sample in samples:
        counts = rng.poisson(1.0, len(column))
        for k, term in enumerate(terms):
            sample[k] = np.bincount(column, term * counts, minlength=n_bins)
    return samples


def _resample_positions(
    sums: np.ndarray, n_bootstrap: int, rng: np.random.Generator
) -> np.ndarray:
    """Return bootstrap samples of the sums over positions, ``(n_bootstrap, n_sums, n_bins)``.

    ``sums`` are the sums over the galaxies in each radial bin around each position,
    ``(n_positions, n_sums, n_bins)``. Each sample draws the positions with replacement.
    """
    counts = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=n_bootstrap)
    return np.tensordot(counts.astype(float), sums, 1)


def _means(
    sums: np.ndarray, with_sigma: bool
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the mean shear and excess surface density in radial bins, and the sums by name.

    Both are dicts of arrays, ``(..., n_bins)``. ``sums``, ``(..., n_sums, n_bins)``, are sums over
    galaxies, such as that of weight times tangential shear, in the order of ``_SUMS``. The excess
    surface density (solMass / Mpc2) is computed only if ``with_sigma`` is True.
    """
    by_name = dict(zip(_SUMS, np.moveaxis(sums, -2, 0), strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = {"g_t": by_name["wt"] / by_name["w"], "g_x": by_name["wx"] / by_name["w"]}
        if with_sigma:
            means["delta_sigma"] = by_name["wbt"] / by_name["wbb"]
            means["delta_sigma_x"] = by_name["wbx"] / by_name["wbb"]
    return means, by_name


def _profile_table(
    sums: np.ndarray, bins: u.Quantity, with_sigma: bool, positions: SkyCoord
) -> QTable:
    """Return the table of a shear profile, with errors from shape noise.

    ``sums``, ``(n_sums, n_bins)``, are sums over the galaxies around all positions, such as that of
    weight times tangential shear, in the order of ``_SUMS``. ``bins`` are the edges of the radial
    bins. The excess surface density is included if ``with_sigma`` is True.
    """
    means, by_name = _means(sums, with_sigma)
    if not by_name["n"].any():
        raise ParameterError(
            "positions", "in the survey", f"at {describe_positions(positions)}",
            f"no source galaxy is within {bins[0]:.3g} to {bins[-1]:.3g} of any position",
            verb="lie",
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        table = QTable({
            "radius_low": bins[:-1],
            "radius_high": bins[1:],
            "radius": by_name["wr"] / by_name["w"] * bins[-1],
            "n_pairs": by_name["n"].astype(int),
            "weight": by_name["w"],
            "g_t": means["g_t"],
            "g_x": means["g_x"],
            "g_err": np.sqrt(by_name["wws"]) / by_name["w"],
        })
        if with_sigma:
            table["delta_sigma"] = means["delta_sigma"] * _SURFACE_DENSITY
            table["delta_sigma_x"] = means["delta_sigma_x"] * _SURFACE_DENSITY
            table["delta_sigma_err"] = (
                np.sqrt(by_name["wwbbs"]) / by_name["wbb"] * _SURFACE_DENSITY
            )
            table["sigma_crit"] = by_name["w"] / by_name["wb"] * _SURFACE_DENSITY
            table["efficiency_ratio"] = by_name["wq"] * by_name["w"] / by_name["wb"] ** 2
    return table


def _set_bootstrap_errors(table: QTable, samples: np.ndarray, with_sigma: bool) -> None:
    """Set the errors of a shear profile to the scatter of bootstrap samples, in place.

    ``samples``, ``(n_bootstrap, n_sums, n_bins)``, are sums over galaxies, such as that of weight
    times tangential shear, in the order of ``_SUMS``. The covariance matrices are stored in the
    meta of the table.
    """
    means, _ = _means(samples, with_sigma)
    names = {"g_t": ("g_err", "covariance", 1.0)}
    if with_sigma:
        names["delta_sigma"] = ("delta_sigma_err", "covariance_delta_sigma", _SURFACE_DENSITY)
    for name, (error, covariance, unit) in names.items():
        matrix = np.atleast_2d(np.cov(means[name].T))
        table[error] = np.sqrt(np.diag(matrix)) * unit
        table.meta[covariance] = matrix.tolist()
