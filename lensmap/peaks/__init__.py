# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Peaks of mass maps: where they are, which clusters they are, and how many are none."""

from lensmap.peaks.finder import find_peaks
from lensmap.peaks.matching import match_peaks
from lensmap.peaks.multiscale import aperture_mass, find_multiscale_peaks
from lensmap.peaks.rates import completeness, open_area, peaks_at_density, purity
from lensmap.peaks.regions import peak_regions, write_regions
from lensmap.peaks.segments import Segments, find_segments

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
