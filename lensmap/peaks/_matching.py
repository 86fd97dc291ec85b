# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`match_peaks`: which peaks are which clusters, one to one."""

import numpy as np
from astropy import units as u
from astropy.coordinates import search_around_sky
from astropy.table import QTable
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lensmap.utils import as_skycoord, check_angle, set_formats

__all__ = ["match_peaks", "match_positions"]


def match_peaks(peaks, reference, radius):
    """Match two lists of positions on the sky, one to one.

    Of all ways to pair positions closer than ``radius``, each in one pair at most, that with the
    most pairs is taken, and of several such the one with the smallest sum of squared distances.
    A nearest-neighbor search gives one cluster to two peaks; a greedy one can leave a pair out.

    Parameters
    ----------
    peaks, reference : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        Positions, or tables with the columns ``ra`` and ``dec`` (degrees, ICRS).
    radius : `~astropy.units.Quantity` or str
        An angle: the largest distance of a pair.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each pair, in the order of the peaks, with the columns ``peak`` and
        ``reference`` (their rows, from 0) and ``separation`` (arcmin); no rows if there is none.

    Raises
    ------
    TypeError, ValueError
        If positions or radius cannot be used.

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


def match_positions(one, other, radius):
    """Match positions as `match_peaks` does.

    Parameters
    ----------
    one, other : `~astropy.coordinates.SkyCoord`
        ``(n,)`` and ``(m,)``.
    radius : `~astropy.units.Quantity`
        An angle.

    Returns
    -------
    first, second : `numpy.ndarray`
        The indices of the pairs, the first rising.
    separation : `numpy.ndarray`
        Radians.
    """
    if len(one) == 0 or len(other) == 0:
        nothing = np.zeros(0, dtype=int)
        return nothing, nothing.copy(), np.zeros(0)
    i, j, separation, _ = search_around_sky(one, other, radius)
    separation = separation.to_value(u.rad)
    n, m = len(one), len(other)
    graph = coo_array((np.ones(len(i)), (i, n + j)), shape=(n + m, n + m))
    _, group = connected_components(graph, directed=False)
    # Pairs that have no position in common with others can be matched by themselves.
    alone = np.bincount(group[i], minlength=1)[group[i]] == 1
    pairs = list(zip(*(part[alone].tolist() for part in (i, j, separation)), strict=True))
    order = np.flatnonzero(~alone)
    order = order[np.argsort(group[i][order], kind="stable")]
    starts = np.flatnonzero(np.diff(group[i][order], prepend=-1))
    for rows in np.split(order, starts[1:]) if len(order) else []:
        pairs.extend(_best(i[rows], j[rows], separation[rows]))
    pairs.sort()
    if not pairs:
        return match_positions(one[:0], other, radius)
    first, second, separation = map(np.array, zip(*pairs, strict=True))
    return first, second, separation


def _best(i, j, separation):
    """Return the best pairs of a group, as (i, j, separation)."""
    rows, i = np.unique(i, return_inverse=True)
    columns, j = np.unique(j, return_inverse=True)
    square = (separation / separation.max()) ** 2 if separation.max() > 0 else separation
    # No pair costs more than all squares together: one pair more always pays.
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
