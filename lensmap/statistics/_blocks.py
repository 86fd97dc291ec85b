# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Blocks of unmasked pixels, for jackknife errors of the statistics of a map."""

import numpy as np

from lensmap.maps import ConvergenceMap, check_map
from lensmap.utils import check_count

__all__ = ["block_sums", "blocks"]


def blocks(kappa: ConvergenceMap, n_blocks: int) -> np.ndarray:
    """Divide the unmasked pixels of a map into blocks of about equal size.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    n_blocks : int
        The approximate number of blocks. The blocks are arranged in about as many columns as rows,
        and contain about the same number of unmasked pixels.

    Returns
    -------
    `numpy.ndarray`
        The block index of each unmasked pixel, int, ``(n_unmasked,)``, in the order of
        ``kappa.data[~kappa.mask]``.

    Raises
    ------
    TypeError, ValueError
        If ``n_blocks`` is not a whole number of at least 2, or all pixels are masked.
    """
    check_map(kappa, unmasked=True, pixels="equal")
    check_count(n_blocks, "n_blocks", minimum=2)
    y, x = np.nonzero(~kappa.mask)
    n_rows = max(1, int(np.sqrt(n_blocks)))
    n_columns = -(-n_blocks // n_rows)
    row = _quantile_groups(y, n_rows)
    block = np.zeros(len(y), dtype=int)
    for i in range(n_rows):
        in_row = row == i
        block[in_row] = i * n_columns + _quantile_groups(x[in_row], n_columns)
    return np.unique(block, return_inverse=True)[1]


def block_sums(terms: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Sum pixel values over each block.

    Parameters
    ----------
    terms : `numpy.ndarray`
        One or more values for each unmasked pixel, ``(n_terms, n_unmasked)``.
    block : `numpy.ndarray`
        The block index of each unmasked pixel, as returned by `blocks`.

    Returns
    -------
    `numpy.ndarray`
        The sums, ``(n_blocks, n_terms)``.
    """
    return np.array([terms[:, block == b].sum(axis=1) for b in range(block.max() + 1)])


def _quantile_groups(position, n):
    """Divide pixels into n groups of about equal size, in order of their position on an axis.

    ``position`` is the row or the column of each pixel, ``(m,)``. The result is the group of each
    pixel, from 0 to n - 1, int, ``(m,)``.
    """
    if len(position) == 0:
        return np.zeros(0, dtype=int)
    edges = np.quantile(position, np.arange(1, n) / n)
    return np.searchsorted(edges, position, side="right")
