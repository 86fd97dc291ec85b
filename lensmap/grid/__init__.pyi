# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._assignment import PixelAssignment
from ._noise import noise_realizations
from ._projection import PixelFrame
from ._shear_grid import ShearGrid
from ._wcs import make_wcs, tangent_wcs, tangent_wcs_of

# For other packages of lensmap; not public.
from ._assignment import MapPixels as MapPixels

__all__ = [
    "PixelAssignment",
    "PixelFrame",
    "ShearGrid",
    "make_wcs",
    "noise_realizations",
    "tangent_wcs",
    "tangent_wcs_of",
]
