# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._convergence_map import ConvergenceMap as ConvergenceMap
from ._convergence_map import check_map as check_map
from ._noise_maps import each_noise_map as each_noise_map

# For other packages of lensmap; not public.
from ._pixels import (
    pixel_anisotropy as pixel_anisotropy,
)
from ._pixels import (
    pixel_size as pixel_size,
)
from ._pixels import (
    same_pixels as same_pixels,
)

__all__ = [
    "ConvergenceMap",
    "check_map",
    "each_noise_map",
]
