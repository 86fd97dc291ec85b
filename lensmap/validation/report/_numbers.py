# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers with errors as text."""

from math import isfinite

__all__ = ["plus_minus", "rounded"]

_MAX_DECIMALS = 12


def rounded(value: float, error: float | None = None, decimals: int = 3) -> tuple[str, str]:
    """Return a number and its error, rounded alike.

    Parameters
    ----------
    value : float
        The number.
    error : float or None
        Its error. None, 0 and values that are not finite mean that the error is unknown.
    decimals : int
        The number of decimals; there are more where the error would round to 0.

    Returns
    -------
    value, error : str
        Empty where a number is not finite or an error is unknown.
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
    value, error, decimals : object
        As for `rounded`.
    sign : str
        The sign between them.

    Returns
    -------
    str
        Such as ``"0.123 ± 0.004"``; without the error where it is unknown, a dash where the number
        is not finite.
    """
    text, error_text = rounded(value, error, decimals)
    if not text:
        return "-"
    return f"{text} {sign} {error_text}" if error_text else text
