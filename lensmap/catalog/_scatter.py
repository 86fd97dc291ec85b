# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The scatter of the ellipticities as a function of the weight."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lensmap.utils import chunk_slices, thread_map

if TYPE_CHECKING:
    from lensmap.catalog._shear_catalog import ShearCatalog

__all__ = [
    "VarianceByWeight",
    "add_scatter",
    "no_scatter",
    "scatter_by_weight",
    "variance_by_weight",
]

_CHUNK_GALAXIES = 500_000

# The bits of a float64 weight that are dropped. The rest, the exponent and 9 bits of the mantissa,
# numbers bins whose width is between 1/1024 and 1/512 of the weight.
_DROPPED_BITS = 43

_MAX_NODES, _GALAXIES_PER_NODE = 64, 30

# Nodes are merged if their weights differ by less than this fraction.
_MIN_SPACING = 2e-3

# The lowest variance in units of the trend, so that no galaxy is without noise by chance.
_MIN_RATIO = 0.05

# The columns of the sums.
_BIN, _N, _W, _WE2, _WV_M = range(5)


def no_scatter() -> np.ndarray:
    """Return the result of `scatter_by_weight` for a catalog without galaxies, ``(0, 5)``."""
    return np.zeros((0, 5))


def scatter_by_weight(catalog: ShearCatalog) -> np.ndarray:
    """Sum the squared ellipticities of a catalog in narrow bins of weight.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies. Galaxies with a weight of 0 do not count.

    Returns
    -------
    `numpy.ndarray`
        One row for each bin that contains galaxies, in order of increasing weight, ``(n_bins, 5)``:
        the index of the bin, the number of galaxies, and the sums of ``w``, of
        ``w (e1**2 + e2**2) / 2`` and of ``w sigma_m**2``, where w is the weight of a galaxy. The
        last sum is 0 for catalogs without the column ``sigma_m``. The bins are the same for all
        catalogs.
    """
    total = no_scatter()
    slices = chunk_slices(len(catalog), _CHUNK_GALAXIES)
    for part in thread_map(lambda rows: _of_rows(catalog, rows), slices, len(catalog)):
        total = add_scatter(total, part)
    return total


def _of_rows(catalog: ShearCatalog, rows: slice) -> np.ndarray:
    names = ("e1", "e2") if catalog["sigma_m"] is None else ("e1", "e2", "sigma_m")
    squares = [np.square(catalog[name][rows], dtype=float) for name in names]
    if catalog.weight is None:
        weight = np.ones(len(squares[0]))
    else:
        weight = catalog.weight[rows].astype(float)
    positive = weight > 0
    if not positive.all():
        weight, squares = weight[positive], [square[positive] for square in squares]
    if len(weight) == 0:
        return no_scatter()
    bins = weight.view(np.int64) >> _DROPPED_BITS
    first = bins.min()
    bins -= first
    n = np.bincount(bins)
    used = np.flatnonzero(n)
    sums = np.zeros((len(used), 5))
    sums[:, _BIN], sums[:, _N] = used + first, n[used]
    sums[:, _W] = np.bincount(bins, weight)[used]
    sums[:, _WE2] = 0.5 * np.bincount(bins, weight * (squares[0] + squares[1]))[used]
    for square in squares[2:]:
        sums[:, _WV_M] = np.bincount(bins, weight * square)[used]
    return sums


