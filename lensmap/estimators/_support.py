# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pixels with galaxies near them, and masked pixels that can be inpainted."""

from typing import NamedTuple

import numpy as np
from astropy import units as u

from lensmap.flatsky import gaussian_smooth, near_data
from lensmap.grid import ShearGrid

__all__ = ["MIN_UNMASKED_FRACTION", "Support", "data_support"]

# A pixel is supported if a galaxy lies within this many smoothing lengths.
_N_SIGMA = 2.0

# The smoothing length for methods that do not smooth.
_SIGMA = 1 * u.arcmin

# A masked pixel is inpainted if at least this fraction of the Gaussian lies on unmasked pixels.
MIN_UNMASKED_FRACTION = 0.5


class Support(NamedTuple):
    """Masks of a map that follow from the positions of its galaxies.

    Attributes
    ----------
    unsupported : `numpy.ndarray`
        True for pixels without a galaxy near them, bool, ``(ny, nx)``.
    inpainted : `numpy.ndarray` or None
        True for masked pixels that can be inpainted, bool, ``(ny, nx)``. None if no pixel is to be
        inpainted.
    """

    unsupported: np.ndarray
    inpainted: np.ndarray | None


def data_support(
    grid: ShearGrid, fill_holes: bool, sigma: float | None = None, dtype: str = "float64"
) -> Support:
    """Find the pixels without galaxies near them, and the masked pixels that can be inpainted.

    A pixel is unsupported if no galaxy lies within two smoothing lengths or, if that is larger,
    within two mean distances between galaxies. The second criterion keeps unsmoothed maps of sparse
    catalogs from being full of holes. A masked pixel can be inpainted if at least half of the
    Gaussian kernel around it lies on unmasked pixels.

    Parameters
    ----------
    grid : `lensmap.ShearGrid`
        The binned galaxies.
    fill_holes : bool
        Whether masked pixels may be inpainted.
    sigma : float or None
        The smoothing length in pixels. If None, 1 arcmin.
    dtype : {"float64", "float32"}
        The precision of the smoothed mask.

    Returns
    -------
    Support
        The unsupported and the inpainted pixels.
    """
    if sigma is None:
        sigma = float(_SIGMA / grid.pixel_frame.scale)
    occupied = grid.sum_w > 0
    distance = np.sqrt((~grid.mask).sum() / np.count_nonzero(occupied))
    # The mean distance is limited, because it overestimates the spacing of the galaxies if most of
    # the map has no galaxies.
    unsupported = ~near_data(occupied, _N_SIGMA * max(sigma, min(distance, 2.0)))
    if not fill_holes or sigma == 0:
        return Support(unsupported, None)
    unmasked = gaussian_smooth((~grid.mask).astype(dtype), sigma)
    return Support(unsupported, grid.mask & (unmasked >= MIN_UNMASKED_FRACTION) & ~unsupported)
