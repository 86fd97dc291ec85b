# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The size of rounding errors, below which a difference or a noise level has no meaning."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["rounding_level"]

# Rounding errors of sums and Fourier transforms in units of the resolution of the numbers.
_N_RESOLUTIONS = 100.0


def rounding_level(*arrays: ArrayLike | None) -> float:
    """Return the level below which values computed from arrays are rounding errors.

    Kappa and shear are computed from ellipticities of order 1. Double-precision values below
    2e-14 are therefore rounding errors, whatever the arrays hold.

    Parameters
    ----------
    *arrays : array_like or None
        The arrays from which the values were computed, any shapes. Values that are not finite, and
        None, do not count.

    Returns
    -------
    float
        The level, in the unit of the arrays: 100 times the resolution of their type of number,
        relative to the largest absolute value and to 1 in double precision.
    """
    level = _N_RESOLUTIONS * float(np.finfo(np.float64).eps)
    for values in arrays:
        if values is None:
            continue
        values = np.asarray(values)
        kind = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
        largest = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
        level = max(level, _N_RESOLUTIONS * float(np.finfo(kind).eps) * largest)
    return level
