# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._coverage import coverage, coverage_in_bins, distance_to_mask, pool_coverage
from ._errors import PairedDifference, mean_and_error, paired_difference
from ._metrics import pearson_r, rmse, score_map, tls_slope, weighted_loss
from ._null import null_scores

# For other packages of lensmap; not public.
from ._errors import (
    jackknife as jackknife,
    jackknife_of_sums as jackknife_of_sums,
    ratio_and_error as ratio_and_error,
)
from ._focal import focal_weights as focal_weights
from ._metrics import (
    mean_ratio as mean_ratio,
    ordinary_slope as ordinary_slope,
    tls_slope_of_r as tls_slope_of_r,
)
from ._slopes import orthogonal_slope as orthogonal_slope

__all__ = [
    "PairedDifference",
    "coverage",
    "coverage_in_bins",
    "distance_to_mask",
    "mean_and_error",
    "null_scores",
    "paired_difference",
    "pearson_r",
    "pool_coverage",
    "rmse",
    "score_map",
    "tls_slope",
    "weighted_loss",
]
