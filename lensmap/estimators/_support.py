# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The pixels with galaxies near them, and the masked pixels that a map can inpaint."""

from typing import NamedTuple

import numpy as np
from astropy import units as u

from lensmap.flatsky import gaussian_smooth, near_data
from lensmap.grid import ShearGrid

__all__ = ["Support", "data_support"]

# A pixel is supported by galaxies within this many smoothing lengths of it.
_N_SIGMA = 2.0

# The smoothing length of methods that have none of their own.
_SIGMA = 1 * u.arcmin

# A masked pixel is inpainted if at least this fraction of the Gaussian lies on unmasked pixels.
_MIN_UNMASKED_FRACTION = 0.5


class Support(NamedTuple):
    """Masks of a map that follow from the positions of its galaxies.

    Attributes
    ----------
    unsupported : `numpy.ndarray`
        Bool, ``(ny, nx)``: the pixels without a galaxy near them.
    inpainted : `numpy.ndarray` or None
        Bool, ``(ny, nx)``: the masked pixels that can be inpainted; None if none is to be.
    """

    unsupported: np.ndarray
    inpainted: np.ndarray | None


def data_support(
    grid: ShearGrid, fill_holes: bool, sigma: float | None = None, dtype: str = "float64"
) -> Support:
    """Find the pixels that galaxies support.

    Parameters
    ----------
    grid : `lensmap.ShearGrid`
        The galaxies.
    fill_holes : bool
        Whether masked pixels may get values.
    sigma : float or None
        The smoothing length in pixels; None takes 1 arcmin.
    dtype : {"float64", "float32"}
        The precision of the smoothed mask.

    Returns
    -------
    Support
        Unsupported: no galaxy within two smoothing lengths, or within two mean distances between
        galaxies where that is more (unsmoothed maps of sparse catalogs are not full of holes).
        Inpainted: masked pixels of which half of the Gaussian lies on unmasked ones.
    """
    if sigma is None:
        sigma = float(_SIGMA / grid.pixel_frame.scale)
    occupied = grid.sum_w > 0
    distance = np.sqrt((~grid.mask).sum() / np.count_nonzero(occupied))
    # Where most of the map has no galaxies, the mean distance is no measure of their spacing.
    unsupported = ~near_data(occupied, _N_SIGMA * max(sigma, min(distance, 2.0)))
    if not fill_holes or sigma == 0:
        return Support(unsupported, None)
    unmasked = gaussian_smooth((~grid.mask).astype(dtype), sigma)
    return Support(unsupported, grid.mask & (unmasked >= _MIN_UNMASKED_FRACTION) & ~unsupported)
