# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Completeness and purity of peaks, corrected for chance matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.stats import binom_conf_interval
from astropy.table import QTable, Table

from lensmap.maps import check_map, pixel_areas
from lensmap.peaks._matching import match_positions
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    as_skycoord,
    check_angle,
    check_count,
    check_number,
    check_rising,
    seeded_generator,
    set_formats,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.coordinates import SkyCoord
    from numpy.typing import ArrayLike

    from lensmap.maps import ConvergenceMap
    from lensmap.typing import AngleLike, PositionLike, RNGLike

__all__ = [
    "binomial_rate",
    "completeness",
    "correct_for_chance",
    "peaks_at_density",
    "purity",
    "unmasked_area",
]


def completeness(
    peaks: PositionLike,
    reference: PositionLike,
    radius: AngleLike,
    *,
    by: str | None = None,
    bins: ArrayLike | None = None,
    kappa: ConvergenceMap | None = None,
    n_random: int = 20,
    rng: RNGLike = None,
) -> QTable:
    r"""Measure the fraction of reference objects with a matching peak, in bins of a column.

    Peaks and reference are matched one to one, as in `match_peaks`. The rate of chance matches
    :math:`f_0` is measured with randomly displaced peaks. The measured rate f is corrected to
    :math:`(f - f_0) / (1 - f_0)`.

    Completeness depends on the choice of the reference: halos, observed clusters, or the peaks of
    the true convergence with their projected masses (Cha et al. 2025). State the reference and the
    purity along with the completeness.

    Parameters
    ----------
    peaks : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        The peaks.
    reference : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        The reference objects, such as clusters.
    radius : `~astropy.units.Quantity` or str
        The maximum separation of a match, an angle.
    by : str or None
        The column of ``reference`` to bin by, such as ``"m200c"`` or ``"redshift"``. If None, all
        rows are in one bin.
    bins : array_like or None
        Edges of the bins in increasing order, ``(n_bins + 1,)``, required with ``by``. Edges
        without a unit are in the unit of the column. A bin includes its lower edge; the last bin
        also includes its upper edge. Rows whose entry is masked or NaN are in no bin.
    kappa : `~lensmap.ConvergenceMap` or None
        The map of the peaks, to measure chance matches. All peaks are displaced by one random
        vector, with periodic edges; peaks that then lie on masked pixels are moved to random
        unmasked pixels. Objects of either list on masked pixels or outside the map are left out.
        If None, chance matches are not measured and no object is left out; both lists must then
        cover the same area.
    n_random : int
        The number of random displacements.
    rng : None, int or `numpy.random.Generator`
        Seed or generator for the random displacements; None draws a new seed in each call.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns

        - ``bin_low``, ``bin_high``: the edges of the bin;
        - ``n``: the number of reference objects; if it is 0, the rates are NaN;
        - ``n_matched``: the number of reference objects with a match;
        - ``rate``, ``rate_low``, ``rate_high``: the matched fraction and its 68 per cent interval
          (binomial, Jeffreys);
        - ``chance``: the matched fraction with displaced peaks; NaN without ``kappa``;
        - ``corrected``, ``corrected_low``, ``corrected_high``: the matched fraction and its
          interval, corrected for chance matches.

        ``meta`` contains ``rate`` (``"completeness"`` or ``"purity"``), ``by`` and, with ``kappa``,
        the ``seed``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or all pixels of ``kappa`` are masked.

    References
    ----------
    Brown, Cai & DasGupta 2001, Stat. Sci. 16, 101 (the interval).
    """
    return _rates(reference, peaks, radius, by, bins, kappa, n_random, rng,
                  names=("reference", "peaks"), quantity="completeness")


