# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._convergence_map import ConvergenceMap
from ._healpix_map import HealpixMap

# For other packages of lensmap; not public.
from ._checks import check_map as check_map, has_total_error as has_total_error
from ._fits import (
    celestial_header as celestial_header,
    meta_hdus as meta_hdus,
    meta_to_json as meta_to_json,
    readable_cards as readable_cards,
)
from ._healpix_files import is_healpix_file as is_healpix_file
from ._noise_maps import each_noise_map as each_noise_map
from ._noise_peaks import (
    NoisePeakRecorder as NoisePeakRecorder,
    snr_in_other_noise as snr_in_other_noise,
)
from ._pixels import (
    MAX_ANISOTROPY as MAX_ANISOTROPY,
    MAX_PLANE_ANISOTROPY as MAX_PLANE_ANISOTROPY,
    check_pixels as check_pixels,
    pixel_areas as pixel_areas,
    pixel_sides as pixel_sides,
    same_pixels as same_pixels,
)
from ._recorded_sources import map_sources as map_sources
from ._resampling import resample as resample, resample_counts as resample_counts

__all__ = [
    "ConvergenceMap",
    "HealpixMap",
]
