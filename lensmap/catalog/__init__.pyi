# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._calibration import Calibration as Calibration
from ._columns import (
    COLUMN_PRESETS as COLUMN_PRESETS,
)
from ._columns import (
    ColumnPreset as ColumnPreset,
)
from ._columns import (
    find_columns as find_columns,
)
from ._convention import (
    CONVENTIONS as CONVENTIONS,
)
from ._convention import (
    convention_name as convention_name,
)
from ._convention import (
    convention_signs as convention_signs,
)
from ._convention import (
    to_celestial as to_celestial,
)
from ._conversion import as_shear_catalog as as_shear_catalog
from ._shear_catalog import ShearCatalog as ShearCatalog
from ._tables import declared_meta as declared_meta
from ._tables import read_table as read_table

__all__ = [
    "COLUMN_PRESETS",
    "CONVENTIONS",
    "Calibration",
    "ColumnPreset",
    "ShearCatalog",
    "as_shear_catalog",
    "convention_name",
    "convention_signs",
    "declared_meta",
    "find_columns",
    "read_table",
    "to_celestial",
]
