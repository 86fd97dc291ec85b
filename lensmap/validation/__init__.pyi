# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._compare import compare, contrast
from ._given_fields import GivenFields
from ._named_estimators import long_estimators, named_estimators
from ._setup import Observation, ValidationSetup, series_seed
from ._summary import summarize_scores
from ._true_clusters import true_clusters
from ._tuning import TunedLinear, tune_linear
from ._validate import ValidationPlan, validate
from .report import ValidationResults, result_table, write_report

# For other packages of lensmap; not public.
from .report import plus_minus as plus_minus, rounded as rounded

__all__ = [
    "GivenFields",
    "Observation",
    "TunedLinear",
    "ValidationPlan",
    "ValidationResults",
    "ValidationSetup",
    "compare",
    "contrast",
    "long_estimators",
    "named_estimators",
    "result_table",
    "series_seed",
    "summarize_scores",
    "true_clusters",
    "tune_linear",
    "validate",
    "write_report",
]
