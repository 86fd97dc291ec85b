# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of arguments, each with one message: the parameter, what was found, what is allowed."""

import numbers

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from lensmap.utils._exceptions import ParameterError, ParameterTypeError

__all__ = [
    "check_angle",
    "check_celestial_wcs",
    "check_choice",
    "check_count",
    "check_number",
    "check_rising",
    "look_up",
]


def check_angle(value, name, *, allow_none=False, allow_zero=False):
    """Return an angle as a scalar Quantity, refusing bare numbers.

    Parameters
    ----------
    value : `~astropy.units.Quantity`, str or None
        The angle, such as ``0.6 * u.arcmin`` or ``"0.6 arcmin"``.
    name : str
        The parameter's name for the error message.
    allow_none : bool
        Whether None is passed through.
    allow_zero : bool
        Whether 0 is allowed; negative angles never are.

    Returns
    -------
    `~astropy.units.Quantity` or None
        The angle in its own unit.

    Raises
    ------
    TypeError
        If it is a bare number or no angle at all.
    ValueError
        If it is not a scalar, not finite, negative or a forbidden zero.
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


def check_choice(value, name, choices):
    """Return ``value`` if it is one of ``choices``.

    Parameters
    ----------
    value : object
        What was given.
    name : str
        The parameter's name for the error message.
    choices : sequence
        What is allowed.

    Returns
    -------
    object
        ``value``.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    # "is" and the type first: comparing an array with a string would be elementwise
    if not (value is None or isinstance(value, (str, bool, numbers.Number))) or (
        value not in choices
    ):
        allowed = ", ".join(repr(choice) for choice in choices)
        raise ParameterError(name, f"one of {allowed}", repr(value))
    return value


def check_count(value, name, *, minimum=0):
    """Return a whole number of at least ``minimum``.

    Parameters
    ----------
    value : int
        What was given.
    name : str
        The parameter's name for the error message.
    minimum : int
        The smallest value that is allowed.

    Returns
    -------
    int
        ``value``.

    Raises
    ------
    TypeError
        If it is not a whole number.
    ValueError
        If it is too small.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ParameterTypeError(name, "a whole number", repr(value))
    if value < minimum:
        raise ParameterError(name, f"at least {minimum}", str(value))
    return int(value)


def check_number(value, name, allowed, *, low=-np.inf, high=np.inf):
    """Return a finite number in a range.

    Parameters
    ----------
    value : float
        What was given.
    name : str
        The parameter's name for the error message.
    allowed : str
        What is allowed, for the error message, such as ``"between 0 and 1"``.
    low, high : float
        The smallest and the largest value that is allowed.

    Returns
    -------
    float
        ``value`` itself.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is not finite or out of the range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ParameterTypeError(name, f"a number, {allowed}", repr(value))
    if not (np.isfinite(value) and low <= value <= high):
        raise ParameterError(name, allowed, repr(value))
    return value


def check_rising(values, name, allowed="at least two rising edges", given=None):
    """Return at least two rising numbers as an array.

    Parameters
    ----------
    values : array_like
        The numbers.
    name : str
        The parameter's name for the error message.
    allowed : str
        What is allowed, for the error message.
    given : object
        What the message says was found; None says ``values``.

    Returns
    -------
    `numpy.ndarray`
        Float, ``(n,)``.

    Raises
    ------
    ValueError
        If they do not rise, or there are fewer than two.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) < 2 or not np.all(np.diff(array) > 0):
        raise ParameterError(name, allowed, str(values) if given is None else repr(given))
    return array


def check_celestial_wcs(wcs, name="wcs", *, need_shape=True):
    """Return a two-dimensional celestial WCS with its array shape.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS.
    name : str
        The parameter's name for the error message.
    need_shape : bool
        Whether ``wcs.array_shape`` must be set.

    Returns
    -------
    `~astropy.wcs.WCS`
        ``wcs`` itself.

    Raises
    ------
    TypeError
        If it is no WCS.
    ValueError
        If it is not two-dimensional, not celestial, or has no shape.
    """
    if not isinstance(wcs, WCS):
        raise ParameterTypeError(name, "an astropy.wcs.WCS", type(wcs).__name__)
    if not wcs.has_celestial:
        axes = ", ".join(map(repr, wcs.wcs.ctype)) or "none"
        raise ParameterError(
            name, "celestial axes, such as RA---TAN", remedy=f"its axes are {axes}", verb="have"
        )
    if wcs.naxis != 2:
        raise ParameterError(
            name,
            "two-dimensional",
            remedy=f"it has {wcs.naxis} axes; wcs.celestial gives the celestial pair",
        )
    if need_shape and (wcs.array_shape is None or min(wcs.array_shape) < 1):
        raise ParameterError(
            name,
            "a shape",
            remedy=f"set {name}.array_shape = (ny, nx), which is now {wcs.array_shape}",
            verb="have",
        )
    return wcs


def look_up(known, name, what):
    """Return what has a name.

    Parameters
    ----------
    known : dict
        From names to what is meant.
    name : str
        What was given.
    what : str
        What the names are of, for the error message, such as ``"survey preset"``.

    Returns
    -------
    object
        The entry.

    Raises
    ------
    ValueError
        If there is none of that name; the message lists those that there are.
    """
    if not isinstance(name, str) or name not in known:
        there = ", ".join(map(repr, known))
        raise ValueError(f"there is no {what} {name!r}; there are {there}")
    return known[name]
