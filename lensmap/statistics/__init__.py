# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Statistics of maps and catalogues: correlations, power, distributions, and null tests."""

from lensmap.statistics.correlation import kappa_correlation, shear_correlation
from lensmap.statistics.null_tests import (
    BModeTest,
    Stack,
    b_mode_test,
    psf_leakage,
    split_halves,
    stack_at,
)
from lensmap.statistics.one_point import kappa_moments, kappa_pdf, peak_counts
from lensmap.statistics.power import power_spectrum
from lensmap.statistics.relation import PixelRelation, orthogonal_slope, pixel_relation

__all__ = [
    "BModeTest",
    "PixelRelation",
    "Stack",
    "b_mode_test",
    "kappa_correlation",
    "kappa_moments",
    "kappa_pdf",
    "orthogonal_slope",
    "peak_counts",
    "pixel_relation",
    "power_spectrum",
    "psf_leakage",
    "shear_correlation",
    "split_halves",
    "stack_at",
]
