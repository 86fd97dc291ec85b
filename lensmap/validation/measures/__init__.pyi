# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._base import Measure, Records, table_of_each
from ._coma_sky import ComaMaps, ComaSky, map_coma
from ._field_record import measure_field
from ._list import MEASURES
from ._record import pack, unpack
from ._scores import all_scores, best_linear

__all__ = [
    "ComaMaps",
    "ComaSky",
    "MEASURES",
    "Measure",
    "Records",
    "all_scores",
    "best_linear",
    "map_coma",
    "measure_field",
    "pack",
    "table_of_each",
    "unpack",
]
