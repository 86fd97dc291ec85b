# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The eight symmetries of a square, applied to maps of scalars and of shear components."""

import numpy as np

__all__ = ["SYMMETRIES", "apply_symmetry", "undo_symmetry"]

#: The symmetries as pairs: whether the map is first mirrored in x, and the number of quarter turns
#: that follow.
SYMMETRIES = tuple((mirrored, k) for mirrored in (False, True) for k in range(4))


def apply_symmetry(
    planes: np.ndarray, symmetry: tuple[bool, int], signs: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Apply a symmetry of the square to a stack of maps.

    Parameters
    ----------
    planes : `numpy.ndarray`
        The maps, ``(ny, nx, n)``.
    symmetry : tuple
        One of `SYMMETRIES`: whether the maps are first mirrored in x, and the number of quarter
        turns from +x to +y that follow.
    signs : tuple of `numpy.ndarray`
        Two arrays of factors, one for each map, ``(n,)``. The first applies under a quarter turn
        from +x to +y, the second under a reflection in x: 1 and 1 for a scalar, 1 and -1 for a
        B-mode, -1 and 1 for g1, -1 and -1 for g2.

    Returns
    -------
    `numpy.ndarray`
        The maps of the transformed field, ``(ny, nx, n)``, or ``(nx, ny, n)`` after an odd number
        of quarter turns.
    """
    mirrored, k = symmetry
    quarter, mirror = signs
    if mirrored:
        planes = planes[:, ::-1] * mirror.astype(planes.dtype)
    # A positive turn of numpy rotates the first axis (y) towards the second (x), which is the
    # opposite direction.
    planes = np.rot90(planes, -k)
    return np.ascontiguousarray(planes * (quarter**k).astype(planes.dtype))


def undo_symmetry(planes: np.ndarray, symmetry: tuple[bool, int]) -> np.ndarray:
    """Transform scalar maps of a mirrored and rotated field back to the original field.

    Parameters
    ----------
    planes : `numpy.ndarray`
        Scalar maps of the transformed field, ``(ny, nx, n)``.
    symmetry : tuple
        The symmetry that was applied with `apply_symmetry`: whether the field was mirrored in x,
        and the number of quarter turns that followed.

    Returns
    -------
    `numpy.ndarray`
        The maps of the original field.
    """
    mirrored, k = symmetry
    planes = np.rot90(planes, k)
    return planes[:, ::-1] if mirrored else planes
