# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The distribution of kappa over pixels, and the pixel-by-pixel relation of maps to the truth."""

from collections.abc import Sequence

import numpy as np
from astropy.table import QTable

from lensmap.scores import orthogonal_slope, ratio_and_error
from lensmap.validation._parts import TRUTH
from lensmap.validation.measures._base import Measure, table_of_each

__all__ = [
    "KAPPA_EDGES",
    "NULL_EDGES",
    "RELATION_EDGES",
    "Pixels",
    "count_pairs",
    "count_pixels",
    "distribution",
]

#: Bin edges in kappa: for distributions, for distributions in null fields, and for the joint
#: histogram of two maps. The first and last bins also hold all values outside the range.
KAPPA_EDGES = np.linspace(-0.2, 0.8, 501)
NULL_EDGES = np.linspace(-0.1, 0.1, 401)
RELATION_EDGES = np.linspace(-0.2, 0.8, 101)


class Pixels(Measure):
    """The distribution of kappa over pixels, and the joint histogram of each map and the truth.

    The table ``distribution`` has the probability density ``pdf`` of kappa in bins from ``bin_low``
    to ``bin_high``, and its error ``pdf_err``, for each estimator and for the truth.
    """

    name = "pixels"
    keys = {"distribution": ("bin_low", "bin_high")}

    def measure(self, field):
        unmasked = ~field.mask
        truth = field.truth[unmasked]
        record = {TRUTH: {"counts": count_pixels(truth)}}
        for name, plane in field.estimates.items():
            kappa = plane[unmasked]
            record[name] = {"counts": count_pixels(kappa), "relation": count_pairs(truth, kappa)}
        return record

    def pool(self, records):
        if not records.has("fields"):
            return {}
        return {"distribution": table_of_each(
            [TRUTH, *records.names()],
            lambda name: distribution(records.each("fields", name, "counts")),
        )}

    def section(self, page, results):
        from lensmap.validation.report._figures_curves import plot_distributions, plot_relations

        page.section(
            "Pixel by pixel",
            "The line of mean truth shows whether a value of the map is the mean truth where the "
            "map has it. The slope by total least squares shows how the cloud of pixels looks; for "
            "a calibrated map it follows from r alone.",
        )
        records = results.records_of(self.name)
        relations = {name: np.sum(records.each("fields", name, "relation"), axis=0)
                     for name in results.names}
        page.figure("relations", plot_relations(relations, RELATION_EDGES,
                                                results.tables["summary"], page.styles),
                    "Maps against the truth (Cha et al. 2025, fig. 3); gray: number of pixels.")
        page.text("The slope by total least squares of all pixels of all fields together:")
        page.table(("", "TLS"), [[name, page.number(_slope(counts), None, 3)]
                                 for name, counts in relations.items()])
        page.figure("distributions", plot_distributions(results.tables["distribution"],
                                                        page.styles),
                    "The distribution of kappa (Cha et al. 2025, fig. 4). No map of the most "
                    "probable mass has the distribution of the truth: where the galaxies contain "
                    "little information, the map stays near 0.")


def count_pixels(values: np.ndarray, edges: np.ndarray = KAPPA_EDGES) -> np.ndarray:
    """Count pixels in bins of their value.

    Parameters
    ----------
    values : `numpy.ndarray`
        The values of the unmasked pixels, ``(n,)``.
    edges : `numpy.ndarray`
        The edges of bins of equal width, ``(n_bins + 1,)``.

    Returns
    -------
    `numpy.ndarray`
        The number of pixels in each bin, int32, ``(n_bins,)``.
    """
    return _histogram(_bins(values, edges), len(edges) - 1)


def count_pairs(values: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Count pixels in two-dimensional bins of their values in two maps.

    Parameters
    ----------
    values, other : `numpy.ndarray`
        The values of the same unmasked pixels in the two maps, ``(n,)`` each.

    Returns
    -------
    `numpy.ndarray`
        The number of pixels in each bin, int32, ``(100, 100)``. Both axes have the same bins of
        convergence, `RELATION_EDGES`; ``values`` is along the first axis.
    """
    n = len(RELATION_EDGES) - 1
    pairs = _bins(values, RELATION_EDGES) * n + _bins(other, RELATION_EDGES)
    return _histogram(pairs, n * n).reshape(n, n)


def _bins(values, edges):
    n = len(edges) - 1
    return np.clip(((values - edges[0]) * (n / (edges[-1] - edges[0]))).astype(int), 0, n - 1)


def _histogram(bins, n):
    return np.bincount(bins, minlength=n).astype(np.int32)


def distribution(
    counts: Sequence[np.ndarray], edges: np.ndarray = KAPPA_EDGES, together: int = 4
) -> QTable:
    """Return the probability density of kappa over the pixels of all fields.

    Parameters
    ----------
    counts : sequence of `numpy.ndarray`
        The counts returned by `count_pixels` for each field, ``(n_bins,)``.
    edges : `numpy.ndarray`
        The bin edges of the counts, ``(n_bins + 1,)``.
    together : int
        The number of adjacent bins to merge into one.

    Returns
    -------
    `~astropy.table.QTable`
        The columns ``bin_low``, ``bin_high``, ``pdf`` (normalized to an integral of 1) and
        ``pdf_err``, from the scatter between fields.
    """
    merged = np.asarray(counts, dtype=float).reshape(len(counts), -1, together).sum(axis=-1)
    edges = edges[::together]
    total = np.repeat(merged.sum(axis=1, keepdims=True), merged.shape[1], axis=1)
    fraction, error = ratio_and_error(merged, total)
    width = edges[1] - edges[0]
    return QTable({
        "bin_low": edges[:-1], "bin_high": edges[1:],
        "pdf": fraction / width, "pdf_err": error / width,
    })


def _slope(counts):
    """Return the slope of one map against another by total least squares.

    ``counts`` is the joint histogram of the two maps, ``(n, n)``. The slope is that of the map
    along the second axis against the map along the first axis.
    """
    middle = (RELATION_EDGES[1:] + RELATION_EDGES[:-1]) / 2
    weights = counts / counts.sum()
    x, y = weights.sum(axis=1) @ middle, weights.sum(axis=0) @ middle
    a, b = middle - x, middle - y
    return orthogonal_slope(weights.sum(axis=1) @ a**2, weights.sum(axis=0) @ b**2,
                            a @ weights @ b)
