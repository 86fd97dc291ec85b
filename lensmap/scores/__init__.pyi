# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._coverage import coverage, coverage_in_bins, distance_to_mask, pool_coverage
from ._errors import PairedDifference, jackknife, mean_and_error, paired_difference
from ._focal import focal_weights
from ._metrics import (
    mean_ratio,
    ordinary_slope,
    pearson_r,
    rmse,
    score_map,
    tls_slope,
    tls_slope_of_r,
    weighted_loss,
)
from ._null import null_scores
from ._slopes import orthogonal_slope

# For other packages of lensmap; not public.
from ._errors import jackknife_of_sums as jackknife_of_sums, ratio_and_error as ratio_and_error

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
