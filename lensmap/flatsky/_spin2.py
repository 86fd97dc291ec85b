# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Exact symmetries of shear and convergence fields: mirror images and rotations by 90 degrees."""

import numpy as np
from numpy.typing import ArrayLike

from lensmap.utils import ParameterError

__all__ = ["mirror_x", "rotate90"]


def mirror_x(field: ArrayLike, spin: int) -> np.ndarray:
    """Mirror a field along x (the second axis).

    Parameters
    ----------
    field : array_like
        The field, ``(..., ny, nx)``. It is complex for shear (g1 + i g2) and for E + i B.
    spin : {0, 2}
        The spin of the field: 0 for E + i B, and 2 for shear. The mirrored values are the complex
        conjugates in both cases: B changes sign, or the second shear component does.

    Returns
    -------
    `numpy.ndarray`
        The mirrored field.

    Raises
    ------
    ValueError
        If ``spin`` is neither 0 nor 2.
    """
    _check_spin(spin)
    return np.conj(np.asarray(field)[..., ::-1])


def rotate90(field: ArrayLike, spin: int, k: int = 1) -> np.ndarray:
    """Rotate a field by multiples of 90 degrees, from +x to +y.

    Parameters
    ----------
    field : array_like
        The field, ``(..., ny, nx)``.
    spin : {0, 2}
        The spin of the field: 0 for values that a rotation does not change, and 2 for shear, which
        changes sign with each rotation by 90 degrees.
    k : int
        The number of rotations by 90 degrees.

    Returns
    -------
    `numpy.ndarray`
        The rotated field.

    Raises
    ------
    ValueError
        If ``spin`` is neither 0 nor 2.
    """
    _check_spin(spin)
    # numpy rotates from the first axis (y) to the second (x), hence the negative sign of k.
    rotated = np.rot90(np.asarray(field), -k, axes=(-2, -1))
    return rotated * (-1) ** k if spin == 2 else rotated


def _check_spin(spin: int) -> None:
    if spin not in (0, 2):
        raise ParameterError("spin", "0 or 2", repr(spin))
