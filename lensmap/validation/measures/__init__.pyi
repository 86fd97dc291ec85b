# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._clusters import (
    DEFINITIONS as DEFINITIONS,
)
from ._clusters import (
    RANKINGS as RANKINGS,
)
from ._clusters import (
    pool_completeness as pool_completeness,
)
from ._clusters import (
    pool_masses as pool_masses,
)
from ._clusters import (
    pool_purity as pool_purity,
)
from ._coma import (
    ComaSky as ComaSky,
)
from ._coma import (
    arm_rates as arm_rates,
)
from ._coma import (
    excess_significance as excess_significance,
)
from ._coma import (
    measure_coma as measure_coma,
)
from ._coma import (
    pool_masses_of_coma as pool_masses_of_coma,
)
from ._field_record import (
    COVERAGE_COLUMNS as COVERAGE_COLUMNS,
)
from ._field_record import (
    measure_field as measure_field,
)
from ._field_record import (
    measure_null as measure_null,
)
from ._field_record import (
    scores_of as scores_of,
)
from ._pixel_counts import (
    NULL_EDGES as NULL_EDGES,
)
from ._pixel_counts import (
    RELATION_EDGES as RELATION_EDGES,
)
from ._pixel_counts import (
    distribution as distribution,
)
from ._residuals import pool_residuals as pool_residuals
from ._residuals import residual_map as residual_map
from ._scales import autocorrelation as autocorrelation
from ._scales import relation_by_scale as relation_by_scale

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
