# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._finder import (
    Filaments as Filaments,
)
from ._finder import (
    filament_significance as filament_significance,
)
from ._finder import (
    find_filaments as find_filaments,
)
from ._persistence import (
    PersistencePairs as PersistencePairs,
)
from ._persistence import (
    persistence_pairs as persistence_pairs,
)
from ._ridges import azimuthal_excess as azimuthal_excess
from ._ridges import ridge_strength as ridge_strength

__all__ = [
    "Filaments",
    "PersistencePairs",
    "azimuthal_excess",
    "filament_significance",
    "find_filaments",
    "persistence_pairs",
    "ridge_strength",
]
