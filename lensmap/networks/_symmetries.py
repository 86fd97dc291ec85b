# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The eight rotations and mirrors of a square, on stacks of scalar and spin-2 planes."""

import numpy as np

__all__ = ["SYMMETRIES", "turned", "turned_back"]

#: Pairs of (whether it is mirrored in x first, how many quarter turns follow).
SYMMETRIES = tuple((mirrored, k) for mirrored in (False, True) for k in range(4))


def turned(planes, symmetry, signs):
    """Mirror and turn a stack of planes.

    Parameters
    ----------
    planes : `numpy.ndarray`
        ``(ny, nx, n)``.
    symmetry : tuple
        One of `SYMMETRIES`.
    signs : tuple of `numpy.ndarray`
        What a quarter turn from +x to +y and a mirror in x multiply each of the planes by: 1 and 1
        for a scalar, 1 and -1 for a B-mode, -1 and 1 for g1, -1 and -1 for g2.

    Returns
    -------
    `numpy.ndarray`
        The planes of the turned field: ``(ny, nx, n)``, or ``(nx, ny, n)`` after an odd number of
        quarter turns.
    """
    mirrored, k = symmetry
    quarter, mirror = signs
    if mirrored:
        planes = planes[:, ::-1] * mirror.astype(planes.dtype)
    # Rows are y: numpy's turn from the first axis to the second is the other way round.
    planes = np.rot90(planes, -k)
    return np.ascontiguousarray(planes * (quarter**k).astype(planes.dtype))


def turned_back(planes, symmetry):
    """Undo `turned` for scalars: bring a map of the turned field back to the field.

    Parameters
    ----------
    planes : `numpy.ndarray`
        ``(ny, nx, n)``, scalars.
    symmetry : tuple
        One of `SYMMETRIES`.

    Returns
    -------
    `numpy.ndarray`
        The planes as they lie on the field.
    """
    mirrored, k = symmetry
    planes = np.rot90(planes, k)
    return planes[:, ::-1] if mirrored else planes
