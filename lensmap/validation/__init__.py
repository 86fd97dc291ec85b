# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How near to the truth maps come: on simulated skies of which all is known, and on real ones.

`ValidationSetup` says what is simulated, `compare` lets estimators work on the same data and
scores their maps field by field, `tune_linear` makes rivals worth the name, and `summarize`,
`contrast` and `paired_difference` say what the scores mean, with errors from field to field.
`true_clusters` are the peaks of a true map, to hold found ones against.

`validate` does all of that and more, field by field into a folder; `ValidationResults` are the
tables of it, and `write_report` makes a page with figures. `recover_halos` puts halos in front of
a user's own galaxies (`inject_halos`), and counts those that the map shows.
"""

from lensmap.validation.comparison import compare, contrast
from lensmap.validation.coverage import (
    coverage,
    coverage_in_bins,
    distance_to_mask,
    pool_coverage,
)
from lensmap.validation.field_errors import (
    PairedDifference,
    jackknife,
    mean_and_error,
    paired_difference,
)
from lensmap.validation.given_fields import GivenFields
from lensmap.validation.injection import inject_halos
from lensmap.validation.metrics import (
    mean_ratio,
    ordinary_slope,
    pearson_r,
    rmse,
    score_map,
    tls_slope,
    tls_slope_of_r,
    weighted_loss,
)
from lensmap.validation.named_estimators import long_estimators, named_estimators
from lensmap.validation.null_test import null_scores
from lensmap.validation.recovery import recover_halos
from lensmap.validation.recovery_result import HaloRecovery
from lensmap.validation.report import write_report
from lensmap.validation.result_table import result_table
from lensmap.validation.results import ValidationResults
from lensmap.validation.summary import summarize
from lensmap.validation.true_clusters import true_clusters
from lensmap.validation.tuning import LinearRivals, tune_linear
from lensmap.validation.validate import ValidationPlan, validate
from lensmap.validation.validation_setup import Observation, ValidationSetup, series_seed

__all__ = [
    "GivenFields",
    "HaloRecovery",
    "LinearRivals",
    "Observation",
    "PairedDifference",
    "ValidationPlan",
    "ValidationResults",
    "ValidationSetup",
    "compare",
    "contrast",
    "coverage",
    "coverage_in_bins",
    "distance_to_mask",
    "inject_halos",
    "jackknife",
    "long_estimators",
    "mean_and_error",
    "mean_ratio",
    "named_estimators",
    "null_scores",
    "ordinary_slope",
    "paired_difference",
    "pearson_r",
    "pool_coverage",
    "recover_halos",
    "result_table",
    "rmse",
    "score_map",
    "series_seed",
    "summarize",
    "tls_slope",
    "tls_slope_of_r",
    "true_clusters",
    "tune_linear",
    "validate",
    "weighted_loss",
    "write_report",
]
