# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._calibration import Calibration
from ._columns import find_columns
from ._convention import CONVENTIONS, to_celestial
from ._preset import ColumnPreset
from ._shear_catalog import ShearCatalog
from ._surveys import COLUMN_PRESETS
from .hats import HatsCatalog, partition_catalog, write_hats

# For other packages of lensmap; not public.
from ._behind import behind_lens as behind_lens, check_behind as check_behind
from ._cleaning import without_bad_redshifts as without_bad_redshifts
from ._calibrated import (
    PartNumbers as PartNumbers,
    calibrated_catalog as calibrated_catalog,
)
from ._column_text import read_columns_text as read_columns_text
from ._convention import (
    Convention as Convention,
    convention_name as convention_name,
    convention_signs as convention_signs,
)
from ._conversion import as_shear_catalog as as_shear_catalog
from ._galaxy_response import (
    GalaxyResponse as GalaxyResponse,
    galaxy_response as galaxy_response,
)
from ._facts import (
    add_facts as add_facts,
    calibration_facts as calibration_facts,
    catalog_facts as catalog_facts,
    selection_facts as selection_facts,
)
from ._redshift_densities import (
    integral_weights as integral_weights,
    normalizations as normalizations,
    sample_redshifts as sample_redshifts,
)
from ._preset import OPTIONAL as OPTIONAL, REQUIRED as REQUIRED
from ._scatter import VarianceByWeight as VarianceByWeight
from ._needed import needed_columns as needed_columns
from ._selection import RowSelection as RowSelection
from ._source_redshifts import redshift_distribution as redshift_distribution
from ._values import column_values as column_values
from .hats import galaxy_keys as galaxy_keys
from .files import open_table as open_table, read_table as read_table

__all__ = [
    "COLUMN_PRESETS",
    "CONVENTIONS",
    "Calibration",
    "ColumnPreset",
    "HatsCatalog",
    "ShearCatalog",
    "find_columns",
    "partition_catalog",
    "to_celestial",
    "write_hats",
]
