# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Arithmetic with maps, the same on a plane and on the sphere."""

import numbers
from typing import Any

import numpy as np
from astropy import units as u

from lensmap.utils import MapWarning, warn_user

__all__ = ["MapArithmetic", "warn_dropped"]


class MapArithmetic:
    """The operators + - * / of a map with a number, and + - of two maps with the same pixels.

    A class with these operators has the attributes ``data``, ``uncertainty`` (with an ``array``),
    ``mask``, ``kappa_b`` and ``counts``, the method ``replace``, and ``_check_same_pixels``, which
    raises a ValueError if another map has other pixels.
    """

    data: Any
    mask: Any
    uncertainty: Any
    kappa_b: Any
    counts: Any
    replace: Any
    _check_same_pixels: Any

    # Otherwise, array + map would be evaluated by numpy, which treats a map as a scalar object.
    __array_ufunc__ = None

    def __neg__(self):
        return self * -1

    def __mul__(self, factor):
        if not _is_number(factor):
            return NotImplemented
        factor = float(factor)
        return self.replace(
            data=self.data * factor,
            uncertainty=(
                None if self.uncertainty is None else self.uncertainty.array * abs(factor)
            ),
            kappa_b=None if self.kappa_b is None else self.kappa_b * factor,
        )

    __rmul__ = __mul__

    def __truediv__(self, divisor):
        return self * (1.0 / float(divisor)) if _is_number(divisor) else NotImplemented

    def __add__(self, other):
        return self._plus(other, 1)

    __radd__ = __add__

    def __sub__(self, other):
        return self._plus(other, -1)

    def __rsub__(self, other):
        return (-self)._plus(other, 1)

    def _plus(self, other, sign):
        if _is_number(other):
            return self.replace(data=self.data + sign * float(other))
        if not isinstance(other, type(self)):
            return NotImplemented
        self._check_same_pixels(other)
        if self.uncertainty is not None or other.uncertainty is not None:
            warn_dropped("sum or difference", "the noise of the two maps may be correlated")
        both_b = self.kappa_b is not None and other.kappa_b is not None
        # Counts are kept only if they are equal, as for two maps of the same galaxies.
        same_counts = self.counts is not None and np.array_equal(self.counts, other.counts)
        return self.replace(
            data=self.data + sign * other.data,
            mask=self.mask | other.mask,
            uncertainty=None,
            kappa_b=self.kappa_b + sign * other.kappa_b if both_b else None,
            counts=self.counts if same_counts else None,
        )


def warn_dropped(new_map: str, why: str) -> None:
    """Warn that a new map has no uncertainty.

    Parameters
    ----------
    new_map : str
        The kind of map, such as ``"sum or difference"``.
    why : str
        The reason, after "because".
    """
    warn_user(f"the {new_map} has no uncertainty, because {why}", MapWarning, "uncertainty_dropped")


def _is_number(value):
    return isinstance(value, numbers.Real) or (
        isinstance(value, (np.ndarray, u.Quantity)) and np.ndim(value) == 0
    )
