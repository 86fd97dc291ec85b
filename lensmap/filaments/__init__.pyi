# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._finder import Filaments, filament_significance, find_filaments
from ._look_elsewhere import false_probability, random_scans
from ._matched_filter import matched_filter
from ._ridges import azimuthal_excess, ridge_strength
from ._scan import ArmScan
from ._shear_peaks import shear_peak_statistic

# For other packages of lensmap; not public.
from ._persistence import persistence_pairs as persistence_pairs

__all__ = [
    "ArmScan",
    "Filaments",
    "azimuthal_excess",
    "false_probability",
    "filament_significance",
    "find_filaments",
    "matched_filter",
    "random_scans",
    "ridge_strength",
    "shear_peak_statistic",
]
