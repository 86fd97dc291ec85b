# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._assignment import PixelAssignment as PixelAssignment
from ._noise import noise_realizations as noise_realizations
from ._projection import PixelFrame as PixelFrame
from ._shear_grid import ShearGrid as ShearGrid
from ._wcs import make_wcs as make_wcs
from ._wcs import tangent_wcs as tangent_wcs
from ._wcs import tangent_wcs_of as tangent_wcs_of

__all__ = [
    "PixelAssignment",
    "PixelFrame",
    "ShearGrid",
    "make_wcs",
    "noise_realizations",
    "tangent_wcs",
    "tangent_wcs_of",
]
