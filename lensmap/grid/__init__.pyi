# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._coarsened_wcs import coarsened_wcs
from ._noise import noise_realizations
from ._projection import PixelFrame
from ._shear_grid import ShearGrid
from ._sphere import SphericalShearGrid
from ._wcs import make_wcs, tangent_wcs

# For other packages of lensmap; not public.
from ._add_at import add_at as add_at
from ._assignment import (
    Assignment as Assignment,
    MapPixels as MapPixels,
    PixelAssignment as PixelAssignment,
)
from ._coarsened_wcs import block_factor as block_factor, block_wcs as block_wcs
from ._binned_shear import BinnedShear as BinnedShear
from ._pixel_density import galaxies_per_pixel as galaxies_per_pixel
from ._pixel_weights import PixelWeights as PixelWeights
from ._sphere import (
    SphericalAssignment as SphericalAssignment,
    SphericalPixels as SphericalPixels,
)
from ._sums import check_grid_memory as check_grid_memory
from ._wcs import DEFAULT_PIXEL_SCALE as DEFAULT_PIXEL_SCALE, tangent_wcs_of as tangent_wcs_of

__all__ = [
    "PixelFrame",
    "ShearGrid",
    "SphericalShearGrid",
    "coarsened_wcs",
    "make_wcs",
    "noise_realizations",
    "tangent_wcs",
]
