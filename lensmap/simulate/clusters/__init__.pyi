# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._field import ClusterField as ClusterField
from ._filaments import Filament as Filament

__all__ = [
    "ClusterField",
    "Filament",
]
