# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._map_survey import map_survey, plan_survey
from ._plan import Plan
from ._survey_map import SurveyMap
from ._truth import compare_maps
from ._validation import SurveyValidation
from .products import (
    HealpixTable,
    HealSparseFile,
    HipsFolder,
    MocFile,
    read_cutout,
    write_products,
)

# For other packages of lensmap; not public.
from ._further_files import check_nside as check_nside, check_products as check_products
from ._map_survey import open_run as open_run

__all__ = [
    "HealSparseFile",
    "HealpixTable",
    "HipsFolder",
    "MocFile",
    "Plan",
    "SurveyMap",
    "SurveyValidation",
    "compare_maps",
    "map_survey",
    "plan_survey",
    "read_cutout",
    "write_products",
]
