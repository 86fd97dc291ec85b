# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._compare import compare as compare
from ._compare import contrast as contrast
from ._given_fields import GivenFields as GivenFields

# For other packages of lensmap; not public.
from ._named_estimators import LINEAR_NAMES as LINEAR_NAMES
from ._named_estimators import (
    long_estimators as long_estimators,
)
from ._named_estimators import (
    named_estimators as named_estimators,
)
from ._setup import (
    Observation as Observation,
)
from ._setup import (
    ValidationSetup as ValidationSetup,
)
from ._setup import (
    series_seed as series_seed,
)
from ._summary import summarize as summarize
from ._true_clusters import true_clusters as true_clusters
from ._tuning import LinearRivals as LinearRivals
from ._tuning import tune_linear as tune_linear
from ._validate import ValidationPlan as ValidationPlan
from ._validate import validate as validate
from .report import (
    ValidationResults as ValidationResults,
)
from .report import (
    result_table as result_table,
)
from .report import (
    write_report as write_report,
)

__all__ = [
    "GivenFields",
    "LinearRivals",
    "Observation",
    "ValidationPlan",
    "ValidationResults",
    "ValidationSetup",
    "compare",
    "contrast",
    "long_estimators",
    "named_estimators",
    "result_table",
    "series_seed",
    "summarize",
    "true_clusters",
    "tune_linear",
    "validate",
    "write_report",
]
