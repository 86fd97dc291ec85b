# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Correlation functions: of maps with maps, and of the shear of galaxies."""

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.catalog import Calibration, as_shear_catalog
from lensmap.maps import check_map
from lensmap.utils import (
    check_angle,
    check_choice,
    check_count,
    n_threads,
    seeded_generator,
    set_formats,
)

__all__ = ["kappa_correlation", "shear_correlation"]


def kappa_correlation(
    kappa,
    other=None,
    *,
    min_sep,
    max_sep,
    n_bins=15,
    scale="linear",
    weights=None,
    other_weights=None,
    n_patches=20,
    rng=None,
):
    r"""Measure the correlation of a map with itself or with another.

    .. math:: \xi(\theta) = \langle \delta\kappa(x)\, \delta\kappa'(x + \theta) \rangle

    over pairs of open pixels, on the sphere, of the maps less their (weighted) means. Pairs of a
    pixel with itself do not count.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    other : `~lensmap.ConvergenceMap` or None
        The other map, on any pixels; None takes ``kappa`` again.
    min_sep, max_sep : `~astropy.units.Quantity` or str
        The range of separations, angles. Below two pixels the distances of a grid are few, and
        bins narrower than a pixel hold uneven numbers of them.
    n_bins : int
        How many bins.
    scale : {"linear", "log"}
        Their spacing.
    weights : array_like or None
        The weight of each pixel of ``kappa``, such as its inverse variance, ``(ny, nx)``; a pair
        has the product of its two. Pixels of weight 0 do not count. None: all open pixels alike.
    other_weights : array_like or None
        The same for ``other``.
    n_patches : int
        Into how many patches the map is cut for jackknife errors, from 2 to the number of its
        pixels that count; 0 gives no errors.
    rng : None, int or `numpy.random.Generator`
        The seed or generator of the patches' centers; None draws a seed.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``theta_low``, ``theta_high``, ``theta`` (the mean of
        the pairs), ``xi``, ``xi_err`` and ``n_pairs``; ``meta["covariance"]`` as nested lists, and
        ``meta["seed"]`` where there are patches.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or a map has no open pixel.

    References
    ----------
    Jarvis, Bernstein & Jain 2004, MNRAS 352, 338 (TreeCorr).
    """
    check_map(kappa)
    settings = _settings(min_sep, max_sep, n_bins, scale)
    if other is None and other_weights is not None:
        raise ValueError("other_weights need other, the map that they are of")
    weights = _pixel_weights(weights, kappa, "weights")
    _check_patches(n_patches, np.count_nonzero(weights), "pixels that count")
    import treecorr  # some time to load, and only here

    rng, seed = seeded_generator(rng)
    first = _field(treecorr, kappa, weights, n_patches, rng)
    second = None
    if other is not None:
        check_map(other)
        other_weights = _pixel_weights(other_weights, other, "other_weights")
        second = _field(treecorr, other, other_weights, n_patches, rng, like=first)
    # No slop for maps: their distances are multiples of a pixel, and a pair in the wrong bin shows.
    result = treecorr.KKCorrelation(
        **settings, bin_slop=0.0, var_method=_method(n_patches), **_weighting(n_patches)
    )
    result.process(first, second, num_threads=n_threads())
    table = _as_table(result, {"xi": result.xi}, {"xi_err": result.varxi}, n_patches)
    table.meta |= seed if n_patches else {}
    return table


