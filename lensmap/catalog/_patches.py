# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Patches of the sky with equal numbers of galaxies, the units of a jackknife."""

from __future__ import annotations

import numpy as np

from lensmap.utils import unit_vectors

__all__ = ["SkyPatches"]

_MAX_DEPTH, _GALAXIES_PER_PATCH = 7, 20

# The galaxies from which the borders are computed.
_MAX_SAMPLE = 200_000


class SkyPatches:
    """A division of the sky into patches with nearly equal numbers of galaxies.

    The galaxies are divided at the median of the component of their unit vectors in which they
    extend farthest, and so is each half in turn.

    Parameters
    ----------
    ra, dec : `numpy.ndarray`
        The positions of galaxies in degrees, ``(n,)``. There are 2 to 128 patches, of 20 galaxies
        or more if n is at least 40.
    """

    def __init__(self, ra: np.ndarray, dec: np.ndarray) -> None:
        step = -(-len(ra) // _MAX_SAMPLE)
        vectors = unit_vectors(ra[::step], dec[::step])
        depth = int(np.log2(max(len(ra) / _GALAXIES_PER_PATCH, 2.0)))
        self._depth = min(depth, _MAX_DEPTH)
        self._axis = np.zeros(2**self._depth - 1, dtype=int)
        self._border = np.zeros(2**self._depth - 1)
        parts = [vectors]
        for node in range(len(self._axis)):
            # Nodes are numbered level by level, so that parts is a queue.
            part = parts.pop(0)
            extent = np.ptp(part, axis=0) if len(part) else np.zeros(3)
            self._axis[node] = np.argmax(extent)
            values = part[:, self._axis[node]]
            self._border[node] = np.median(values) if len(part) else 0.0
            above = values > self._border[node]
            parts += [part[~above], part[above]]

    def __len__(self) -> int:
        return 2**self._depth

    def index_of(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return the index of the patch that contains each position.

        Parameters
        ----------
        ra, dec : `numpy.ndarray`
            Positions in degrees, ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            The index of the patch, an integer from 0, ``(n,)``.
        """
        vectors = unit_vectors(ra, dec)
        rows = np.arange(len(vectors))
        node = np.zeros(len(vectors), dtype=int)
        for _ in range(self._depth):
            above = vectors[rows, self._axis[node]] > self._border[node]
            node = 2 * node + 1 + above
        return node - (len(self) - 1)
