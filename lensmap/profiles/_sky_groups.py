# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Positions in the footprint of a catalog, and patches of neighboring positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.utils import unit_vectors

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from lensmap.profiles._pairs import Sources

__all__ = ["in_footprint", "sky_patches"]

# Where galaxies are Poisson-distributed, none of ten expected ones is there in 1 of 22 000 cases.
_N_EXPECTED = 10

# More positions than this are not needed to find the centers of patches.
_N_FOR_CENTERS = 20_000


def in_footprint(sources: Sources, positions: SkyCoord, max_angle: np.ndarray) -> np.ndarray:
    """Return whether positions lie in the footprint of a catalog.

    Such a position has a galaxy within the outermost radius, or nearer than galaxies typically have
    their tenth neighbor.

    Parameters
    ----------
    sources : Sources
        The galaxies.
    positions : `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)``.
    max_angle : `numpy.ndarray`
        The outermost radius around each position, radians, ``(n,)``.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(n,)``.
    """
    return sources.nearest(positions) <= np.maximum(max_angle, sources.spacing(_N_EXPECTED))


def sky_patches(positions: SkyCoord, n_patches: int, rng: np.random.Generator) -> np.ndarray:
    """Divide positions into patches of neighbors on the sky, by k-means.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)``.
    n_patches : int
        The number of patches, at most n. Fewer are made if positions coincide.
    rng : `numpy.random.Generator`
        The generator for the first centers.

    Returns
    -------
    `numpy.ndarray`
        The patch of each position, from 0 without gaps, int, ``(n,)``.
    """
    from scipy.cluster.vq import kmeans
    from scipy.spatial import KDTree

    sphere = positions.spherical
    vectors = unit_vectors(sphere.lon.deg, sphere.lat.deg)
    if n_patches >= len(vectors):
        return np.arange(len(vectors))
    some = vectors
    if len(vectors) > _N_FOR_CENTERS:
        some = vectors[rng.choice(len(vectors), _N_FOR_CENTERS, replace=False)]
    start = some[rng.choice(len(some), n_patches, replace=False)]
    centers, _ = kmeans(some, start)
    _, nearest = KDTree(centers).query(vectors)
    return np.unique(nearest, return_inverse=True)[1]