def purity(
    peaks: PositionLike,
    reference: PositionLike,
    radius: AngleLike,
    *,
    by: str | None = None,
    bins: ArrayLike | None = None,
    kappa: ConvergenceMap | None = None,
    n_random: int = 20,
    rng: RNGLike = None,
) -> QTable:
    """Measure the fraction of peaks with a matching reference object, in bins of a column.

    This is `completeness` with peaks and reference exchanged: ``by`` is a column of ``peaks``, such
    as ``"snr"``, and the reference objects are displaced.

    Parameters
    ----------
    peaks : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        The peaks.
    reference : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        The reference objects, such as clusters.
    radius : `~astropy.units.Quantity` or str
        The maximum separation of a match, an angle.
    by : str or None
        The column of ``peaks`` to bin by. If None, all peaks are in one bin.
    bins : array_like or None
        Edges of the bins in increasing order, ``(n_bins + 1,)``, required with ``by``.
    kappa : `~lensmap.ConvergenceMap` or None
        The map of the peaks, to measure the rate of chance matches with randomly displaced
        reference objects. If None, chance matches are not measured.
    n_random : int
        The number of random displacements.
    rng : None, int or `numpy.random.Generator`
        Seed or generator for the random displacements; None draws a new seed in each call.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns of `completeness`. Here, ``n`` is the number of
        peaks, and ``n_matched`` the number of peaks with a match.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.
    """
    return _rates(peaks, reference, radius, by, bins, kappa, n_random, rng,
                  names=("peaks", "reference"), quantity="purity")


def unmasked_area(kappa: ConvergenceMap) -> u.Quantity:
    """Return the solid angle of the unmasked pixels of a map.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.

    Returns
    -------
    `~astropy.units.Quantity`
        The solid angle, square degrees.
    """
    check_map(kappa)
    return (pixel_areas(kappa.wcs, kappa.shape)[~kappa.mask].sum() * u.sr).to(u.deg**2)


def peaks_at_density(peaks: Table, peak_density: u.Quantity, kappa: ConvergenceMap) -> Table:
    """Select the highest peaks of a map, up to a number density on the sky.

    At the same number density, peaks from different estimators can be compared even if their
    signal-to-noise ratios have different meanings.

    Parameters
    ----------
    peaks : `~astropy.table.Table`
        The peaks, the highest first, as returned by `find_peaks`.
    peak_density : `~astropy.units.Quantity`
        The number of peaks per solid angle of unmasked pixels.
    kappa : `~lensmap.ConvergenceMap`
        The map of the peaks.

    Returns
    -------
    `~astropy.table.Table`
        The first rows of ``peaks``.

    Raises
    ------
    TypeError, ValueError
        If ``peak_density`` cannot be used, or exceeds the number density of ``peaks``.
    """
    if not isinstance(peak_density, u.Quantity) or (
        not peak_density.unit.is_equivalent(1 / u.deg**2)
    ):
        raise ParameterTypeError(
            "peak_density", "a number per solid angle, such as 20 / u.deg**2", repr(peak_density)
        )
    number = float(peak_density * unmasked_area(kappa))
    check_number(number, "peak_density", "positive", low=1e-12)
    if round(number) > len(peaks):
        raise ParameterError(
            "peak_density",
            f"at most {len(peaks) / unmasked_area(kappa):.3g}, the density of all given peaks",
            f"{peak_density:.3g}",
            "find more peaks with a lower threshold",
        )
    return peaks[: round(number)]


