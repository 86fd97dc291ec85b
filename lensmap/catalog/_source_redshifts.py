# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The redshift distribution n(z) of the galaxies of a catalog, and what files record about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.catalog._redshift_densities import normalizations, weighted_sum
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from lensmap.catalog._shear_catalog import ShearCatalog
    from lensmap.cosmology import SourceRedshifts

__all__ = ["add_redshifts", "redshift_distribution", "redshift_facts", "source_redshifts"]

# The step of the distribution of single redshifts.
_STEP = 0.02


def redshift_distribution(catalog: ShearCatalog) -> tuple[np.ndarray, np.ndarray]:
    """Return the redshift distribution of the galaxies of a catalog, weighted by their weights.

    With p(z) it is the sum of the normalized densities. Otherwise each galaxy is divided between
    the two nearest redshifts of a grid, in proportion to their nearness, so that the distribution
    has the mean of the redshifts. Galaxies without a redshift do not count.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.

    Returns
    -------
    z : `numpy.ndarray`
        Redshifts, increasing, ``(n_z,)``.
    n : `numpy.ndarray`
        The total weight per unit redshift at ``z``, ``(n_z,)``. It is linear between these, and its
        integral is the total weight.

    Raises
    ------
    ValueError
        If no galaxy with a positive weight has a redshift.
    """
    if catalog.pz is not None and catalog.z_grid is not None:
        weight = normalizations(catalog.pz, catalog.z_grid)
        weight = weight if catalog.weight is None else weight * catalog.weight
        z, n = catalog.z_grid, np.maximum(weighted_sum(catalog.pz, weight), 0.0)
    elif catalog["redshift"] is not None:
        z, n = _binned(catalog["redshift"], catalog.weight)
    else:
        raise ParameterError(
            "columns", "a column of redshifts ('redshift') or of p(z) ('pz')",
            remedy="the redshift distribution of the galaxies is not known without it", verb="name",
        )
    if not np.any(n > 0):
        raise ParameterError(
            "columns", "a column of redshifts with values",
            remedy="no galaxy with a positive weight has a redshift", verb="name",
        )
    return _without_empty(np.asarray(z, dtype=float), n)


def _binned(redshift: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the distribution of redshifts ``(n,)`` with weights ``(n,)``; None weights all by 1.

    The results are those of `redshift_distribution`.
    """
    known = redshift > 0  # False for NaN
    place = np.asarray(redshift[known], dtype=float) / _STEP
    weights = np.ones(len(place)) if weight is None else np.asarray(weight[known], dtype=float)
    if len(place) == 0:
        return np.array([0.0, _STEP]), np.zeros(2)
    lower = np.floor(place).astype(int)
    first, share = max(lower.min() - 1, 0), place - lower
    n_nodes = lower.max() + 3 - first
    totals = np.bincount(lower - first, weights * (1 - share), n_nodes)
    totals += np.bincount(lower - first + 1, weights * share, n_nodes)
    n = totals / _STEP
    if first == 0:
        n[0] *= 2  # only the upper half of this node's range holds redshifts
    return (first + np.arange(n_nodes)) * _STEP, n


def _without_empty(z: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out redshifts at which, and on both sides of which, a distribution is 0."""
    filled = n > 0
    near = filled.copy()
    near[1:] |= filled[:-1]
    near[:-1] |= filled[1:]
    return z[near], n[near]


def source_redshifts(catalog: ShearCatalog) -> SourceRedshifts:
    """Return the distribution as `ShearCatalog.source_redshifts` does.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.

    Returns
    -------
    `lensmap.cosmology.SourceRedshifts`
        The distribution.
    """
    from lensmap.cosmology import SourceRedshifts  # here, because it is slow to import

    return SourceRedshifts(*redshift_distribution(catalog))


def redshift_facts(z: np.ndarray, n: np.ndarray, z_lens: float) -> dict[str, Any]:
    """Return what files record about a redshift distribution.

    Parameters
    ----------
    z, n : `numpy.ndarray`
        The results of `redshift_distribution`.
    z_lens : float
        The redshift of the lens.

    Returns
    -------
    dict
        ``mean``, the mean redshift; ``effective``, the redshift at which all sources would have the
        same mean lensing efficiency for the lens (None if no source is behind it), for the default
        cosmology; and the distribution as the lists ``z`` and ``n``, with five digits.
    """
    from lensmap.cosmology import SourceRedshifts, lensing_efficiency

    sources = SourceRedshifts(z, n)
    lensed = lensing_efficiency(z_lens, sources) > 0
    return {
        "mean": round(sources.mean, 5),
        "effective": round(sources.effective_redshift(z_lens), 5) if lensed else None,
        "z": [float(f"{value:.6g}") for value in z],
        "n": [float(f"{value:.5g}") for value in n],
    }


def add_redshifts(
    first: Mapping[str, Any], second: Mapping[str, Any], z_lens: float
) -> dict[str, Any]:
    """Add the recorded redshift distributions of two parts of a catalog.

    Parameters
    ----------
    first, second : dict
        The results of `redshift_facts` for the two parts.
    z_lens : float
        The redshift of the lens.

    Returns
    -------
    dict
        Those for both parts together.
    """
    z = np.union1d(first["z"], second["z"])
    n = sum(np.interp(z, one["z"], one["n"], left=0.0, right=0.0) for one in (first, second))
    return redshift_facts(z, np.asarray(n), z_lens)
