# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Units in the various spellings of tables, and conversion of sexagesimal angles."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy import units as u

__all__ = ["angle_of_text", "as_angle_unit", "as_plain_unit", "degrees_of_texts", "is_missing"]

_NO_UNIT = {
    "", "1", "-", "--", "---", "none", "null", "nan", "na", "n/a", "no", "no unit", "unitless",
    "unit less", "dimensionless", "number", "adimensional", "scalar", "ellipticity", "shear",
}
_ANGLES = {
    u.deg: (
        "deg", "degs", "degree", "degrees", "decimal degree", "decimal degrees", "ddeg", "dd", "d",
        "°", "d:m:s", "dms", "deg:arcmin:arcsec",
    ),
    u.rad: ("rad", "rads", "radian", "radians"),
    u.hourangle: (
        "hourangle", "hourangles", "hour angle", "hour angles", "hour", "hours", "h", "hr", "hrs",
        "h:m:s", "hms",
    ),
    u.arcmin: ("arcmin", "arcmins", "arcminute", "arcminutes", "amin", "'", "′"),
    u.arcsec: ("arcsec", "arcsecs", "arcsecond", "arcseconds", "asec", "as", '"', "″", "''"),
    u.mas: ("mas", "milliarcsec", "milliarcsecond", "milliarcseconds"),
}
_ANGLE_OF_WORD = {word: unit for unit, words in _ANGLES.items() for word in words}
_BRACKETS = re.compile(r"[\[(<{](.*)[\])>}]")

# Words that stand for a missing number in a column of text.
_MISSING = {"", "nan", "-", "--", "---", "null", "none", "n/a", "na", "masked", "nodata", "\\n"}

_SEXAGESIMAL = re.compile(
    r"""([+-]?)\s*
    (\d+\.?\d*)\s*(h|hrs?|hours?|d|degs?|degrees?|°|:|(?<=\d)\s)\s*
    (?:(\d+\.?\d*)\s*(?:m|min|'|′|:|(?<=\d)\s|$)\s*
    (?:(\d+\.?\d*)\s*(?:s|sec|"|″|''|$))?)?""",
    re.VERBOSE,
)


def _word(unit: Any) -> str:
    """Return the name of a unit as a lower-case word without brackets and quotes."""
    word = " ".join(str("" if unit is None else unit).split())
    bracketed = _BRACKETS.fullmatch(word)
    word = (bracketed[1] if bracketed else word).strip()
    if len(word) > 2 and word[0] == word[-1] and word[0] in "'\"":
        word = word[1:-1]
    return word.lower().replace("_", " ")


def as_angle_unit(unit: Any) -> u.UnitBase | None:
    """Return the unit of an angle, however it is spelled.

    Parameters
    ----------
    unit : str, `~astropy.units.Unit` or None
        The unit, such as ``"degrees"``, ``"DEG"``, ``"[deg]"`` or ``"hours"``. Words for no unit,
        such as None and ``"none"``, count as degrees.

    Returns
    -------
    `~astropy.units.Unit` or None
        The unit; None if it is not the unit of an angle.
    """
    word = _word(unit)
    if word in _ANGLE_OF_WORD:
        return _ANGLE_OF_WORD[word]
    if word in _NO_UNIT:
        return u.deg
    known = _known_unit(unit, word)
    return known if known is not None and known.physical_type == "angle" else None


def as_plain_unit(unit: Any) -> u.UnitBase | None:
    """Return the unit of a number without dimension, however it is spelled.

    Parameters
    ----------
    unit : str, `~astropy.units.Unit` or None
        The unit, such as None, ``"none"``, ``"1"`` or ``"%"``.

    Returns
    -------
    `~astropy.units.Unit` or None
        The unit; None if the unit has a dimension or is not understood.
    """
    word = _word(unit)
    if word in _NO_UNIT:
        return u.dimensionless_unscaled
    known = _known_unit(unit, word)
    if known is None or known.physical_type != "dimensionless":
        return None
    return known