def _rates(
    counted: PositionLike,
    counterparts: PositionLike,
    radius: AngleLike,
    by: str | None,
    bins: ArrayLike | None,
    kappa: ConvergenceMap | None,
    n_random: int,
    rng: RNGLike,
    names: tuple[str, str],
    quantity: str,
) -> QTable:
    """Measure the fraction of objects that have a counterpart in another list, in bins.

    Parameters
    ----------
    counted, counterparts : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        The objects whose matched fraction is measured, and the objects to match them with.
    radius : `~astropy.units.Quantity` or str
        The maximum separation of a match, an angle.
    by : str or None
        The column of ``counted`` to bin by. If None, all rows are in one bin.
    bins : array_like or None
        Edges of the bins in increasing order, ``(n_bins + 1,)``; required with ``by``.
    kappa : `~lensmap.ConvergenceMap` or None
        The map of the peaks, to measure the rate of chance matches with randomly displaced
        ``counterparts``. Objects of either list on masked pixels or outside the map are left out.
        If None, chance matches are not measured and no object is left out.
    n_random : int
        The number of random displacements.
    rng : None, int or `numpy.random.Generator`
        Seed or generator for the random displacements; None draws a new seed in each call.
    names : tuple of str
        The parameters of the public function, such as ``("reference", "peaks")``, that contain
        ``counted`` and ``counterparts``; for error messages.
    quantity : str
        ``"completeness"`` or ``"purity"``, stored in ``meta``.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns of `completeness`.
    """
    radius = check_angle(radius, "radius")
    sky, other_sky = as_skycoord(counted, names[0]), as_skycoord(counterparts, names[1])
    index, low, high = _bin_indices(counted, by, bins, len(sky), names[0])
    if kappa is not None:
        # The periodic displacement would move positions outside the map into it.
        unmasked, other_unmasked = _unmasked(sky, kappa), _unmasked(other_sky, kappa)
        sky, index, other_sky = sky[unmasked], index[unmasked], other_sky[other_unmasked]

    def count(counterpart_sky: SkyCoord) -> np.ndarray:
        first, _, _ = match_positions(sky, counterpart_sky, radius)
        return _counts(index[first], len(low))

    n, n_matched = _counts(index, len(low)), count(other_sky)
    rate, interval = binomial_rate(n_matched, n)
    chance, seed = np.full(len(low), np.nan), dict[str, int]()
    if kappa is not None:
        generator, seed = seeded_generator(rng)
        n_chance = [
            count(_displaced(other_sky, kappa, generator))
            for _ in range(check_count(n_random, "n_random", minimum=1))
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = np.mean(n_chance, axis=0) / n
    rates = {"rate": rate, "rate_low": interval[0], "rate_high": interval[1]}
    table = QTable({"bin_low": low, "bin_high": high, "n": n, "n_matched": n_matched, **rates,
                    "chance": chance, **correct_for_chance(rates, chance)},
                   meta={"rate": quantity, "by": by, **seed})
    return set_formats(table, {"bin_low bin_high": ".4g"}, others=".3f")


def _counts(index: np.ndarray, n_bins: int) -> np.ndarray:
    """Return the number of objects in each bin, ``(n_bins,)``.

    ``index`` is the bin index of each object; objects with the index -1 are in no bin.
    """
    return np.bincount(index[index >= 0], minlength=n_bins)


def correct_for_chance(
    rates: Mapping[str, float | np.ndarray], chance: float | np.ndarray
) -> dict[str, np.ndarray]:
    """Return rates corrected for chance matches, :math:`(f - f_0) / (1 - f_0)`.

    Parameters
    ----------
    rates : dict
        Rates f (numbers or arrays), keyed by names that contain ``rate``, such as ``rate_low``.
    chance : float or `numpy.ndarray`
        The rate of chance matches :math:`f_0`.

    Returns
    -------
    dict
        The corrected rates, keyed by the same names with ``corrected`` in place of ``rate``; NaN
        where :math:`f_0` is 1.
    """
    chance = np.asarray(chance, dtype=float)
    rest = np.where(chance < 1, 1 - chance, np.nan)
    return {name.replace("rate", "corrected"): (value - chance) / rest
            for name, value in rates.items()}


def _bin_indices(
    table: PositionLike, by: str | None, bins: ArrayLike | None, n: int, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the bin index of each of the n rows of a table, and the edges of the bins.

    The index, ``(n,)``, is -1 for rows in no bin. The lower and the upper edges are two arrays,
    ``(n_bins,)``. ``by`` is the column of the table to bin by, None for one bin with all rows, and
    ``bins`` are the edges. ``name`` is the parameter of the public function that contains the
    table, such as ``"peaks"``; for error messages.
    """
    if by is None:
        if bins is not None:
            raise ParameterError(
                "by", "given if {bins} are given", "None",
                f"name the column of {{{name}}} to which the bins apply",
            )
        return np.zeros(n, dtype=int), np.array([-np.inf]), np.array([np.inf])
    if not isinstance(table, Table) or by not in table.colnames:
        columns = ", ".join(map(repr, getattr(table, "colnames", [])))
        remedy = f"has the columns {columns}" if columns else "is not a table; give a table"
        raise ParameterError(
            "by", f"the name of a column of {{{name}}}", repr(by), f"{{{name}}} {remedy}"
        )
    column = table[by]
    masked = np.broadcast_to(np.asarray(getattr(column, "mask", False), dtype=bool), (n,))
    # The numbers under a mask have no meaning.
    values = u.Quantity(getattr(column, "unmasked", column))
    if bins is None:
        raise ParameterError(
            "bins", "given if {by} is given", "None", f"give the edges of bins of {by!r}"
        )
    edges = u.Quantity(bins)
    if edges.unit == u.dimensionless_unscaled:
        edges = edges.value * values.unit
    try:
        edges = edges.to(values.unit)
    except u.UnitConversionError:
        raise ParameterError(
            "bins", f"in units of the column {by!r} ({str(values.unit) or 'no unit'})",
            f"in {edges.unit}",
        ) from None
    check_rising(edges.value, "bins", given=bins)
    index = np.searchsorted(edges.value, values.value, side="right") - 1
    index[values.value == edges.value[-1]] = len(edges) - 2
    index[(index >= len(edges) - 1) | masked] = -1
    return index, edges[:-1], edges[1:]


def binomial_rate(k: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the binomial rate k/n with its 68 per cent interval.

    Parameters
    ----------
    k, n : `numpy.ndarray`
        Successes and trials, int, ``(m,)``.

    Returns
    -------
    rate : `numpy.ndarray`
        The rate, ``(m,)``; NaN where there are no trials.
    interval : `numpy.ndarray`
        The lower and upper end of the Jeffreys interval, ``(2, m)``; NaN where there are no trials.
    """
    tried = n > 0
    rate = np.divide(k, n, out=np.full(len(n), np.nan), where=tried)
    interval = np.full((2, len(n)), np.nan)
    if tried.any():
        interval[:, tried] = binom_conf_interval(k[tried], n[tried], interval="jeffreys")
    return rate, interval


def _unmasked(sky: SkyCoord, kappa: ConvergenceMap) -> np.ndarray:
    """Return whether each position lies on an unmasked pixel of the map, bool, ``(n,)``."""
    check_map(kappa, unmasked=True)
    ny, nx = kappa.shape
    x, y = (np.rint(v) for v in kappa.wcs.world_to_pixel(sky))
    # Positions on the opposite side of the sky have NaN pixel coordinates: comparisons are False.
    unmasked = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    unmasked[unmasked] = ~kappa.mask[y[unmasked].astype(int), x[unmasked].astype(int)]
    return unmasked


def _displaced(sky: SkyCoord, kappa: ConvergenceMap, rng: np.random.Generator) -> SkyCoord:
    """Displace all positions by the same random vector, with periodic edges of the map.

    Positions that then lie on masked pixels are moved to random unmasked pixels.
    """
    ny, nx = kappa.shape
    x, y = kappa.wcs.world_to_pixel(sky)
    x, y = ((v + 0.5 + n * rng.random()) % n - 0.5 for v, n in ((x, nx), (y, ny)))
    masked = kappa.mask[_nearest_pixel(y, ny), _nearest_pixel(x, nx)]
    rows, columns = np.nonzero(~kappa.mask)
    chosen = rng.integers(len(rows), size=int(masked.sum()))
    x[masked] = columns[chosen] + rng.uniform(-0.5, 0.5, len(chosen))
    y[masked] = rows[chosen] + rng.uniform(-0.5, 0.5, len(chosen))
    return kappa.wcs.pixel_to_world(x, y)


def _nearest_pixel(position: np.ndarray, n: int) -> np.ndarray:
    return np.clip(np.rint(position).astype(int), 0, n - 1)