def shear_correlation(
    catalog, *, min_sep, max_sep, n_bins=20, n_patches=30, rng=None, max_galaxies=None
):
    r"""Measure the two-point correlation of shear, and split it into E and B.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    min_sep, max_sep : `~astropy.units.Quantity` or str
        The range of separations, angles; bins are even in the logarithm.
    n_bins : int
        How many bins.
    n_patches : int
        Into how many patches the field is cut for jackknife errors, from 2 to the number of
        galaxies; 0 takes shape noise alone.
    rng : None, int or `numpy.random.Generator`
        The seed or generator of the patches' centers, and of which galaxies are taken; None
        draws a seed.
    max_galaxies : int or None
        A random part of the galaxies, at most this many, for a quick look; None takes all.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns ``theta_low``, ``theta_high``, ``theta``,
        ``n_pairs``; ``xi_plus``, ``xi_plus_err``, ``xi_minus``, ``xi_minus_err``; and the aperture
        masses with radii ``theta``: ``map2`` (E), ``mx2`` (B), ``map2_err``. They need correlations
        from 0 to four radii: they are NaN where the range does not reach far enough, and mix E and
        B at radii of a few ``min_sep``. ``meta`` has the ``seed``.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used.

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
    # TreeCorr has x to the west: g2 changes its sign from the celestial basis.
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
    reaches = radius < 0.26 * result.right_edges[-1]
    for name, values in (("map2", e_mode), ("mx2", b_mode), ("map2_err", np.sqrt(variance))):
        table[name] = np.where(reaches, values, np.nan)
    if n_patches:
        table.meta["covariance"] = result.cov.tolist()  # of xi_plus, then of xi_minus
    table.meta |= seed
    return table


def _settings(min_sep, max_sep, n_bins, scale):
    low, high = (check_angle(v, n).to_value(u.arcmin)
                 for v, n in ((min_sep, "min_sep"), (max_sep, "max_sep")))
    if not low < high:
        raise ValueError(f"max_sep must exceed min_sep: {min_sep} and {max_sep}")
    check_count(n_bins, "n_bins", minimum=1)
    check_choice(scale, "scale", ("linear", "log"))
    return {
        "min_sep": low, "max_sep": high, "nbins": n_bins, "sep_units": "arcmin",
        "bin_type": "Linear" if scale == "linear" else "Log",
    }


def _method(n_patches):
    return "jackknife" if n_patches else "shot"


def _weighting(n_patches):
    # Pairs between patches belong to both: without this, errors come out too large.
    return {"cross_patch_weight": "match"} if n_patches else {}


def _check_patches(n_patches, n, what):
    """Refuse more patches than points, and one patch: without it, a jackknife has nothing left."""
    check_count(n_patches, "n_patches")
    if n_patches == 1 or n_patches > n:
        raise ValueError(
            f"n_patches must be 0, or from 2 to the number of {what}, {n}, not {n_patches}"
        )


def _pixel_weights(weights, kappa, name):
    """Return a weight for each pixel, 0 where the map is masked."""
    weights = np.ones(kappa.shape) if weights is None else np.asarray(weights, dtype=float)
    if weights.shape != kappa.shape:
        raise ValueError(
            f"{name} must have the shape of the map, {kappa.shape} (ny, nx), not {weights.shape}"
        )
    weights = np.where(kappa.mask, 0.0, weights)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        raise ValueError(
            f"{name} must be finite and not negative where the map is not masked, not "
            f"{weights[bad][0]}"
        )
    if not weights.any():
        raise ValueError("the map has no pixel that is not masked and has a weight")
    return weights


def _field(treecorr, kappa, weights, n_patches, rng, like=None):
    """Return the pixels of a map that have a weight, less their mean."""
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
    some = result.npairs > 0
    if not some.any():
        raise ValueError(
            f"there is no pair between min_sep = {result.min_sep:.3g} arcmin and max_sep = "
            f"{result.max_sep:.3g} arcmin"
        )
    theta = np.where(some, result.meanr, np.nan)
    table = QTable({
        "theta_low": result.left_edges * u.arcmin,
        "theta_high": result.right_edges * u.arcmin,
        "theta": theta * u.arcmin,
        **{name: np.where(some, value, np.nan) for name, value in values.items()},
        **{name: np.where(some, np.sqrt(v), np.nan) for name, v in variances.items()},
        "n_pairs": np.rint(result.npairs).astype(int),
    })
    if n_patches:
        table.meta["covariance"] = result.cov.tolist()
    else:
        for name in variances:
            if name == "xi_err":
                table[name] = np.nan  # shot noise alone says nothing of a map
    return set_formats(table, {"theta_low theta_high theta": ".3f"}, others=".3g")
