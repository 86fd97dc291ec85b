# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random rotations of galaxies that are the same in every tile that holds the galaxy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lensmap.grid import Assignment, add_at
from lensmap.utils import GOLDEN_64, chunk_slices, mix_bits

__all__ = ["KeyedGalaxies", "keyed_angles", "keyed_realizations"]

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


class KeyedGalaxies:
    """The galaxies of a chunk of a catalog, reduced to what their random rotations need.

    Parameters
    ----------
    assignment : ``lensmap.grid.Assignment``
        The galaxies and their pixels.
    keys : `numpy.ndarray`
        The keys of the used galaxies, uint64, ``(n_used,)``.
    """

    def __init__(self, assignment: Assignment, keys: np.ndarray) -> None:
        self._keys = keys
        self._weighted = assignment.shear
        if assignment.weight is not None:
            self._weighted = assignment.shear * assignment.weight.astype(np.float32)
        # The indices are stored in four bytes: there may be many galaxies.
        kind = np.int32 if assignment.mask.size <= np.iinfo(np.int32).max else np.int64
        self._targets = [
            (pixel.astype(kind), None if share is None else share.astype(np.float32))
            for pixel, share in assignment.targets()
        ]

    def add_rotated(self, onto: np.ndarray, seed: int, realization: int) -> None:
        """Add the sums of weight times rotated ellipticity to an array of pixels in place.

        Parameters
        ----------
        onto : `numpy.ndarray`
            The sums, complex, with the shape of the map.
        seed, realization : int
            The seed of the realizations, and the number of the realization.
        """
        rotated = np.empty_like(self._weighted)
        for rows in chunk_slices(len(self._keys), _CHUNK_GALAXIES):
            angle = keyed_angles(self._keys[rows], seed, realization)
            phase = np.empty(len(angle), np.complex64)
            np.cos(angle, out=phase.real)
            np.sin(angle, out=phase.imag)
            np.multiply(self._weighted[rows], phase, out=rotated[rows])
        for pixel, share in self._targets:
            for total, values in ((onto.real, rotated.real), (onto.imag, rotated.imag)):
                add_at(total, pixel, values if share is None else values * share)


def keyed_realizations(
    galaxies: Sequence[KeyedGalaxies], shape: tuple[int, int], n_realizations: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield the sums of galaxies that are rotated by their `keyed_angles`.

    Parameters
    ----------
    galaxies : sequence of KeyedGalaxies
        The galaxies, chunk by chunk.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.
    n_realizations : int
        The number of realizations.
    seed : int
        The seed.

    Yields
    ------
    `numpy.ndarray`
        The sums of weight times ellipticity in one realization, complex, ``(ny, nx)``.
    """
    for realization in range(n_realizations):
        sums = np.zeros(shape, complex)
        for chunk in galaxies:
            chunk.add_rotated(sums, seed, realization)
        yield sums
