# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One-to-one matching of peaks and clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import search_around_sky
from astropy.table import QTable
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lensmap.utils import as_skycoord, check_angle, set_formats

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from lensmap.typing import AngleLike, PositionLike

__all__ = ["match_peaks", "match_positions"]


def match_peaks(peaks: PositionLike, reference: PositionLike, radius: AngleLike) -> QTable:
    """Match two lists of positions on the sky, one to one.

    Each position is in one pair at most. The matching has the largest possible number of pairs
    closer than ``radius`` and, among all matchings with this number of pairs, the smallest sum of
    squared separations. In contrast, a nearest-neighbor search may assign one cluster to two peaks,
    and a greedy search may miss a pair.

    Parameters
    ----------
    peaks, reference : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        Positions, or tables with the columns ``ra`` and ``dec`` (degrees, ICRS).
    radius : `~astropy.units.Quantity` or str
        The maximum separation of a pair, an angle.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each pair, in the order of the peaks, with the columns ``peak`` and
        ``reference`` (the row numbers in the two lists, from 0) and ``separation`` (arcmin); no
        rows if there are no pairs.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from lensmap.peaks import match_peaks
    >>> peaks = SkyCoord([10.0, 10.02], [0.0, 0.0], unit="deg")
    >>> clusters = SkyCoord([10.01, 10.04], [0.0, 0.0], unit="deg")
    >>> match = match_peaks(peaks, clusters, "2 arcmin")
    >>> list(zip(match["peak"].tolist(), match["reference"].tolist()))
    [(0, 0), (1, 1)]
    """
    radius = check_angle(radius, "radius")
    first, second, separation = match_positions(
        as_skycoord(peaks, "peaks"), as_skycoord(reference, "reference"), radius
    )
    table = QTable(
        {"peak": first, "reference": second, "separation": (separation * u.rad).to(u.arcmin)}
    )
    return set_formats(table, {"separation": ".3f"})


def match_positions(
    one: SkyCoord, other: SkyCoord, radius: u.Quantity
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Match two lists of positions on the sky, one to one, and return arrays.

    The matching has the largest possible number of pairs closer than ``radius`` and, among all
    matchings with this number of pairs, the smallest sum of squared separations.

    Parameters
    ----------
    one, other : `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)`` and ``(m,)``.
    radius : `~astropy.units.Quantity`
        The maximum separation of a pair, an angle.

    Returns
    -------
    first, second : `numpy.ndarray`
        The indices of each pair in ``one`` and in ``other``, ``(n_pairs,)``, in the order of
        ``first``.
    separation : `numpy.ndarray`
        The separation of each pair, radians, ``(n_pairs,)``.
    """
    if len(one) == 0 or len(other) == 0:
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0)
    i, j, separation, _ = search_around_sky(one, other, radius)
    separation = separation.to_value(u.rad)
    n, m = len(one), len(other)
    graph = coo_array((np.ones(len(i)), (i, n + j)), shape=(n + m, n + m))
    _, group = connected_components(graph, directed=False)
    # A candidate pair is a match if neither of its positions is in another candidate pair.
    isolated = np.bincount(group[i], minlength=1)[group[i]] == 1
    pairs = list(zip(*(v[isolated].tolist() for v in (i, j, separation)), strict=True))
    order = np.flatnonzero(~isolated)
    order = order[np.argsort(group[i][order], kind="stable")]
    starts = np.flatnonzero(np.diff(group[i][order], prepend=-1))
    for rows in np.split(order, starts[1:]) if len(order) else []:
        pairs.extend(_assign(i[rows], j[rows], separation[rows]))
    pairs.sort()
    if not pairs:
        return match_positions(one[:0], other, radius)
    first, second, separation = map(np.array, zip(*pairs, strict=True))
    return first, second, separation


def _assign(
    i: np.ndarray, j: np.ndarray, separation: np.ndarray
) -> list[tuple[int, int, float]]:
    """Return the best one-to-one pairs (i, j, separation) in a group of candidate pairs.

    ``i`` and ``j`` are the indices of the candidates in the two lists, and ``separation`` their
    separations, ``(n,)`` each. The best pairs are as many as possible and, for this number of
    pairs, have the smallest sum of squared separations. Each position is in one pair at most.
    """
    rows, i = np.unique(i, return_inverse=True)
    columns, j = np.unique(j, return_inverse=True)
    square = (separation / separation.max()) ** 2 if separation.max() > 0 else separation
    # A missing pair costs more than all squared separations together, so that the number of pairs
    # is maximized first.
    cost = np.full((len(rows), len(columns)), 2.0 * min(len(rows), len(columns)) + 2.0)
    cost[i, j] = square
    distance = np.full(cost.shape, np.nan)
    distance[i, j] = separation
    r, c = linear_sum_assignment(cost)
    return [
        (int(rows[a]), int(columns[b]), float(distance[a, b]))
        for a, b in zip(r, c, strict=True)
        if np.isfinite(distance[a, b])
    ]
