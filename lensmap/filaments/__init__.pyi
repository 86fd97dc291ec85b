# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._finder import Filaments, filament_significance, find_filaments
from ._persistence import PersistencePairs, persistence_pairs
from ._ridges import azimuthal_excess, ridge_strength

__all__ = [
    "Filaments",
    "PersistencePairs",
    "azimuthal_excess",
    "filament_significance",
    "find_filaments",
    "persistence_pairs",
    "ridge_strength",
]
