# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._correlation import (
    kappa_correlation as kappa_correlation,
)
from ._correlation import (
    shear_correlation as shear_correlation,
)
from ._null_tests import (
    BModeTest as BModeTest,
)
from ._null_tests import (
    Stack as Stack,
)
from ._null_tests import (
    b_mode_test as b_mode_test,
)
from ._null_tests import (
    psf_leakage as psf_leakage,
)
from ._null_tests import (
    split_halves as split_halves,
)
from ._null_tests import (
    stack_at as stack_at,
)
from ._one_point import (
    kappa_moments as kappa_moments,
)
from ._one_point import (
    kappa_pdf as kappa_pdf,
)
from ._one_point import (
    peak_counts as peak_counts,
)
from ._power import power_spectrum as power_spectrum
from ._relation import (
    PixelRelation as PixelRelation,
)
from ._relation import (
    pixel_relation as pixel_relation,
)

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
    "split_halves",
    "stack_at",
]
