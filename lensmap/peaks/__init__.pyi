# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._finder import find_peaks as find_peaks

# For other packages of lensmap; not public.
from ._finder import heights as heights
from ._matching import match_peaks as match_peaks
from ._multiscale import (
    aperture_mass as aperture_mass,
)
from ._multiscale import (
    find_multiscale_peaks as find_multiscale_peaks,
)
from ._rates import binomial_rate as binomial_rate
from ._rates import (
    completeness as completeness,
)
from ._rates import (
    open_area as open_area,
)
from ._rates import (
    peaks_at_density as peaks_at_density,
)
from ._rates import (
    purity as purity,
)
from ._rates import without_chance as without_chance
from ._regions import peak_regions as peak_regions
from ._regions import region_format as region_format
from ._regions import write_regions as write_regions
from ._segments import Segments as Segments
from ._segments import find_segments as find_segments

__all__ = [
    "Segments",
    "aperture_mass",
    "completeness",
    "find_multiscale_peaks",
    "find_peaks",
    "find_segments",
    "match_peaks",
    "open_area",
    "peak_regions",
    "peaks_at_density",
    "purity",
    "write_regions",
]
