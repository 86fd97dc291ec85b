# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of arguments; errors name the parameter, the allowed values and the given value."""

import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike

from lensmap.utils._exceptions import ParameterError, ParameterTypeError

__all__ = [
    "check_angle",
    "check_choice",
    "check_count",
    "check_number",
    "check_rising",
    "look_up",
    "match_name",
]


def check_angle(
    value: Any, name: str, *, allow_none: bool = False, allow_zero: bool = False
) -> Any:
    """Check an angle and return it as a scalar Quantity; numbers without a unit are an error.

    Parameters
    ----------
    value : `~astropy.units.Quantity`, str or None
        The angle, such as ``0.6 * u.arcmin`` or ``"0.6 arcmin"``.
    name : str
        The parameter's name for the error message.
    allow_none : bool
        Whether None is allowed, and returned unchanged.
    allow_zero : bool
        Whether an angle of 0 is allowed. Negative angles are never allowed.

    Returns
    -------
    `~astropy.units.Quantity` or None
        The angle, in the unit in which it was given.

    Raises
    ------
    TypeError
        If ``value`` is a number without a unit, or not an angle.
    ValueError
        If the angle is not a scalar, not finite, negative, or 0 without ``allow_zero``.
    """
    if value is None and allow_none:
        return None
    if isinstance(value, str):
        try:
            value = u.Quantity(value)
        except (TypeError, ValueError):
            raise ParameterError(name, "an angle such as '0.6 arcmin'", repr(value)) from None
    if not isinstance(value, u.Quantity) or not value.unit.is_equivalent(u.deg):
        raise ParameterTypeError(
            name, "an angle with a unit, such as 0.6 * u.arcmin", repr(value)
        )
    if not value.isscalar or not np.isfinite(value):
        raise ParameterError(name, "one finite angle", repr(value))
    if value < 0 or (value == 0 and not allow_zero):
        raise ParameterError(name, "0 or positive" if allow_zero else "positive", str(value))
    return value


def check_choice(value: Any, name: str, choices: Iterable) -> Any:
    """Check that a value is one of several choices, and return it.

    Parameters
    ----------
    value : object
        The given value.
    name : str
        The parameter's name for the error message.
    choices : sequence
        The allowed values.

    Returns
    -------
    object
        ``value``.

    Raises
    ------
    ValueError
        If ``value`` is not one of the choices.
    """
    # The type is tested first, because comparing an array with a string is elementwise.
    if not (value is None or isinstance(value, (str, bool, numbers.Number))) or (
        value not in choices
    ):
        allowed = ", ".join(repr(choice) for choice in choices)
        raise ParameterError(name, f"one of {allowed}", repr(value))
    return value


def check_count(value: Any, name: str, *, minimum: int = 0) -> int:
    """Return ``value`` as an int if it is a whole number of at least ``minimum``.

    Parameters
    ----------
    value : int
        The given value.
    name : str
        The parameter's name for the error message.
    minimum : int
        The smallest allowed value.

    Returns
    -------
    int
        ``value``.

    Raises
    ------
    TypeError
        If ``value`` is not a whole number.
    ValueError
        If ``value`` is below ``minimum``.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ParameterTypeError(name, "a whole number", repr(value))
    if value < minimum:
        raise ParameterError(name, f"at least {minimum}", str(value))
    return int(value)


def check_number(
    value: Any, name: str, allowed: str, *, low: float = -np.inf, high: float = np.inf
) -> float:
    """Return ``value`` if it is a finite number in a range.

    Parameters
    ----------
    value : float
        The given value.
    name : str
        The parameter's name for the error message.
    allowed : str
        The allowed values in words for the error message, such as ``"between 0 and 1"``.
    low, high : float
        The smallest and the largest allowed value.

    Returns
    -------
    float
        ``value`` itself.

    Raises
    ------
    TypeError
        If ``value`` is not a real number.
    ValueError
        If ``value`` is not finite, or is outside the range.
    """
    number: Any = value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ParameterTypeError(name, f"a number, {allowed}", repr(value))
    if not (np.isfinite(number) and low <= number <= high):
        raise ParameterError(name, allowed, repr(value))
    return number


def check_rising(
    values: ArrayLike,
    name: str,
    allowed: str = "at least two bin edges, strictly increasing",
    given: Any = None,
) -> np.ndarray:
    """Return numbers as an array if there are at least two and they increase strictly.

    Parameters
    ----------
    values : array_like
        The numbers.
    name : str
        The parameter's name for the error message.
    allowed : str
        The allowed values in words for the error message.
    given : object
        The value to show in the error message. If None, ``values``.

    Returns
    -------
    `numpy.ndarray`
        The numbers as floats, ``(n,)``.

    Raises
    ------
    ValueError
        If the numbers do not increase, or there are fewer than two.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) < 2 or not np.all(np.diff(array) > 0):
        raise ParameterError(name, allowed, str(values) if given is None else repr(given))
    return array


def match_name(names, name):
    """Return the registered spelling of a name.

    Parameters
    ----------
    names : iterable of str
        The registered names.
    name : object
        The given name; hyphens and underscores are equivalent.

    Returns
    -------
    str or None
        The registered spelling, such as ``"hsc_y3"`` for ``"hsc-y3"``; None if the name is not
        registered.
    """
    if not isinstance(name, str):
        return None
    spellings = {registered.replace("-", "_"): registered for registered in names}
    return spellings.get(name.replace("-", "_"))


def look_up(registry, name, kind):
    """Return the entry of a registry for a name.

    Parameters
    ----------
    registry : dict
        The entries, keyed by name.
    name : str
        The given name; hyphens and underscores are equivalent.
    kind : str
        The kind of entry for the error message, such as ``"survey preset"``.

    Returns
    -------
    object
        The entry.

    Raises
    ------
    ValueError
        If the name is not registered; the message lists the registered names.
    """
    registered = match_name(registry, name)
    if registered is None:
        names = ", ".join(map(repr, registry))
        raise ValueError(f"there is no {kind} {name!r}: choose one of {names}")
    return registry[registered]
