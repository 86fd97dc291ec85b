# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How often pixels have which convergence, in the truth and in a map of it, over many fields."""

import numpy as np
from astropy.table import QTable

from lensmap.scores import ratio_and_error

__all__ = [
    "KAPPA_EDGES",
    "NULL_EDGES",
    "RELATION_EDGES",
    "count_pairs",
    "count_pixels",
    "distribution",
]

#: Bins of distributions, of those without lensing, and of the relation of two maps; what lies
#: beyond is in the last ones.
KAPPA_EDGES = np.linspace(-0.2, 0.8, 501)
NULL_EDGES = np.linspace(-0.1, 0.1, 401)
RELATION_EDGES = np.linspace(-0.2, 0.8, 101)


def count_pixels(values, edges=KAPPA_EDGES):
    """Count pixels by their value.

    Parameters
    ----------
    values : `numpy.ndarray`
        Those of the pixels that count, ``(n,)``.
    edges : `numpy.ndarray`
        Of even bins, ``(n_bins + 1,)``.

    Returns
    -------
    `numpy.ndarray`
        Int32, ``(n_bins,)``.
    """
    return _histogram(_places(values, edges), len(edges) - 1)


def count_pairs(values, other):
    """Count pixels by their values in two maps.

    Parameters
    ----------
    values, other : `numpy.ndarray`
        Those of the pixels that count, ``(n,)``.

    Returns
    -------
    `numpy.ndarray`
        Int32, ``(100, 100)`` for the bins of `RELATION_EDGES`, ``values`` along the first axis.
    """
    n = len(RELATION_EDGES) - 1
    both = _places(values, RELATION_EDGES) * n + _places(other, RELATION_EDGES)
    return _histogram(both, n * n).reshape(n, n)


def _places(values, edges):
    n = len(edges) - 1
    return np.clip(((values - edges[0]) * (n / (edges[-1] - edges[0]))).astype(int), 0, n - 1)


def _histogram(places, n):
    return np.bincount(places, minlength=n).astype(np.int32)


def distribution(counts, edges=KAPPA_EDGES, together=4):
    """Return the distribution of kappa over all fields, with errors from field to field.

    Parameters
    ----------
    counts : array_like
        What `count_pixels` gave for one map of each field, ``(n_fields, n_bins)``.
    edges : `numpy.ndarray`
        Those of the counts.
    together : int
        How many bins become one.

    Returns
    -------
    `~astropy.table.QTable`
        The columns ``bin_low``, ``bin_high``, ``pdf`` (its integral is 1) and ``pdf_err``.
    """
    counts = np.asarray(counts, dtype=float)
    counts = counts.reshape(len(counts), -1, together).sum(axis=-1)
    edges = edges[::together]
    all_ = np.repeat(counts.sum(axis=1, keepdims=True), counts.shape[1], axis=1)
    part, error = ratio_and_error(counts, all_)
    width = edges[1] - edges[0]
    return QTable({
        "bin_low": edges[:-1], "bin_high": edges[1:], "pdf": part / width, "pdf_err": error / width,
    })
