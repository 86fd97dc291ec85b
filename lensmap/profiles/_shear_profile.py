# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`shear_profile`: the tangential shear of a catalog about one position or many."""

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.catalog import as_shear_catalog
from lensmap.cosmology import get_cosmology
from lensmap.profiles._efficiency import Efficiency
from lensmap.profiles._pairs import Sources
from lensmap.profiles._radii import as_angles, brief, check_edges, check_lens_redshifts
from lensmap.utils import (
    LensmapWarning,
    as_skycoord,
    check_choice,
    check_count,
    seeded_generator,
    set_formats,
    thread_map,
    warn_user,
)

__all__ = ["shear_profile"]

_ERRORS = ("shape noise", "bootstrap")
_SURFACE = u.solMass / u.Mpc**2

# The scatter of fewer lenses is not known from themselves.
_FEW = 10

# Sums over the galaxies of a bin; v is the weight times the square of 1 / sigma_crit.
_SUMS = ("n", "w", "wr", "wt", "wx", "w2s", "wb", "wb2", "v", "vt", "vx", "v2s")


def shear_profile(
    catalog,
    positions,
    bins,
    *,
    z_lens=None,
    z_source=None,
    cosmology=None,
    errors="shape noise",
    n_bootstrap=200,
    rng=None,
):
    r"""Measure the tangential and the cross shear about positions on the sky.

    .. math:: g_t + i g_\times = -g\, e^{-2 i \psi}, \qquad
              \Delta\Sigma = \frac{\sum w\, \Sigma_\mathrm{cr}^{-1} g_t}
                                  {\sum w\, \Sigma_\mathrm{cr}^{-2}}

    with :math:`\psi` the direction of the position as the galaxy sees it, on the sphere. Several
    positions are stacked: all their galaxies are averaged.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        One position or many, anywhere; tables have the columns ``ra`` and ``dec``.
    bins : `~astropy.units.Quantity`
        The edges of the radial bins, rising: angles, or proper lengths at the lens.
    z_lens : float, array_like or None
        The redshift of the lens, or of each; needed for lengths and for ``delta_sigma``.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the galaxies, or their distribution. None takes the column ``redshift``
        where there is one: galaxies in front of a lens, and those without a redshift, are left out
        then.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    errors : {"shape noise", "bootstrap"}
        Shape noise is that of the weighted mean, from the scatter of the ellipticities. Bootstrap
        draws the galaxies anew, or for many positions the positions, which has the variance
        of the lenses and of what else is on the sky in it. Either takes a galaxy that is around
        two positions for two: where rings overlap much, errors are too small.
    n_bootstrap : int
        How often.
    rng : None, int or `numpy.random.Generator`
        The seed or generator of the bootstrap; None draws a seed.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns

        - ``radius_low``, ``radius_high``, in the unit of ``bins``; ``radius``: the weighted mean of
          the galaxies;
        - ``n_pairs``, ``weight``: the number and the weight of the galaxies, each counted for each
          position that it is around;
        - ``g_t``, ``g_x``: the reduced shear; ``g_err``: the error of either;
        - with ``z_lens`` and redshifts of sources: ``delta_sigma``, ``delta_sigma_x``,
          ``delta_sigma_err`` in solar masses per square proper Mpc; ``sigma_crit`` of the mean
          galaxy (the inverse of the mean of the inverse), and ``efficiency_ratio``,
          :math:`\langle\beta^2\rangle / \langle\beta\rangle^2` of the lensing efficiency.

        Bins without galaxies are NaN. ``meta`` has ``n_positions`` (of those with galaxies in any
        bin), the mean ``z_lens``, ``errors``, and with a bootstrap ``n_bootstrap``,
        ``seed`` and ``covariance`` of ``g_t`` (and ``covariance_delta_sigma``) as nested lists.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or no galaxy is in any bin.

    References
    ----------
    Bartelmann & Schneider 2001, Phys. Rep. 340, 291, sec. 4; Sheldon et al. 2004, AJ 127, 2544
    (:math:`\Delta\Sigma`).
    """
    catalog = as_shear_catalog(catalog)
    positions = as_skycoord(positions)
    if len(positions) == 0:
        raise ValueError("positions must be at least one")
    bins = check_edges(bins)
    check_choice(errors, "errors", _ERRORS)
    check_count(n_bootstrap, "n_bootstrap", minimum=2)
    cosmology = get_cosmology(cosmology, structure=False)
    z_lens = check_lens_redshifts(z_lens, len(positions))
    angles = as_angles(bins, z_lens, len(positions), cosmology)
    sources = Sources(catalog)
    efficiency = Efficiency.from_redshifts(sources.redshift, z_lens, z_source, cosmology)
    one = len(positions) == 1
    rng, seed = seeded_generator(rng)
    if one and errors == "bootstrap":
        column, values = _pairs(sources, positions[0], angles[0], efficiency, 0)
        sums = _sums_of(column, values, len(bins) - 1)[np.newaxis]
        draws = _galaxies_anew(column, values, len(bins) - 1, n_bootstrap, rng)
    else:
        _ = sources._tree  # made once, not in each thread
        sums = np.array(thread_map(
            lambda i: _sums_of(*_pairs(sources, positions[i], angles[i], efficiency, i),
                               len(bins) - 1),
            range(len(positions)),
        ))
        draws = _positions_anew(sums, n_bootstrap, rng) if errors == "bootstrap" else None
    table = _table(sums.sum(axis=0), bins, efficiency is not None, positions)
    # Positions without any galaxy lie off the survey: they are not among those that are stacked.
    n_seen = np.count_nonzero(sums[:, 0].any(axis=1))
    table.meta |= {"n_positions": n_seen, "errors": errors}
    if errors == "bootstrap":
        table.meta |= {"n_bootstrap": n_bootstrap, **seed}
        if 1 < n_seen < _FEW:
            warn_user(
                f"errors of a bootstrap of {n_seen} positions mean little: take at least {_FEW}, "
                "or errors='shape noise'",
                LensmapWarning,
                "few_positions",
                "positions",
            )
    if z_lens is not None:
        table.meta["z_lens"] = float(np.mean(z_lens))
    if draws is not None:
        _put_bootstrap(table, draws, efficiency is not None)
    return _shown(table)


