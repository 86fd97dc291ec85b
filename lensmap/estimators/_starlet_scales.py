# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Starlet scales of structures between two angles."""

import numpy as np
from astropy import units as u

from lensmap.typing import AngleLike
from lensmap.utils import ParameterError, check_angle

__all__ = ["check_scales", "starlet_scales"]


def check_scales(min_scale: AngleLike, max_scale: AngleLike) -> tuple[u.Quantity, u.Quantity]:
    """Check the parameters ``min_scale`` and ``max_scale`` of an estimator, and return angles.

    Parameters
    ----------
    min_scale, max_scale : `~astropy.units.Quantity` or str
        The sizes of the smallest and of the largest structures.

    Returns
    -------
    tuple of `~astropy.units.Quantity`
        The angles.

    Raises
    ------
    TypeError, ValueError
        If a parameter is no positive angle, or the first is larger than the second.
    """
    smallest = check_angle(min_scale, "min_scale")
    largest = check_angle(max_scale, "max_scale")
    if largest < smallest:
        raise ParameterError("max_scale", f"at least {{min_scale}} ({smallest})", str(largest))
    return smallest, largest


def starlet_scales(
    pixel_scale: u.Quantity, shape: tuple[int, int], min_scale: u.Quantity, max_scale: u.Quantity
) -> tuple[int, int]:
    """Return the first and the last starlet scale of structures between two sizes.

    Parameters
    ----------
    pixel_scale : `~astropy.units.Quantity`
        The side of a pixel.
    shape : tuple of int
        The shape of the periodic grid, ``(ny, nx)``.
    min_scale, max_scale : `~astropy.units.Quantity`
        The sizes of the smallest and of the largest structures.

    Returns
    -------
    tuple of int
        The scales, from 1: scale 0, of single pixels, is noise. The size of scale j is
        :math:`2^j` pixels, and the nearest scales are taken that fit on the grid.
    """
    first, last = (
        int(np.rint(np.log2((angle / pixel_scale).to_value(u.dimensionless_unscaled))))
        for angle in (min_scale, max_scale)
    )
    largest = max(1, int(np.log2(max(min(shape) - 1, 1))) - 1)
    first = min(max(first, 1), largest)
    return first, min(max(last, first), largest)