def _known_unit(unit: Any, word: str) -> u.UnitBase | None:
    """Return the astropy unit of a name; None if astropy does not know it.

    ``unit`` is the name as written in the table, which is tried first. ``word`` is the name in
    lower case.
    """
    for spelling in (unit, word):
        try:
            known = u.Unit(spelling, parse_strict="silent")
        except (TypeError, ValueError):
            continue
        if not isinstance(known, u.UnrecognizedUnit):
            return known
    return None


def is_missing(text: str) -> bool:
    """Test whether a cell of a text column stands for a missing number.

    Parameters
    ----------
    text : str
        The cell.

    Returns
    -------
    bool
        True for an empty cell and for words such as ``nan``, ``null`` and ``--``.
    """
    return text.strip().lower() in _MISSING


def angle_of_text(text: str, *, longitude: bool, unit: u.UnitBase | None = None) -> float:
    """Convert a decimal or sexagesimal angle to degrees.

    Parameters
    ----------
    text : str
        The angle, such as ``"150.1"``, ``"10:00:24"``, ``"10h00m24s"`` or ``"+02d12m00s"``.
    longitude : bool
        Whether the angle is a right ascension. A right ascension with colons or blanks is in hours,
        as astronomers write it, and all other sexagesimal angles are in degrees, unless the text
        has the letter h or d, or ``unit`` is given and differs.
    unit : `~astropy.units.Unit` or None
        The unit of the number, or of the first number of a sexagesimal angle. If None, decimal
        angles are in degrees.

    Returns
    -------
    float
        The angle in degrees.

    Raises
    ------
    ValueError
        If the text is not an angle.
    """
    text = text.strip().replace("\N{MINUS SIGN}", "-")
    try:
        value = float(text)
    except ValueError:
        pass
    else:
        return value * (1.0 if unit is None else unit.to(u.deg))
    match = _SEXAGESIMAL.fullmatch(text.lower())
    if match is None:
        raise ValueError(f"{text!r} is neither a number nor a sexagesimal angle")
    sign, whole, mark, minutes, seconds = match.groups()
    minutes, seconds = float(minutes or 0), float(seconds or 0)
    if minutes >= 60 or seconds > 60 or (match[4] and "." in whole):
        raise ValueError(f"{text!r} is not a sexagesimal angle")
    hours = mark[0] == "h" or (mark in ": \t" and (unit or u.hourangle) == u.hourangle)
    if not longitude and mark[0] != "h" and unit != u.hourangle:
        hours = False
    value = float(whole) + minutes / 60 + seconds / 3600
    return (-value if sign == "-" else value) * (15.0 if hours else 1.0)


def degrees_of_texts(
    texts: Iterable[str], *, longitude: bool, unit: u.UnitBase | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Convert decimal or sexagesimal angles to degrees.

    Parameters
    ----------
    texts : iterable of str
        The angles, ``(n,)``.
    longitude : bool
        Whether the angles are right ascensions, for which sexagesimal text is in hours unless the
        text or ``unit`` gives another unit.
    unit : `~astropy.units.Unit` or None
        The unit of the number, or of the first number of a sexagesimal angle. If None, decimal
        angles are in degrees.

    Returns
    -------
    values : `numpy.ndarray`
        The angles in degrees, ``(n,)``; NaN for missing angles.
    missing : `numpy.ndarray`
        True for missing angles, bool, ``(n,)``.

    Raises
    ------
    ValueError
        If a text is not an angle; the message has the number of its row, from 1.
    """
    texts = list(texts)
    missing = np.array([is_missing(text) for text in texts], dtype=bool)
    values = np.full(len(texts), np.nan)
    for i, text in enumerate(texts):
        if not missing[i]:
            try:
                values[i] = angle_of_text(text, longitude=longitude, unit=unit)
            except ValueError as error:
                raise ValueError(f"in row {i + 1}, {error}") from None
    return values, missing
