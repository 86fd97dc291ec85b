# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._finder import find_peaks
from ._matching import match_peaks
from ._multiscale import aperture_mass, find_multiscale_peaks
from ._rates import completeness, peaks_at_density, purity
from ._regions import write_regions
from ._segments import Segments, find_segments

# For other packages of lensmap; not public.
from ._false_peaks import (
    FalsePeaks as FalsePeaks,
    false_peaks as false_peaks,
    number_and_error as number_and_error,
)
from ._finder import detection_image as detection_image
from ._maxima import apart_on_sky as apart_on_sky, least_separation as least_separation
from ._rates import (
    binomial_rate as binomial_rate,
    correct_for_chance as correct_for_chance,
    unmasked_area as unmasked_area,
)
from ._regions import peak_regions as peak_regions, region_format as region_format

__all__ = [
    "Segments",
    "aperture_mass",
    "completeness",
    "find_multiscale_peaks",
    "find_peaks",
    "find_segments",
    "match_peaks",
    "peaks_at_density",
    "purity",
    "write_regions",
]
