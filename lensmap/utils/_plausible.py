# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Plausible ranges of physical quantities."""

from typing import NamedTuple

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike

from lensmap.utils._exceptions import ParameterError

__all__ = ["PLAUSIBLE", "PlausibleRange", "check_plausible"]


class PlausibleRange(NamedTuple):
    """The plausible values of a quantity.

    Attributes
    ----------
    low, high : float
        The limits, which are plausible themselves.
    unit : `~astropy.units.Unit`
        The unit of the limits.
    """

    low: float
    high: float
    unit: u.UnitBase = u.dimensionless_unscaled


#: The plausible ranges, keyed by the quantity. Those of the columns of catalogs are in
#: ``lensmap.catalog``.
PLAUSIBLE = {
    # From the halos of dwarf galaxies to ten times the most massive clusters.
    "a halo mass": PlausibleRange(1e5, 1e17, u.solMass),
    "a concentration": PlausibleRange(0.05, 500.0),
    # From the nearest galaxies to the first ones; the microwave background needs a curved sky.
    "a lens redshift": PlausibleRange(1e-4, 20.0),
    "a source redshift": PlausibleRange(1e-3, 100.0),
    # Shears of galaxies are below 1, so galaxies with larger errors add nothing.
    "a measurement error": PlausibleRange(0.0, 10.0),
    "a density on the sky": PlausibleRange(1e-7, 1e6, u.arcmin**-2),
    "a signal-to-noise ratio": PlausibleRange(-1e3, 1e3),
    "a convergence": PlausibleRange(-1e3, 1e3),
}


def check_plausible(values: ArrayLike | u.Quantity, name: str, quantity: str) -> None:
    """Check that a value, or each of several values, lies in the plausible range.

    Parameters
    ----------
    values : array_like or `~astropy.units.Quantity`
        One or more numbers, in the unit of the range if they have no unit.
    name : str
        The parameter's name for the error message.
    quantity : str
        The quantity, a key of ``PLAUSIBLE``.

    Raises
    ------
    ValueError
        If a value is not finite or is out of the range.
    """
    low, high, unit = PLAUSIBLE[quantity]
    numbers = np.atleast_1d(
        values.to_value(unit) if isinstance(values, u.Quantity) else np.asarray(values, dtype=float)
    ).ravel()
    wrong = ~((numbers >= low) & (numbers <= high))
    if np.any(wrong):
        text = "" if unit == u.dimensionless_unscaled else f" {unit}"
        raise ParameterError(
            name, f"between {low:g} and {high:g}{text}, the plausible values of {quantity}",
            f"{numbers[wrong][0]:g}{text}", "check the number and its unit",
        )