def _pairs(sources, position, edges, efficiency, i):
    """Return the galaxies around a position: in which bin, and what is summed of them."""
    rows, theta, turned = sources.around(position, edges[-1])
    column = np.searchsorted(edges, theta, side="right") - 1
    good = (column >= 0) & (column < len(edges) - 1)
    inverse = square = None
    if efficiency is not None:
        inverse, square = efficiency.inverse_sigma_crit(i, rows)
        good &= inverse > 0
        inverse, square = inverse[good], square[good]
    rows, theta, turned, column = rows[good], theta[good], turned[good], column[good]
    w = sources.weight[rows]
    t, x = turned.real, turned.imag
    half = 0.5 * (t**2 + x**2)
    # Radii in units of the outermost edge, which is the same length for all lenses.
    values = [np.ones(len(rows)), w, w * theta / edges[-1], w * t, w * x, w**2 * half]
    if efficiency is not None:
        v = w * inverse
        values += [v, w * square, v * inverse, v * t, v * x, v**2 * half]
    return column, np.array(values)


def _sums_of(column, values, n_bins):
    sums = np.zeros((len(_SUMS), n_bins))
    for k, value in enumerate(values):
        sums[k] = np.bincount(column, value, minlength=n_bins)
    return sums


def _galaxies_anew(column, values, n_bins, n_bootstrap, rng):
    """Return sums with galaxies drawn again, ``(n_bootstrap, n_sums, n_bins)``."""
    draws = np.zeros((n_bootstrap, len(_SUMS), n_bins))
    for draw in draws:
        times = rng.poisson(1.0, len(column))
        for k, value in enumerate(values):
            draw[k] = np.bincount(column, value * times, minlength=n_bins)
    return draws


def _positions_anew(sums, n_bootstrap, rng):
    times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=n_bootstrap)
    return np.tensordot(times.astype(float), sums, 1)


def _means(sums, with_sigma):
    """Return g_t, g_x (and delta_sigma, delta_sigma_x)."""
    named = dict(zip(_SUMS, np.moveaxis(sums, -2, 0), strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = {"g_t": named["wt"] / named["w"], "g_x": named["wx"] / named["w"]}
        if with_sigma:
            means["delta_sigma"] = named["vt"] / named["v"]
            means["delta_sigma_x"] = named["vx"] / named["v"]
    return means, named


def _table(sums, bins, with_sigma, positions):
    means, named = _means(sums, with_sigma)
    if not named["n"].any():
        raise ValueError(
            "no galaxy is in any of the bins: positions must lie in the survey, and bins be wide "
            f"enough; positions are {brief(positions)}, bins {bins[0]:.3g} to {bins[-1]:.3g}"
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        table = QTable({
            "radius_low": bins[:-1],
            "radius_high": bins[1:],
            "radius": named["wr"] / named["w"] * bins[-1],
            "n_pairs": named["n"].astype(int),
            "weight": named["w"],
            "g_t": means["g_t"],
            "g_x": means["g_x"],
            "g_err": np.sqrt(named["w2s"]) / named["w"],
        })
        if with_sigma:
            table["delta_sigma"] = means["delta_sigma"] * _SURFACE
            table["delta_sigma_x"] = means["delta_sigma_x"] * _SURFACE
            table["delta_sigma_err"] = np.sqrt(named["v2s"]) / named["v"] * _SURFACE
            table["sigma_crit"] = named["w"] / named["wb"] * _SURFACE
            table["efficiency_ratio"] = named["wb2"] * named["w"] / named["wb"] ** 2
    return table


def _shown(table):
    return set_formats(
        table, {"g_t g_x g_err": ".5f", "efficiency_ratio": ".3f"}, others=".4g"
    )


def _put_bootstrap(table, draws, with_sigma):
    """Replace errors by the scatter of what was drawn, and add covariances."""
    means, _ = _means(draws, with_sigma)
    names = {"g_t": ("g_err", "covariance", 1.0)}
    if with_sigma:
        names["delta_sigma"] = ("delta_sigma_err", "covariance_delta_sigma", _SURFACE)
    for name, (error, covariance, unit) in names.items():
        matrix = np.atleast_2d(np.cov(means[name].T))
        table[error] = np.sqrt(np.diag(matrix)) * unit
        table.meta[covariance] = matrix.tolist()
