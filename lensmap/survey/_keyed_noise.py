# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random rotations of galaxies that are the same in every tile that holds the galaxy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lensmap.grid import Assignment, ShearGrid
from lensmap.utils import GOLDEN_64, chunk_slices, mix_bits

__all__ = ["keyed_angles", "keyed_realizations"]

_CHUNK_GALAXIES = 1 << 18


def keyed_angles(keys: np.ndarray, seed: int, realization: int) -> np.ndarray:
    """Return the rotation angles of galaxies in one noise realization.

    An angle is a function of the key of the galaxy, the seed and the number of the realization
    alone, so that neighboring tiles rotate the galaxies that they share by the same angles.

    Parameters
    ----------
    keys : `numpy.ndarray`
        The keys of the galaxies, uint64, ``(n,)``.
    seed : int
        The seed of the realizations.
    realization : int
        The number of the realization.

    Returns
    -------
    `numpy.ndarray`
        The angles, from 0 to 2 pi, float32, ``(n,)``.

    References
    ----------
    Steele, Lea & Flood 2014, OOPSLA (the finalizer of SplitMix64).
    """
    stream = mix_bits(np.array([seed & 0xFFFFFFFFFFFFFFFF], np.uint64) + GOLDEN_64)
    stream = mix_bits(stream + GOLDEN_64 * np.array([realization + 1], np.uint64))
    bits = mix_bits(mix_bits(keys ^ stream) + GOLDEN_64)
    # The upper 24 bits are all that a float32 holds.
    return (bits >> np.uint64(40)).astype(np.float32) * np.float32(2 * np.pi / (1 << 24))


def keyed_realizations(
    assignment: Assignment, keys: np.ndarray, grid: ShearGrid, n_realizations: int, seed: int
) -> Iterator[ShearGrid]:
    """Yield grids of galaxies that are rotated by their `keyed_angles`, one at a time.

    Parameters
    ----------
    assignment : ``lensmap.grid.Assignment``
        The galaxies and their pixels.
    keys : `numpy.ndarray`
        The keys of the used galaxies, uint64, ``(n_used,)``.
    grid : ShearGrid
        The grid of the galaxies.
    n_realizations : int
        The number of realizations.
    seed : int
        The seed.

    Yields
    ------
    ShearGrid
        The grid of one realization.
    """
    weighted = assignment.shear
    if assignment.weight is not None:
        weighted = weighted * assignment.weight.astype(np.float32)
    rotated = np.empty_like(weighted)
    for realization in range(n_realizations):
        for rows in chunk_slices(len(keys), _CHUNK_GALAXIES):
            angle = keyed_angles(keys[rows], seed, realization)
            phase = np.empty(len(angle), np.complex64)
            np.cos(angle, out=phase.real)
            np.sin(angle, out=phase.imag)
            np.multiply(weighted[rows], phase, out=rotated[rows])
        real, imaginary = assignment.sums(rotated.real, rotated.imag)
        yield grid.with_ellipticities(real + 1j * imaginary)
