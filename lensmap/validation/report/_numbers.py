# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Formatting of numbers with their errors."""

from math import isfinite

__all__ = ["plus_minus", "rounded"]

_MAX_DECIMALS = 12


def rounded(value: float, error: float | None = None, decimals: int = 3) -> tuple[str, str]:
    """Return the text of a number and of its error, rounded to the same number of decimals.

    Parameters
    ----------
    value : float
        The number.
    error : float or None
        The error of the number. The error counts as unknown if it is None, 0 or not finite.
    decimals : int
        The number of decimals. More decimals are shown if the error would round to 0.

    Returns
    -------
    value, error : str
        The two texts. Both are empty if the number is not finite; ``error`` is empty if the error
        is unknown.
    """
    value = float(value)
    if not isfinite(value):
        return "", ""
    error = float("nan") if error is None else float(error)
    if not (isfinite(error) and error > 0):
        return _fixed(value, decimals), ""
    shown = next((n for n in range(decimals, _MAX_DECIMALS + 1) if float(f"{error:.{n}f}") > 0),
                 None)
    if shown is None:
        return _fixed(value, decimals), ""
    return _fixed(value, shown), f"{error:.{shown}f}"


def _fixed(value, decimals):
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def plus_minus(
    value: float, error: float | None = None, decimals: int = 3, sign: str = "\N{PLUS-MINUS SIGN}"
) -> str:
    """Return a number with its error in one string.

    Parameters
    ----------
    value : float
        The number.
    error : float or None
        The error of the number. The error counts as unknown if it is None, 0 or not finite.
    decimals : int
        The number of decimals. More decimals are shown if the error would round to 0.
    sign : str
        The sign between the number and its error.

    Returns
    -------
    str
        The text, such as ``"0.123 ± 0.004"``. If the error is unknown, the number alone; if the
        number is not finite, a dash.
    """
    text, error_text = rounded(value, error, decimals)
    if not text:
        return "-"
    return f"{text} {sign} {error_text}" if error_text else text
