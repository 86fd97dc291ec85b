# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._compare import compare, contrast
from ._export import export_fields
from ._exported_grid import exported_grid
from ._external_maps import ExternalMaps
from ._given_fields import GivenFields
from ._setup import ValidationSetup
from ._summary import summarize_scores
from ._true_clusters import true_clusters
from ._tuning import tune_linear
from ._validate import ValidationPlan, validate
from .report import ValidationResults, result_table, write_report

# For other packages of lensmap; not public.
from ._named_estimators import (
    estimator_label as estimator_label,
    long_estimators as long_estimators,
    named_estimators as named_estimators,
)
from ._setup import series_seed as series_seed
from .report import (
    describe_quantities as describe_quantities,
    plus_minus as plus_minus,
    rounded as rounded,
)

__all__ = [
    "ExternalMaps",
    "GivenFields",
    "ValidationPlan",
    "ValidationResults",
    "ValidationSetup",
    "compare",
    "contrast",
    "export_fields",
    "exported_grid",
    "result_table",
    "summarize_scores",
    "true_clusters",
    "tune_linear",
    "validate",
    "write_report",
]
