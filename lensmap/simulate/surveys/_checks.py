# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of parameters of mock surveys."""

from __future__ import annotations

import numpy as np
from astropy import units as u

from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["check_surface_density"]


def check_surface_density(value: u.Quantity | str, name: str) -> u.Quantity:
    """Return a positive number per solid angle, refusing bare numbers.

    Parameters
    ----------
    value : `~astropy.units.Quantity` or str
        The density, such as ``33 / u.arcmin**2`` or ``"33 / arcmin2"``.
    name : str
        The parameter's name for the error message.

    Returns
    -------
    `~astropy.units.Quantity`
        The density in its own unit.

    Raises
    ------
    TypeError
        If the value has no unit, or another one.
    ValueError
        If the value is not one positive finite number, or not a readable string.
    """
    if isinstance(value, str):
        try:
            value = u.Quantity(value)
        except (TypeError, ValueError):
            raise ParameterError(
                name, "a number per solid angle such as '33 / arcmin2'", repr(value)
            ) from None
    if not isinstance(value, u.Quantity) or not value.unit.is_equivalent(u.arcmin**-2):
        raise ParameterTypeError(
            name, "a number per solid angle, such as 33 / u.arcmin**2", repr(value)
        )
    if not value.isscalar or not np.isfinite(value) or not value > 0:
        raise ParameterError(name, "one positive finite number", str(value))
    return value
