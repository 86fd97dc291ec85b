# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Two-point correlation functions of convergence maps and of galaxy shear."""

from typing import Literal

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import ArrayLike

from lensmap.catalog import Calibration, as_shear_catalog
from lensmap.maps import ConvergenceMap, check_map
from lensmap.typing import AngleLike, CatalogLike, RNGLike
from lensmap.utils import (
    ParameterError,
    check_angle,
    check_choice,
    check_count,
    n_threads,
    seeded_generator,
    set_formats,
)

__all__ = ["kappa_correlation", "shear_correlation"]


def kappa_correlation(
    kappa: ConvergenceMap,
    other: ConvergenceMap | None = None,
    *,
    min_sep: AngleLike,
    max_sep: AngleLike,
    n_bins: int = 15,
    scale: Literal["linear", "log"] = "linear",
    weights: ArrayLike | None = None,
    other_weights: ArrayLike | None = None,
    n_patches: int = 20,
    rng: RNGLike = None,
) -> QTable:
    r"""Measure the autocorrelation function of a map, or the cross-correlation of two maps.

    .. math:: \xi(\theta) = \langle \delta\kappa(x)\, \delta\kappa'(x + \theta) \rangle

    The average is over pairs of unmasked pixels at the separation :math:`\theta` on the sphere.
    :math:`\delta\kappa` is the convergence minus its (weighted) mean over the map. Pairs of a pixel
    with itself are left out.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    other : `~lensmap.ConvergenceMap` or None
        The second map, which may have another pixel grid. None measures the autocorrelation of
        ``kappa``.
    min_sep, max_sep : `~astropy.units.Quantity` or str
        The range of separations, angles. Pixels on a grid have few distinct separations below two
        pixels, and bins narrower than a pixel contain uneven numbers of pairs.
    n_bins : int
        The number of bins.
    scale : {"linear", "log"}
        The spacing of the bins.
    weights : array_like or None
        The weight of each pixel of ``kappa``, such as the inverse variance, ``(ny, nx)``. The
        weight of a pair is the product of the weights of its pixels. None gives all unmasked pixels
        the same weight.
    other_weights : array_like or None
        The weight of each pixel of ``other``, as for ``weights``.
    n_patches : int
        The number of patches for jackknife errors, from 2 to the number of unmasked pixels with
        nonzero weight. With 0, the errors are NaN.
    rng : int, `numpy.random.SeedSequence`, `numpy.random.Generator` or None
        Seed or generator for the centers of the patches; None draws a new seed in each call.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``theta_low``, ``theta_high``, ``theta`` (the mean
        separation of the pairs), ``xi``, ``xi_err`` and ``n_pairs``. With patches,
        ``meta["covariance"]`` is the covariance matrix of ``xi`` as nested lists, and
        ``meta["seed"]`` is the seed.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or a map has no unmasked pixel.

    References
    ----------
    Jarvis, Bernstein & Jain 2004, MNRAS 352, 338 (TreeCorr).
    """
    check_map(kappa, unmasked=True, pixels="equal")
    settings = _settings(min_sep, max_sep, n_bins, scale)
    if other is None and other_weights is not None:
        raise ParameterError(
            "other_weights", "None if {other} is None", "an array of weights",
            "give the second map as {other}, or leave the weights out",
        )
    weights = _pixel_weights(weights, kappa, "weights")
    _check_patches(n_patches, np.count_nonzero(weights), "unmasked pixels with a weight")
    import treecorr  # slow to import

    rng, seed = seeded_generator(rng)
    first = _field(treecorr, kappa, weights, n_patches, rng)
    second = None
    if other is not None:
        check_map(other, "other", unmasked=True, pixels="equal")
        other_weights = _pixel_weights(other_weights, other, "other_weights")
        second = _field(treecorr, other, other_weights, n_patches, rng, like=first)
    # TreeCorr's bin slop puts some pairs into a neighboring bin. It is disabled because separations
    # on a grid are discrete, so that such pairs would change the result visibly.
    result = treecorr.KKCorrelation(
        **settings, bin_slop=0.0, var_method=_method(n_patches), **_weighting(n_patches)
    )
    result.process(first, second, num_threads=n_threads())
    table = _as_table(result, {"xi": result.xi}, {"xi_err": result.varxi}, n_patches)
    table.meta |= seed if n_patches else {}
    return table


