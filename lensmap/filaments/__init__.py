# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Filaments of mass maps: ridges that persist, and second opinions on them."""

from lensmap.filaments.finder import Filaments, filament_significance, find_filaments
from lensmap.filaments.persistence import PersistencePairs, persistence_pairs
from lensmap.filaments.ridges import azimuthal_excess, ridge_strength

__all__ = [
    "Filaments",
    "PersistencePairs",
    "azimuthal_excess",
    "filament_significance",
    "find_filaments",
    "persistence_pairs",
    "ridge_strength",
]
