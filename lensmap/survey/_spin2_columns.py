# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sums of pairs of columns that are mapped like the shear, such as the ellipticity of the PSF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.catalog import convention_signs
from lensmap.grid import Assignment

if TYPE_CHECKING:
    from lensmap.catalog import Convention

__all__ = ["spin2_sums"]

# Ellipticities of galaxies and stars are below this; larger values are placeholders.
_MAX_VALUE = 10.0


def spin2_sums(
    assignment: Assignment, convention: Convention, pair: tuple[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of weight times a spin-2 quantity, and of weights, in each pixel.

    Parameters
    ----------
    assignment : ``lensmap.grid.Assignment``
        The galaxies and their pixels.
    convention : str or tuple of int
        The convention of the columns, that of the ellipticities in the files.
    pair : tuple of str
        The columns of the two components. Galaxies without a value count in neither sum.

    Returns
    -------
    sum_we : `numpy.ndarray`
        The sums in the basis of the pixel, complex, with the shape of the map.
    sum_w : `numpy.ndarray`
        The sums of the weights, with the shape of the map.
    """
    one: np.ndarray
    two: np.ndarray
    one, two = (
        sign * np.asarray(np.ma.filled(np.ma.asarray(values, float), np.nan))
        for sign, values in zip(
            convention_signs(convention), map(assignment.column, pair), strict=True
        )
    )
    known = (np.abs(one) < _MAX_VALUE) & (np.abs(two) < _MAX_VALUE)  # False for NaN
    weight = known.astype(float)
    if assignment.weight is not None:
        weight *= assignment.weight
    values = assignment.to_pixel_basis(np.where(known, one, 0.0), np.where(known, two, 0.0))
    real, imaginary, total = assignment.sums(
        values.real * weight, values.imag * weight, weight
    )
    return real + 1j * imaginary, total
