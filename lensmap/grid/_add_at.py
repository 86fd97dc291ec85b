# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sums over the galaxies of each pixel."""

import numpy as np

__all__ = ["add_at"]

# With more pixels per galaxy than this, galaxies are added to the map one by one. This is faster
# than to make a new array of sums, most of which are 0.
_MAX_PIXELS_PER_GALAXY = 8


def add_at(result: np.ndarray, pixel: np.ndarray, values: np.ndarray | None) -> None:
    """Add values to an array in place, at flat indices that may repeat.

    Parameters
    ----------
    result : `numpy.ndarray`
        The array, contiguous or the real or imaginary part of a contiguous complex array.
    pixel : `numpy.ndarray`
        Flat indices into the array, integer, ``(n,)``.
    values : `numpy.ndarray` or None
        The values to add, ``(n,)``. None adds 1 for each index.
    """
    flat = result.reshape(-1)  # a view, even of the real part of a complex array
    if len(pixel) * _MAX_PIXELS_PER_GALAXY > flat.size:
        flat += np.bincount(pixel, values, minlength=flat.size)
    else:
        # np.add.at takes ten times as long if it has to convert the type of the values.
        np.add.at(flat, pixel, 1 if values is None else np.ascontiguousarray(values, flat.dtype))