def shear_correlation(
    catalog: CatalogLike,
    *,
    min_sep: AngleLike,
    max_sep: AngleLike,
    n_bins: int = 20,
    n_patches: int = 30,
    rng: RNGLike = None,
    max_galaxies: int | None = None,
) -> QTable:
    r"""Measure the two-point correlation functions of shear, and their E- and B-modes.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    min_sep, max_sep : `~astropy.units.Quantity` or str
        The range of separations, angles. Bins are logarithmically spaced.
    n_bins : int
        The number of bins.
    n_patches : int
        The number of patches for jackknife errors, from 2 to the number of galaxies with nonzero
        weight. With 0, the errors contain shape noise alone.
    rng : int, `numpy.random.SeedSequence`, `numpy.random.Generator` or None
        Seed or generator for the centers of the patches and for the subsample; None draws a new
        seed in each call.
    max_galaxies : int or None
        The size of a random subsample of the galaxies, for a fast estimate. None uses all galaxies.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``theta_low``, ``theta_high``, ``theta``,
        ``n_pairs``; ``xi_plus``, ``xi_plus_err``, ``xi_minus``, ``xi_minus_err``; and the variance
        of the aperture mass with radius ``theta``: ``map2`` (E-mode), ``mx2`` (B-mode) and
        ``map2_err`` (the error of each). The aperture mass needs correlations at separations from 0
        to four times its radius. It is NaN where ``max_sep`` is too small for this, and mixes E-
        and B-modes at radii of a few ``min_sep``. ``meta["seed"]`` is the seed. With patches,
        ``meta["covariance"]`` is the covariance matrix of the vector of all ``xi_plus`` followed
        by all ``xi_minus``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.

    References
    ----------
    Jarvis, Bernstein & Jain 2004, MNRAS 352, 338; Schneider et al. 2002, A&A 396, 1 (E and B);
    Crittenden et al. 2002, ApJ 568, 20 (the aperture).
    """
    catalog = as_shear_catalog(catalog)
    settings = _settings(min_sep, max_sep, n_bins, "log")
    rng, seed = seeded_generator(rng)
    if max_galaxies is not None and check_count(max_galaxies, "max_galaxies", minimum=2) < len(
        catalog
    ):
        rows = rng.choice(len(catalog), max_galaxies, replace=False)
        catalog = catalog.select(np.sort(rows))
    weight = catalog.weight
    n = len(catalog) if weight is None else np.count_nonzero(weight)
    _check_patches(n_patches, n, "galaxies with a weight")
    import treecorr

    g = Calibration.from_catalog(catalog).shear(catalog)
    # In TreeCorr, x points west, so that g2 has the opposite sign of the celestial basis.
    galaxies = treecorr.Catalog(
        ra=catalog.ra, dec=catalog.dec, ra_units="deg", dec_units="deg", g1=g.real, g2=-g.imag,
        w=weight, npatch=max(n_patches, 1),
        rng=np.random.RandomState(int(rng.integers(2**31))),
    )
    result = treecorr.GGCorrelation(
        **settings, var_method=_method(n_patches), **_weighting(n_patches)
    )
    result.process(galaxies, num_threads=n_threads())
    table = _as_table(result, {"xi_plus": result.xip}, {"xi_plus_err": result.varxip}, 0)
    table["xi_minus"], table["xi_minus_err"] = result.xim, np.sqrt(result.varxim)
    radius = np.exp(result.meanlogr)
    e_mode, _, b_mode, _, variance = result.calculateMapSq(R=radius, m2_uform="Crittenden")
    # The aperture filter extends to four radii.
    is_covered = radius < 0.26 * result.right_edges[-1]
    for name, values in (("map2", e_mode), ("mx2", b_mode), ("map2_err", np.sqrt(variance))):
        table[name] = np.where(is_covered, values, np.nan)
    if n_patches:
        table.meta["covariance"] = result.cov.tolist()
    table.meta |= seed
    return table


def _settings(min_sep, max_sep, n_bins, scale):
    """Check the bins of separation, and return them as a dict of parameters for TreeCorr."""
    low, high = (check_angle(v, n).to_value(u.arcmin)
                 for v, n in ((min_sep, "min_sep"), (max_sep, "max_sep")))
    if not low < high:
        raise ParameterError("max_sep", f"larger than {{min_sep}} ({min_sep})", str(max_sep))
    check_count(n_bins, "n_bins", minimum=1)
    check_choice(scale, "scale", ("linear", "log"))
    return {
        "min_sep": low, "max_sep": high, "nbins": n_bins, "sep_units": "arcmin",
        "bin_type": "Linear" if scale == "linear" else "Log",
    }