def add_scatter(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Add the sums in bins of weight of two catalogs.

    Parameters
    ----------
    one, other : `numpy.ndarray`
        Results of `scatter_by_weight`, ``(n_bins, 5)``.

    Returns
    -------
    `numpy.ndarray`
        The sums over the galaxies of both catalogs, ``(n_bins, 5)``.
    """
    bins = np.union1d(one[:, _BIN], other[:, _BIN])
    sums = np.zeros((len(bins), 5))
    sums[:, _BIN] = bins
    for part in (one, other):
        sums[np.searchsorted(bins, part[:, _BIN]), _N:] += part[:, _N:]
    return sums


def variance_by_weight(sums: np.ndarray) -> VarianceByWeight | None:
    r"""Return the intrinsic variance of the ellipticities as a function of the weight.

    The intrinsic variance is the variance of the ellipticities minus the measurement variance. It
    is averaged over galaxies of similar weight at up to 64 nodes, which have about the same number
    of galaxies between them. A galaxy is shared between the two nearest nodes, linearly in rank.
    The trend :math:`\sigma^2(w) = a + b / w` is fitted to these averages. The differences from the
    trend are expanded in cosines, and each octave of frequency is reduced by the fraction of its
    power that the errors of the averages explain. The result is smooth if the true variance is a
    smooth function of the weight, and equals the trend if the averages agree with the trend within
    their errors.

    The lensing signal adds to the variance of the ellipticities, but its variance per component,
    about 2e-4 for cosmic shear, is negligible.

    Parameters
    ----------
    sums : `numpy.ndarray`
        The result of `scatter_by_weight`, ``(n_bins, 5)``.

    Returns
    -------
    VarianceByWeight or None
        The variance per component. None if it cannot be measured as a function of the weight:
        with fewer than 60 galaxies, or if all weights are the same within 0.2 per cent.

    References
    ----------
    Donoho & Johnstone 1995, J. Am. Stat. Assoc. 90, 1200 (shrinkage by octaves of frequency).
    """
    totals, n_effective = _at_nodes(sums)
    if len(n_effective) < 2:
        return None
    nodes, total, measured = totals[1:] / totals[0]
    products = total - measured
    a, b = _trend(n_effective, nodes, products)
    trend = a * nodes + b
    if not trend.min() > 0:
        return VarianceByWeight(a, b, nodes, np.zeros(len(nodes)))
    excess = products / trend - 1
    # The variance of the mean square of two Gaussian components is the square of the variance.
    error_squared = np.square(total / trend) / n_effective
    error = np.sqrt(error_squared)
    excess = error * _shrunk(excess / error)
    return VarianceByWeight(a, b, nodes, np.maximum(excess, _MIN_RATIO - 1))


@dataclass(frozen=True, eq=False)
class VarianceByWeight:
    r"""The variance of an ellipticity component as a function of the weight.

    .. math:: \sigma^2(w) = (a + b / w) (1 + x(w))

    The first factor, the trend, is exact if the variance is the same for all galaxies (b = 0), if
    the variance is proportional to 1 / w (a = 0), or if it is the sum of two such terms. The
    relative excess x over the trend is interpolated linearly in w between nodes and is constant
    beyond them.

    Attributes
    ----------
    a, b : float
        The coefficients of the trend. Neither is negative.
    nodes : `numpy.ndarray`
        The mean weights of groups of galaxies, increasing, ``(n_nodes,)``.
    excess : `numpy.ndarray`
        The relative excess of the variance over the trend at the nodes, ``(n_nodes,)``.
    """

    a: float
    b: float
    nodes: np.ndarray
    excess: np.ndarray

    def weighted(self, weight: np.ndarray) -> np.ndarray:
        r"""Return the weight times the variance.

        Parameters
        ----------
        weight : `numpy.ndarray`
            Weights, 0 or positive.

        Returns
        -------
        `numpy.ndarray`
            The product :math:`w \sigma^2(w)`, float, of the shape of ``weight``.
        """
        weight = np.asarray(weight, dtype=float)
        result = self.a * weight + self.b
        if self.excess.any():
            result *= 1 + np.interp(weight, self.nodes, self.excess)
        return result

    def __call__(self, weight: np.ndarray) -> np.ndarray:
        """Return the variance of galaxies from their weights.

        Parameters
        ----------
        weight : `numpy.ndarray`
            Weights, 0 or positive.

        Returns
        -------
        `numpy.ndarray`
            The variance per component, float, of the shape of ``weight``. It cannot be measured for
            weights of 0, which get the variance of the lowest node.
        """
        weight = np.asarray(weight, dtype=float)
        weight = np.where(weight > 0, weight, self.nodes[0])
        return self.weighted(weight) / weight


def _at_nodes(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distribute the galaxies over nodes in weight, and sum over the galaxies of each node.

    ``sums`` is the result of `scatter_by_weight`, ``(n_bins, 5)``. The nodes are nearly equally
    spaced in the rank of the weight. A galaxy is shared between the two nearest nodes.

    Returns
    -------
    totals : `numpy.ndarray`
        The last four columns of ``sums`` at each node, ``(4, n_nodes)``: the number of galaxies,
        and the sums of ``w``, of ``w (e1**2 + e2**2) / 2`` and of ``w sigma_m**2``.
    n_effective : `numpy.ndarray`
        The effective number of galaxies at each node, ``(n_nodes,)``.
    """
    n = sums[:, _N]
    total = n.sum()
    # More nodes for more galaxies resolve finer details of the function with smaller errors.
    n_nodes = min(int(0.5 * np.sqrt(total)) + 1, int(total) // _GALAXIES_PER_NODE, _MAX_NODES)
    if n_nodes < 2:
        return np.zeros((4, 0)), np.zeros(0)
    rank = np.clip((np.cumsum(n) - 0.5 * n) / total * n_nodes - 0.5, 0, n_nodes - 1)
    lower = np.minimum(rank.astype(int), n_nodes - 2)
    upper_share = rank - lower
    totals = np.zeros((4, n_nodes))
    for node, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
        totals += [np.bincount(node, share * column, n_nodes) for column in sums.T[_N:]]
    # Many galaxies of one weight, such as a largest one, fill several nodes, or leave them empty.
    filled = totals[0] > 0
    totals = totals[:, filled]
    weight = totals[1] / totals[0]
    joined = np.append(0, np.cumsum(np.diff(weight) > _MIN_SPACING * weight[1:]))
    totals = np.array([np.bincount(joined, column) for column in totals])
    # Empty nodes hold no share, so that any joined node may stand for them.
    joined_of_node = joined[np.maximum(np.cumsum(filled) - 1, 0)]
    lower, upper = joined_of_node[lower], joined_of_node[lower + 1]
    # A galaxy whose two nodes are joined is in the joined node as a whole.
    upper_share = np.where(lower == upper, 0, upper_share)
    squares = np.bincount(lower, (1 - upper_share) ** 2 * n, len(totals[0]))
    squares += np.bincount(upper, upper_share**2 * n, len(totals[0]))
    return totals, totals[0] ** 2 / squares


def _shrunk(values: np.ndarray) -> np.ndarray:
    """Shrink the values at nodes, ``(n_nodes,)``, by the fraction of their power that is noise.

    The values are in units of their standard errors. They are expanded in cosines, and each octave
    of frequency is multiplied by the shrinkage factor of James & Stein 1961.
    """
    from scipy.fft import dct, idct

    modes = dct(values, norm="ortho")
    # Neighboring nodes share galaxies: their errors have a correlation coefficient of 1/4.
    noise = 1 + 0.5 * np.cos(np.pi * np.arange(len(modes)) / len(modes))
    edges = [0, *(2 ** np.arange(1, 8))]
    for low, high in pairwise(edges):
        power = np.sum(modes[low:high] ** 2)
        if power > 0:
            modes[low:high] *= max(1 - noise[low:high].sum() / power, 0.0)
    return idct(modes, norm="ortho")


def _trend(n: np.ndarray, nodes: np.ndarray, products: np.ndarray) -> tuple[float, float]:
    """Fit ``products = a nodes + b`` with a, b >= 0, and return a and b.

    ``n`` is the effective number of galaxies at each node, ``nodes`` their mean weight and
    ``products`` the weight times the variance, ``(n_nodes,)``. The fit
    minimizes relative differences, because the errors of the products are proportional to them.
    """
    from scipy.optimize import nnls

    mean = np.average(products, weights=n)
    if not mean > 0:
        return 0.0, 0.0
    unit = np.average(nodes, weights=n)
    terms = np.stack([nodes / unit, np.ones_like(nodes)], axis=1)
    level = np.maximum(products, 0.1 * mean)
    for _ in range(3):  # errors from the data would favor groups that are low by chance
        scale = np.sqrt(n) / level
        coefficients, _ = nnls(terms * scale[:, np.newaxis], products * scale)
        level = np.maximum(terms @ coefficients, 1e-3 * mean)
    a, b = coefficients
    return float(a / unit), float(b)
