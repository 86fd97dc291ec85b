# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._clusters import DEFINITIONS, RANKINGS, pool_completeness, pool_masses, pool_purity
from ._coma import ComaSky, arm_rates, excess_significance, measure_coma, pool_masses_of_coma
from ._field_record import COVERAGE_COLUMNS, measure_field, measure_null, scores_of
from ._pixel_counts import NULL_EDGES, RELATION_EDGES, distribution
from ._residuals import pool_residuals, residual_map
from ._scales import autocorrelation, relation_by_scale

__all__ = [
    "COVERAGE_COLUMNS",
    "ComaSky",
    "DEFINITIONS",
    "NULL_EDGES",
    "RANKINGS",
    "RELATION_EDGES",
    "arm_rates",
    "autocorrelation",
    "distribution",
    "excess_significance",
    "measure_coma",
    "measure_field",
    "measure_null",
    "pool_completeness",
    "pool_masses",
    "pool_masses_of_coma",
    "pool_purity",
    "pool_residuals",
    "relation_by_scale",
    "residual_map",
    "scores_of",
]
