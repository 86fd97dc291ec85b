# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Exact symmetries of spin-2 fields on a grid: what a mirror or a quarter turn does to shear."""

import numpy as np

__all__ = ["mirror_x", "rotate90"]


def mirror_x(field, spin):
    """Mirror a field in x (the second axis).

    Parameters
    ----------
    field : array_like
        ``(..., ny, nx)``; complex for spin 2 (g1 + i g2) and for E + i B.
    spin : int
        0: E + i B, of which B changes its sign. 2: shear, of which the second component changes
        its sign. Both are the complex conjugate.

    Returns
    -------
    `numpy.ndarray`
        The mirrored field.
    """
    if spin not in (0, 2):
        raise ValueError(f"spin must be 0 or 2, not {spin!r}")
    return np.conj(np.asarray(field)[..., ::-1])


def rotate90(field, spin, k=1):
    """Turn a field by ``k`` quarter turns, from +x to +y.

    Parameters
    ----------
    field : array_like
        ``(..., ny, nx)``.
    spin : int
        0: values stay. 2: shear changes its sign with each quarter turn.
    k : int
        How many quarter turns.

    Returns
    -------
    `numpy.ndarray`
        The turned field.
    """
    if spin not in (0, 2):
        raise ValueError(f"spin must be 0 or 2, not {spin!r}")
    # Rows are y and columns x, so that numpy's turn from the first axis to the second is the
    # other way round.
    turned = np.rot90(np.asarray(field), -k, axes=(-2, -1))
    return turned * (-1) ** k if spin == 2 else turned
