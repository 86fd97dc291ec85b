# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._calibration import Calibration
from ._columns import COLUMN_PRESETS, ColumnPreset, find_columns
from ._convention import CONVENTIONS, convention_name, convention_signs, to_celestial
from ._conversion import as_shear_catalog
from ._shear_catalog import ShearCatalog
from ._tables import declared_meta, read_table

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
