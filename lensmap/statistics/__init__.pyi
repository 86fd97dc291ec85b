# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._correlation import kappa_correlation, shear_correlation
from ._null_tests import BModeTest, Stack, b_mode_test, psf_leakage, split_halves, stack_at
from ._one_point import kappa_moments, kappa_pdf, peak_counts
from ._power import power_spectrum
from ._relation import PixelRelation, pixel_relation
from ._shear_power import shear_power_spectrum

__all__ = [
    "BModeTest",
    "PixelRelation",
    "Stack",
    "b_mode_test",
    "kappa_correlation",
    "kappa_moments",
    "kappa_pdf",
    "peak_counts",
    "pixel_relation",
    "power_spectrum",
    "psf_leakage",
    "shear_correlation",
    "shear_power_spectrum",
    "split_halves",
    "stack_at",
]
