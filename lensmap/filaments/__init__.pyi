# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._finder import Filaments, filament_significance, find_filaments
from ._ridges import azimuthal_excess, ridge_strength

# For other packages of lensmap; not public.
from ._persistence import persistence_pairs as persistence_pairs

__all__ = [
    "Filaments",
    "azimuthal_excess",
    "filament_significance",
    "find_filaments",
    "ridge_strength",
]
