# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Shear catalogues: columns, sign conventions and calibration."""

from lensmap.catalog.calibration import Calibration
from lensmap.catalog.columns import COLUMN_PRESETS, ColumnPreset, find_columns
from lensmap.catalog.convention import CONVENTIONS, convention_name, convention_signs, to_celestial
from lensmap.catalog.conversion import as_shear_catalog
from lensmap.catalog.shear_catalog import ShearCatalog
from lensmap.catalog.tables import declared_meta, read_table

__all__ = [
    "ShearCatalog",
    "as_shear_catalog",
    "declared_meta",
    "read_table",
    "Calibration",
    "CONVENTIONS",
    "convention_signs",
    "convention_name",
    "to_celestial",
    "COLUMN_PRESETS",
    "ColumnPreset",
    "find_columns",
]
