# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Plausible ranges of columns, and the placeholders that catalogs write for missing values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = [
    "PLACEHOLDERS", "RANGES", "TOLERANCE", "UPPER_PLACEHOLDERS", "Range", "is_placeholder",
]

#: Numbers that stand for a missing value in catalogs, whatever the column; the last is HEALPix's.
PLACEHOLDERS = (-99.0, -99.9, -99.99, -999.0, -9999.0, -99999.0, -1.6375e30)

#: Numbers that stand for a missing value where they are outside the range of the column.
UPPER_PLACEHOLDERS = (99.0, 99.9, 99.99, 999.0, 9999.0, 99999.0)

#: The relative precision of single precision, in which placeholders such as -99.9 are stored.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Range:
    """The plausible values of a column.

    Attributes
    ----------
    low, high : float
        The limits. Values at the limits are plausible if ``closed`` is True.
    closed : bool
        Whether the limits are in the range.
    cause : str
        The cause in the message about rows that are left out, such as ``"negative weight"``.
        If empty, the message is made from the name of the column and its range.
    """

    low: float
    high: float
    closed: bool = True
    cause: str = ""

    def contains(self, values: np.ndarray) -> np.ndarray:
        """Return True for values in the range, bool, with the shape of ``values``."""
        if self.closed:
            return (values >= self.low) & (values <= self.high)
        return (values > self.low) & (values < self.high)

    def text(self) -> str:
        """Return the limits as text, such as ``-1..1``."""
        return f"{self.low:g}..{self.high:g}"


#: The plausible values of each of lensmap's columns. Those of e1 and e2 are limited together, by
#: ``max_ellipticity``. The elements of the response of a galaxy are differences of shapes below 1
#: divided by twice the step of the sheared images, 0.01: noisy galaxies have large ones.
RANGES = {
    "ra": Range(-360.0, 720.0, cause="ra outside -360..720 deg"),
    "dec": Range(-90.0, 90.0, cause="dec outside -90..90 deg"),
    "e1": Range(-np.inf, np.inf),
    "e2": Range(-np.inf, np.inf),
    "weight": Range(0.0, np.inf, cause="negative weight"),
    "sigma_m": Range(0.0, 10.0),
    "sigma_e": Range(0.0, 10.0),
    "redshift": Range(0.0, 20.0, closed=False),
    "m": Range(-1.0, 1.0, closed=False),
    "c1": Range(-1.0, 1.0, closed=False),
    "c2": Range(-1.0, 1.0, closed=False),
    **{name: Range(-100.0, 100.0) for name in ("r11", "r22", "r12", "r21")},
}


def is_placeholder(values: np.ndarray) -> np.ndarray | None:
    """Return True for values that are placeholders for missing values, such as -99.

    Parameters
    ----------
    values : `numpy.ndarray`
        The values, ``(n,)``.

    Returns
    -------
    `numpy.ndarray` or None
        Bool, ``(n,)``. None if no value is a placeholder.
    """
    if len(values) == 0 or values.dtype.kind not in "if":
        return None
    lowest = np.fmin.reduce(values)
    if not lowest <= max(PLACEHOLDERS):
        return None
    found = np.zeros(len(values), dtype=bool)
    low = np.flatnonzero(values <= max(PLACEHOLDERS))
    for number in PLACEHOLDERS:
        found[low[np.isclose(values[low].astype(float), number, rtol=TOLERANCE, atol=0.0)]] = True
    return found if found.any() else None
