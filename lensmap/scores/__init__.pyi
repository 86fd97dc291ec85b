# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._coverage import (
    coverage as coverage,
)
from ._coverage import (
    coverage_in_bins as coverage_in_bins,
)
from ._coverage import (
    distance_to_mask as distance_to_mask,
)
from ._coverage import (
    pool_coverage as pool_coverage,
)
from ._errors import (
    PairedDifference as PairedDifference,
)
from ._errors import (
    jackknife as jackknife,
)

# For other packages of lensmap; not public.
from ._errors import jackknife_of_sums as jackknife_of_sums
from ._errors import (
    mean_and_error as mean_and_error,
)
from ._errors import (
    paired_difference as paired_difference,
)
from ._errors import ratio_and_error as ratio_and_error
from ._focal import focal_weights as focal_weights
from ._metrics import (
    mean_ratio as mean_ratio,
)
from ._metrics import (
    ordinary_slope as ordinary_slope,
)
from ._metrics import (
    pearson_r as pearson_r,
)
from ._metrics import (
    rmse as rmse,
)
from ._metrics import (
    score_map as score_map,
)
from ._metrics import (
    tls_slope as tls_slope,
)
from ._metrics import (
    tls_slope_of_r as tls_slope_of_r,
)
from ._metrics import (
    weighted_loss as weighted_loss,
)
from ._null import null_scores as null_scores
from ._slopes import orthogonal_slope as orthogonal_slope

__all__ = [
    "PairedDifference",
    "coverage",
    "coverage_in_bins",
    "distance_to_mask",
    "focal_weights",
    "jackknife",
    "mean_and_error",
    "mean_ratio",
    "null_scores",
    "ordinary_slope",
    "orthogonal_slope",
    "paired_difference",
    "pearson_r",
    "pool_coverage",
    "rmse",
    "score_map",
    "tls_slope",
    "tls_slope_of_r",
    "weighted_loss",
]
