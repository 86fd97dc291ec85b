# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of the parameters of mock surveys."""

from __future__ import annotations

import numpy as np
from astropy import units as u

from lensmap.utils import ParameterError, ParameterTypeError, check_plausible

__all__ = ["check_surface_density"]


def check_surface_density(value: u.Quantity | str, name: str) -> u.Quantity:
    """Check that a parameter is a positive number per solid angle, with a unit.

    Parameters
    ----------
    value : `~astropy.units.Quantity` or str
        The density, such as ``33 / u.arcmin**2`` or ``"33 / arcmin2"``.
    name : str
        The name of the parameter in error messages.

    Returns
    -------
    `~astropy.units.Quantity`
        The density, in the unit in which it was given.

    Raises
    ------
    TypeError
        If the value has no unit, or a unit that is not an inverse solid angle.
    ValueError
        If the value is not a single positive finite number, or is a string that cannot be parsed.
    """
    if isinstance(value, str):
        try:
            value = u.Quantity(value)
        except (TypeError, ValueError):
            raise ParameterError(
                name, "a number per solid angle, such as '33 / arcmin2'", repr(value)
            ) from None
    if not isinstance(value, u.Quantity) or not value.unit.is_equivalent(u.arcmin**-2):
        raise ParameterTypeError(
            name, "a number per solid angle, such as 33 / u.arcmin**2", repr(value)
        )
    if not value.isscalar or not np.isfinite(value) or not value > 0:
        raise ParameterError(name, "one positive and finite density", str(value))
    check_plausible(value, name, "a density on the sky")
    return value
