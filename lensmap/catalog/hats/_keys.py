# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Keys of galaxies for random numbers that are the same wherever a galaxy is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.utils import GOLDEN_64, ParameterError, mix_bits

if TYPE_CHECKING:
    from lensmap.catalog._shear_catalog import ShearCatalog

__all__ = ["GALAXY_KEY", "galaxy_keys", "hash_galaxies"]

#: The column of the keys in catalogs that are read with ``keys=True``.
GALAXY_KEY = "galaxy_key"


def galaxy_keys(catalog: ShearCatalog) -> np.ndarray:
    """Return the key of each galaxy of a catalog, for random numbers.

    Parameters
    ----------
    catalog : ShearCatalog
        A catalog that `HatsCatalog` reads with ``keys=True``, or a part of it.

    Returns
    -------
    `numpy.ndarray`
        The keys, uint64, ``(n,)``. They depend on the galaxy only, not on the part of the survey
        that is read. A partition whose rows change has other keys.

    Raises
    ------
    ValueError
        If the catalog has no keys.
    """
    try:
        return np.asarray(catalog[GALAXY_KEY])
    except KeyError:
        raise ParameterError(
            "catalog", "the keys of its galaxies", "one without",
            "read it from a HATS folder with {keys=True}", verb="have",
        ) from None


def hash_galaxies(
    pixels: np.ndarray, rows: np.ndarray, files: np.ndarray | None = None
) -> np.ndarray:
    """Return a hash of the position and the origin of each galaxy.

    Parameters
    ----------
    pixels : `numpy.ndarray`
        The HEALPix pixels of order 29, int64, ``(n,)``.
    rows : `numpy.ndarray`
        The rows in the files from which the galaxies come, or in their partitions, ``(n,)``.
    files : `numpy.ndarray` or None
        The numbers of the files, ``(n,)``. None if they are not known.

    Returns
    -------
    `numpy.ndarray`
        The hashes, uint64, ``(n,)``.

    References
    ----------
    Steele et al. 2014, OOPSLA '14, 453 (SplitMix64, whose finalizer is applied to each part).
    """
    hashes = _mix(pixels.astype(np.uint64))
    if files is not None:
        hashes = _mix(hashes ^ (files.astype(np.uint64) + np.uint64(1)))
    return _mix(hashes ^ rows.astype(np.uint64))


def _mix(values: np.ndarray) -> np.ndarray:
    return mix_bits(values + GOLDEN_64)
