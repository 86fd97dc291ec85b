# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Where a map that bridges holes has data near enough to say something."""

import numpy as np
from astropy import units as u

from lensmap.flatsky import gaussian_smooth, near_data

__all__ = ["data_support"]

# A pixel has data near it if there is a galaxy within this distance.
_SUPPORT = 2 * u.arcmin

# A masked pixel is bridged if at least this part of a Gaussian of this sigma sees data.
_BRIDGE, _BRIDGE_SIGMA = 0.5, 1 * u.arcmin


def data_support(grid, fill_holes):
    """Say where a map has support.

    Parameters
    ----------
    grid : `lensmap.grid.ShearGrid`
        The galaxies.
    fill_holes : bool
        Whether masked pixels may get values.

    Returns
    -------
    unsupported : `numpy.ndarray`
        Bool, ``(ny, nx)``: no galaxy within 2 arcmin, or two mean distances between galaxies,
        where that is more.
    bridged : `numpy.ndarray` or None
        Bool, ``(ny, nx)``: the masked pixels of which half of a Gaussian of 1 arcmin sees data;
        None if holes are not filled.
    """
    occupied = grid.sum_w > 0
    scale = grid.pixel_frame.scale
    distance = np.sqrt((~grid.mask).sum() / np.count_nonzero(occupied))
    # Where most of the map has no galaxies, the mean distance says nothing.
    reach = max(float(_SUPPORT / scale), 2 * min(distance, 2.0))
    unsupported = ~near_data(occupied, reach)
    if not fill_holes:
        return unsupported, None
    seen = gaussian_smooth((~grid.mask).astype(float), float(_BRIDGE_SIGMA / scale))
    return unsupported, grid.mask & (seen >= _BRIDGE) & ~unsupported
