# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._noise import noise_realizations
from ._projection import PixelFrame
from ._shear_grid import ShearGrid
from ._wcs import make_wcs, tangent_wcs

# For other packages of lensmap; not public.
from ._assignment import MapPixels as MapPixels, PixelAssignment as PixelAssignment
from ._wcs import tangent_wcs_of as tangent_wcs_of

__all__ = [
    "PixelFrame",
    "ShearGrid",
    "make_wcs",
    "noise_realizations",
    "tangent_wcs",
]
