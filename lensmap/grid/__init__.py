# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""From galaxies to pixels: WCS, projection, binning of reduced shear, and noise realisations."""

from lensmap.grid.assignment import PixelAssignment
from lensmap.grid.noise import noise_realizations
from lensmap.grid.projection import PixelFrame
from lensmap.grid.shear_grid import ShearGrid
from lensmap.grid.wcs import make_wcs, tangent_wcs, tangent_wcs_of

__all__ = [
    "ShearGrid",
    "make_wcs",
    "tangent_wcs",
    "tangent_wcs_of",
    "noise_realizations",
    "PixelAssignment",
    "PixelFrame",
]
