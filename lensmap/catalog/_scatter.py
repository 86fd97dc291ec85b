# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The scatter of the ellipticities as a function of the weight."""

from __future__ import annotations

from dataclasses import dataclass
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

# The bits of a float64 weight that are dropped. The rest, the exponent and 8 bits of the mantissa,
# numbers bins whose width is between 1/512 and 1/256 of the weight.
_DROPPED_BITS = 44

_MAX_NODES, _GALAXIES_PER_NODE, _MIN_GALAXIES_PER_NODE = 64, 30, 20

# The lowest variance in units of the trend, so that no galaxy is without noise by chance.
_MIN_RATIO = 0.05

# The columns of the sums.
_BIN, _N, _W, _WE2, _WV_M = range(5)


def no_scatter() -> np.ndarray:
    """Return the sums over no galaxies, an array ``(0, 5)``."""
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
        One row for each bin that contains galaxies, ``(n_bins, 5)``: the number of the bin, rising;
        the number of galaxies; and the sums of ``w``, of ``w (e1**2 + e2**2) / 2`` and of
        ``w sigma_m**2``, where w is the weight of a galaxy. The last sum is 0 for catalogs without
        the column ``sigma_m``. The bins are the same for all catalogs.
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
    """Add the sums of two catalogs.

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
    r"""Return the scatter as a function of the weight, minus the measurement variance.

    Neighboring bins are joined to at most 64 groups with about the same number of galaxies. The
    trend :math:`\sigma^2(w) = a + b / w` is fitted to the means of the groups. Each mean is
    then moved towards the trend, more so the less the means differ from the trend beyond their
    errors. If the trend explains all differences, it is the result.

    The lensing signal is part of the scatter. Its variance per component, about 2e-4 for cosmic
    shear, is negligible beside that of ellipticities.

    Parameters
    ----------
    sums : `numpy.ndarray`
        The result of `scatter_by_weight`, ``(n_bins, 5)``.

    Returns
    -------
    VarianceByWeight or None
        The variance per component. None if it cannot be measured as a function of the weight:
        with fewer than 60 galaxies, or if all weights are the same within 0.4 per cent.

    References
    ----------
    Efron & Morris 1973, J. Am. Stat. Assoc. 68, 117 (shrinkage towards a trend); DerSimonian &
    Laird 1986, Control. Clin. Trials 7, 177 (excess variance).
    """
    groups = _groups(sums[:, _N])
    if groups.max(initial=0) == 0:
        return None
    totals = np.stack([np.bincount(groups, column) for column in sums.T[_N:]])
    n, (nodes, total, measured) = totals[0], totals[1:] / totals[0]
    products = total - measured
    a, b = _trend(n, nodes, products)
    trend = a * nodes + b
    if not trend.min() > 0:
        return VarianceByWeight(a, b, nodes, np.zeros(len(nodes)))
    excess = products / trend - 1
    # The variance of the mean square of two Gaussian components is the square of the variance.
    error_squared = np.square(total / trend) / n
    chi_squared = np.sum(excess**2 / error_squared)
    scatter = max(chi_squared - (len(n) - 2), 0.0) / np.sum(1 / error_squared)
    excess *= scatter / (scatter + error_squared)
    return VarianceByWeight(a, b, nodes, np.maximum(excess, _MIN_RATIO - 1))


@dataclass(frozen=True, eq=False)
class VarianceByWeight:
    r"""The variance of an ellipticity component as a function of the weight.

    .. math:: \sigma^2(w) = (a + b / w) (1 + x(w))

    The first factor is exact both for one dispersion of all galaxies and for weights that are
    inverse variances, in any units, and for sums of both. The excess x is interpolated linearly
    in w between nodes and is constant beyond them.

    Attributes
    ----------
    a, b : float
        The coefficients of the trend. Neither is negative.
    nodes : `numpy.ndarray`
        The mean weights of groups of galaxies, rising, ``(n_nodes,)``.
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
            The variance per component, float, of the shape of ``weight``. It is that of the lowest
            node for weights of 0, for which it cannot be measured.
        """
        weight = np.asarray(weight, dtype=float)
        weight = np.where(weight > 0, weight, self.nodes[0])
        return self.weighted(weight) / weight


def _groups(n: np.ndarray) -> np.ndarray:
    """Return the number of the group of each bin, rising from 0, from the galaxies in each bin."""
    total = n.sum()
    # More groups for more galaxies resolve finer details of the function with smaller errors.
    n_groups = min(int(0.5 * np.sqrt(total)) + 1, int(total) // _GALAXIES_PER_NODE, _MAX_NODES)
    if n_groups < 2:
        return np.zeros(len(n), dtype=int)
    middle = (np.cumsum(n) - 0.5 * n) / total
    raw = np.floor(middle * n_groups).astype(int)
    # A bin with many galaxies, such as that of a largest weight, may leave a group beside it with
    # too few. Such a group joins the one before it, and the first the one after it.
    _, groups = np.unique(raw, return_inverse=True)
    sizes = list(np.bincount(groups, n))
    i = 0
    while len(sizes) > 1 and i < len(sizes):
        if sizes[i] >= _MIN_GALAXIES_PER_NODE:
            i += 1
            continue
        onto = max(i, 1)
        groups[groups >= onto] -= 1
        sizes[onto - 1] += sizes.pop(onto)
        i = onto - 1
    return groups


def _trend(n: np.ndarray, nodes: np.ndarray, products: np.ndarray) -> tuple[float, float]:
    """Fit ``products = a nodes + b``, where a and b are not negative, by relative differences."""
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