def _method(n_patches):
    """Return TreeCorr's name for the variance method: jackknife or, without patches, shot noise."""
    return "jackknife" if n_patches else "shot"


def _weighting(n_patches):
    """Return a dict with TreeCorr's parameter for the weight of pairs across two patches.

    The dict is empty if the number of patches is 0.
    """
    # With its default weight of pairs across patches, TreeCorr's jackknife errors are too large.
    return {"cross_patch_weight": "match"} if n_patches else {}


def _check_patches(n_patches, n_points, points):
    """Check the number of patches: 0, or at least 2 and at most the number of points.

    With a single patch, a jackknife sample would have no data. ``points`` is the plural noun for
    the points in the error message, such as "galaxies".
    """
    check_count(n_patches, "n_patches")
    if n_patches == 1 or n_patches > n_points:
        raise ParameterError(
            "n_patches", f"0, or at least 2 and at most {n_points}, the number of {points}",
            str(n_patches),
        )


def _pixel_weights(weights, kappa, name):
    """Check the weights of the pixels of a map, and return them with 0 in masked pixels.

    If ``weights`` is None, all unmasked pixels have a weight of 1. ``name`` is the name of the
    parameter, for error messages.
    """
    weights = np.ones(kappa.shape) if weights is None else np.asarray(weights, dtype=float)
    if weights.shape != kappa.shape:
        raise ParameterError(
            name, f"the shape (ny, nx) = {kappa.shape} of the map", str(weights.shape), verb="have"
        )
    weights = np.where(kappa.mask, 0.0, weights)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        raise ParameterError(
            name, "finite and at least 0 in all unmasked pixels", str(weights[bad][0])
        )
    if not weights.any():
        raise ParameterError(name, "positive in at least one unmasked pixel", "0 in all of them")
    return weights


def _field(treecorr, kappa, weights, n_patches, rng, like=None):
    """Convert the pixels of a map with nonzero weight to a TreeCorr catalog.

    The values of the catalog are kappa minus its weighted mean. The catalog is divided into patches
    with random centers or, if the TreeCorr catalog ``like`` is given, with the same centers as
    those of ``like``.
    """
    y, x = np.nonzero(weights)
    sky = kappa.wcs.pixel_to_world(x, y).icrs
    values, w = kappa.data[y, x], weights[y, x]
    patches = {"npatch": max(n_patches, 1)}
    if n_patches:
        patches["rng"] = np.random.RandomState(int(rng.integers(2**31)))
        if like is not None:
            patches = {"patch_centers": like.patch_centers}
    return treecorr.Catalog(
        ra=sky.ra.deg, dec=sky.dec.deg, ra_units="deg", dec_units="deg",
        k=values - np.average(values, weights=w), w=w, **patches,
    )


def _as_table(result, values, variances, n_patches):
    """Return a measured correlation function as a table with one row for each bin.

    ``result`` is TreeCorr's object of the correlation. ``values`` and ``variances`` are dicts of
    arrays, ``(n_bins,)``, keyed by column name. The columns contain the values and the square roots
    of the variances. With patches, the meta contains the covariance; without patches, the column
    ``xi_err`` is NaN.
    """
    has_pairs = result.npairs > 0
    if not has_pairs.any():
        raise ValueError(
            "no pair of galaxies or pixels has a separation between min_sep = "
            f"{result.min_sep:.3g} arcmin and max_sep = {result.max_sep:.3g} arcmin: choose a "
            "wider range"
        )
    theta = np.where(has_pairs, result.meanr, np.nan)
    table = QTable({
        "theta_low": result.left_edges * u.arcmin,
        "theta_high": result.right_edges * u.arcmin,
        "theta": theta * u.arcmin,
        **{name: np.where(has_pairs, value, np.nan) for name, value in values.items()},
        **{name: np.where(has_pairs, np.sqrt(v), np.nan) for name, v in variances.items()},
        "n_pairs": np.rint(result.npairs).astype(int),
    })
    if n_patches:
        table.meta["covariance"] = result.cov.tolist()
    else:
        for name in variances:
            if name == "xi_err":
                table[name] = np.nan  # TreeCorr's shot noise is not an error of a map
    return set_formats(table, {"theta_low theta_high theta": ".3f"}, others=".3g")
