# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Peaks of mass maps: where they are, which clusters they are, and how many are none."""

from lensmap.peaks.finder import find_peaks
from lensmap.peaks.matching import match_peaks
from lensmap.peaks.rates import completeness, open_area, peaks_at_density, purity
from lensmap.peaks.regions import peak_regions, write_regions

__all__ = [
    "completeness",
    "find_peaks",
    "match_peaks",
    "open_area",
    "peak_regions",
    "peaks_at_density",
    "purity",
    "write_regions",
]
