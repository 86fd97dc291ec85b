# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._field import ClusterField
from ._filaments import Filament

__all__ = [
    "ClusterField",
    "Filament",
]
