# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fast random Poisson counts for many pixels with nearly the same mean."""

from __future__ import annotations

import numpy as np
from scipy.special import pdtr

__all__ = ["PoissonCounts"]

# If the ratio of the highest to the lowest mean is larger, counts are drawn individually.
_MAX_MEAN_RATIO = 1.2

# For higher means, the table of the common distribution saves no time.
_MAX_TABLE_MEAN = 200

_N_CELLS = 65536


class PoissonCounts:
    """Draw independent Poisson counts for many pixels, with exact distributions.

    Pixels with a mean of 0 are empty. The count of any other pixel is the sum of two Poisson
    counts: a common count, whose mean is the lowest positive mean, and an excess count, whose mean
    is the small remainder. The common count has the same distribution in all of these pixels. It is
    drawn by inverting its cumulative distribution with a table of 65536 cells of equal probability.
    Most cells belong to a single count. In the few cells that span two or more counts, a random
    number of full precision selects one of them. Excess counts are rare, so they are assigned to
    pixels one by one. This takes a tenth of the time of individual draws. If the positive means
    differ by more than 20 per cent or are high, each count is drawn individually.

    Parameters
    ----------
    expected : `numpy.ndarray`
        The mean count of each pixel, ``(n,)``. It is 0 for empty pixels.
    """

    def __init__(self, expected: np.ndarray) -> None:
        self._expected = expected
        self._empty = expected <= 0
        positive = expected[~self._empty]
        self._rate = float(positive.min()) if positive.size else 0.0
        self._table = None
        if 0 < self._rate and positive.max() < _MAX_MEAN_RATIO * self._rate < _MAX_TABLE_MEAN:
            self._make_table()

    def _make_table(self):
        # The probability of counts beyond the last one is below double precision.
        self._cumulative = pdtr(np.arange(30 + int(self._rate + 12 * self._rate**0.5)), self._rate)
        edges = np.arange(_N_CELLS + 1) / _N_CELLS
        number = np.searchsorted(self._cumulative, edges, side="right")
        self._table = number[:-1].astype(np.int64)
        self._table[number[:-1] != number[1:]] = -1
        self._excess = np.where(self._empty, 0.0, self._expected - self._rate)

    def draw(self, rows: slice, rng: np.random.Generator) -> np.ndarray:
        """Draw the random counts of a range of pixels.

        Parameters
        ----------
        rows : slice
            The range of indices of the pixels.
        rng : `numpy.random.Generator`
            The random number generator.

        Returns
        -------
        `numpy.ndarray`
            The counts in these pixels, int64, ``(n,)``.
        """
        if self._table is None:
            return rng.poisson(self._expected[rows])
        excess = self._excess[rows]
        cell = rng.integers(0, _N_CELLS, len(excess), dtype=np.uint16)
        count = self._table.take(cell)
        ambiguous = np.flatnonzero(count < 0)
        exact = (cell[ambiguous] + rng.random(len(ambiguous))) / _N_CELLS
        count[ambiguous] = np.searchsorted(self._cumulative, exact, side="right")
        total = np.cumsum(excess)
        extra = total[-1] * rng.random(rng.poisson(total[-1]))
        np.add.at(count, np.searchsorted(total, extra, side="right"), 1)
        count[self._empty[rows]] = 0
        return count
