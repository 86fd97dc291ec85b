# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._checks import check_map
from ._convergence_map import ConvergenceMap
from ._noise_maps import each_noise_map

# For other packages of lensmap; not public.
from ._pixels import (
    pixel_anisotropy as pixel_anisotropy,
    pixel_size as pixel_size,
    same_pixels as same_pixels,
)
from ._resampling import resample as resample, resample_counts as resample_counts

__all__ = [
    "ConvergenceMap",
    "check_map",
    "each_noise_map",
]
