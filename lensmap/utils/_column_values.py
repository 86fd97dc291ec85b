# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Conversion of table columns (text, masked values, units, byte orders) to numbers and angles."""

from typing import Any

import numpy as np
from astropy import units as u

from lensmap.utils._text import printable
from lensmap.utils._units import as_angle_unit, degrees_of_texts, is_missing

__all__ = ["angles_of_column", "numbers_of_column"]

_MAX_WORD = 40


def numbers_of_column(column: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the numbers of a column, without its unit.

    Parameters
    ----------
    column : `~astropy.table.Column` or `~astropy.units.Quantity`
        The column, which may hold numbers as text.

    Returns
    -------
    values : `numpy.ndarray`
        The values, floating point in native byte order, ``(n,)``. They are not copied if they need
        no conversion.
    missing : `numpy.ndarray` or None
        True for values that are masked or stand for no number, bool, ``(n,)``. None if no value is
        missing.

    Raises
    ------
    TypeError
        If the column does not hold one number per row.
    ValueError
        If a text is not a number; the message has the number of its row, from 1.
    """
    values, missing = _values_of(column)
    if values.dtype.kind not in "iuf":
        texts, empty = _texts_of(values, missing)
        values = np.full(len(texts), np.nan)
        for i in np.flatnonzero(~empty):
            try:
                values[i] = float(texts[i])
            except ValueError:
                raise ValueError(f"in row {i + 1}, {_not_a_number(texts[i])}") from None
        missing = empty if np.any(empty) else None
    if not values.dtype.isnative:  # FITS is big-endian
        values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind != "f":
        values = values.astype(float)
    return values, missing


def angles_of_column(
    column: Any, *, longitude: bool, unit: Any = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the angles of a column in degrees.

    Parameters
    ----------
    column : `~astropy.table.Column` or `~astropy.units.Quantity`
        The column: numbers, or decimal or sexagesimal text.
    longitude : bool
        Whether the angles are right ascensions, for which sexagesimal text is in hours unless the
        text or ``unit`` gives another unit.
    unit : str, `~astropy.units.Unit` or None
        The unit of the angles. If None, the unit of the column is used, or degrees if the column
        has no unit.

    Returns
    -------
    values : `numpy.ndarray`
        The angles in degrees, float64, ``(n,)``.
    missing : `numpy.ndarray` or None
        True for missing angles, bool, ``(n,)``. None if no angle is missing.

    Raises
    ------
    TypeError
        If the column does not hold one angle per row.
    ValueError
        If the unit is not that of an angle, or a text is not an angle.
    """
    if unit is None:
        unit = getattr(column, "unit", None)
    known = as_angle_unit(unit)
    if known is None:
        raise ValueError(f"the unit {printable(unit)!r} is not that of an angle")
    values, missing = _values_of(column)
    if values.dtype.kind not in "iuf":
        texts, empty = _texts_of(values, missing)
        given = None if unit is None or str(unit) == "" else known
        values, absent = degrees_of_texts(
            np.where(empty, "", texts), longitude=longitude, unit=given
        )
        return values, (absent if np.any(absent) else None)
    # float32 degrees are wrong by arcseconds
    values = values.astype(values.dtype.newbyteorder("=") if values.dtype == float else float,
                           copy=False)
    return (values if known == u.deg else (values * known).to_value(u.deg)), missing


def _values_of(column: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the values of a column with one number or text per row, and its mask.

    The mask is True for missing values, ``(n,)``; None if no value is masked.
    """
    mask = getattr(column, "mask", None)
    values = getattr(column, "value", column)
    values = np.asarray(getattr(values, "unmasked", values))
    if values.ndim != 1 or values.dtype.kind not in "iufSUO":
        raise TypeError(f"it is {values.ndim}-dimensional of type {values.dtype}")
    return values, (np.asarray(mask) if mask is not None and np.any(mask) else None)


def _texts_of(
    values: np.ndarray, missing: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells of a text column as an array of str, and the mask of missing cells.

    ``missing`` is the mask of the column, or None. In the returned mask, cells that are empty or
    stand for a missing number are also True.
    """
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    texts = np.array([_text(value) for value in values.tolist()], dtype=object)
    empty = np.array([is_missing(text) for text in texts], dtype=bool)
    return texts, empty if missing is None else empty | missing


def _text(value: Any) -> str:
    if value is None or value is np.ma.masked:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, (bool, complex)):
        raise TypeError(f"it holds {value!r}")
    return str(value).strip()


def _not_a_number(text: str) -> str:
    shown = printable(text if len(text) <= _MAX_WORD else text[:_MAX_WORD] + "...")
    reason = f"{shown!r} is not a number"
    try:
        float(text.replace(",", "."))
    except ValueError:
        return reason
    return f"{reason}: replace decimal commas by points in the file"
