# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The eight symmetries of a square, applied to scalar and spin-2 planes."""

import numpy as np

__all__ = ["SYMMETRIES", "apply_symmetry", "undo_symmetry"]

#: Pairs of (whether the plane is mirrored in x first, number of quarter turns that follow).
SYMMETRIES = tuple((mirrored, k) for mirrored in (False, True) for k in range(4))


def apply_symmetry(
    planes: np.ndarray, symmetry: tuple[bool, int], signs: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Mirror and rotate a stack of planes.

    Parameters
    ----------
    planes : `numpy.ndarray`
        ``(ny, nx, n)``.
    symmetry : tuple
        One of `SYMMETRIES`.
    signs : tuple of `numpy.ndarray`
        The factors, ``(n,)`` each, by which a quarter turn from +x to +y and a mirror in x multiply
        each plane: 1 and 1 for a scalar, 1 and -1 for a B-mode, -1 and 1 for g1, -1 and -1 for g2.

    Returns
    -------
    `numpy.ndarray`
        The planes of the transformed field: ``(ny, nx, n)``, or ``(nx, ny, n)`` after an odd number
        of quarter turns.
    """
    mirrored, k = symmetry
    quarter, mirror = signs
    if mirrored:
        planes = planes[:, ::-1] * mirror.astype(planes.dtype)
    # numpy rotates from the first axis, y, to the second, x: the opposite direction.
    planes = np.rot90(planes, -k)
    return np.ascontiguousarray(planes * (quarter**k).astype(planes.dtype))


def undo_symmetry(planes: np.ndarray, symmetry: tuple[bool, int]) -> np.ndarray:
    """Invert `apply_symmetry` for scalar planes.

    Parameters
    ----------
    planes : `numpy.ndarray`
        Scalar planes of the transformed field, ``(ny, nx, n)``.
    symmetry : tuple
        One of `SYMMETRIES`.

    Returns
    -------
    `numpy.ndarray`
        The planes of the original field.
    """
    mirrored, k = symmetry
    planes = np.rot90(planes, k)
    return planes[:, ::-1] if mirrored else planes
