# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers from the columns of a table: positions in degrees, and numbers without a unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u

from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    angles_of_column,
    as_angle_unit,
    as_plain_unit,
    numbers_of_column,
    printable,
)

__all__ = ["check_units", "column_values"]

_ANGLES = ("ra", "dec")


def check_units(units: Mapping[str, str] | None, mapping: Mapping[str, str]) -> dict[str, Any]:
    """Check the units that a user gives for columns.

    Parameters
    ----------
    units : dict or None
        The units, keyed by lensmap's column names, such as ``{"ra": "hourangle"}``. If None, the
        units in the table are used.
    mapping : dict
        The table's column names, keyed by lensmap's column names.

    Returns
    -------
    dict
        The units, keyed by lensmap's column names; empty if ``units`` is None.

    Raises
    ------
    TypeError
        If ``units`` is not a dict.
    ValueError
        If the catalog has no such column, or the unit does not suit the column.
    """
    if units is None:
        return {}
    if not isinstance(units, Mapping):
        raise ParameterTypeError("units", "a dict such as {'ra': 'hourangle'}", repr(units))
    for ours, unit in units.items():
        if ours not in mapping:
            raise ParameterError(
                "units", "only columns that the catalog uses", repr(ours),
                f"those are {', '.join(mapping)}", verb="name",
            )
        understood = as_angle_unit(unit) if ours in _ANGLES else as_plain_unit(unit)
        if understood is None:
            allowed = "a unit of angle, such as deg" if ours in _ANGLES else "'none' or '%'"
            raise ParameterError("units", f"{allowed}, for {ours!r}", repr(str(unit)))
    return dict(units)


def column_values(
    column: Any, ours: str, theirs: str, unit: Any = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the values and the mask of a column of numbers, or of numbers as text.

    Parameters
    ----------
    column : `~astropy.table.Column` or `~astropy.units.Quantity`
        A column of a table.
    ours, theirs : str
        The lensmap name of the column, and its name in the table.
    unit : str, `~astropy.units.Unit` or None
        The unit of the column. If None, the unit in the table. Without a unit in the table,
        positions are in degrees, and other columns are dimensionless.

    Returns
    -------
    values : `numpy.ndarray`
        The values, floating point in native byte order, ``(n,)``. Positions are in degrees;
        sexagesimal text is read as by `lensmap.utils.angle_of_text`. The values are not copied if
        they need no conversion.
    masked : `numpy.ndarray` or None
        True for masked values, bool, ``(n,)``. None if no value is masked.

    Raises
    ------
    TypeError
        If the column does not hold one number per row.
    ValueError
        If a text is not a number, if the unit of a position is not that of an angle, or if
        another column is not dimensionless.
    """
    name = f"the column {printable(theirs)!r} (for {ours!r})"
    unit = getattr(column, "unit", None) if unit is None else unit
    is_angle = ours in _ANGLES
    understood = as_angle_unit(unit) if is_angle else as_plain_unit(unit)
    if understood is None:
        right = "deg" if is_angle else "none"
        raise ParameterError(
            "units",
            f"the unit of {ours!r}",
            remedy=f"{name} has the unit {printable(unit)!r}, but {ours} must "
            f"{'have a unit of angle, such as deg' if is_angle else 'be dimensionless'}; if the "
            f"column is right and its unit is wrong, override the unit, for example with "
            f"{{units={{{ours!r}: {right!r}}}}}",
            verb="give",
        )
    try:
        if is_angle:
            return angles_of_column(column, longitude=ours == "ra", unit=unit)
        values, missing = numbers_of_column(column)
        if understood != u.dimensionless_unscaled:
            values = (values * understood).to_value(u.dimensionless_unscaled)
        return values, missing
    except TypeError as error:
        raise _type_error(column, ours, theirs, error) from None
    except ValueError as error:
        kind = "angles" if is_angle else "numbers"
        raise ValueError(f"{name} must hold {kind}, but {error}") from None


def _type_error(column: Any, ours: str, theirs: str, error: TypeError) -> TypeError:
    """Return the error about a column that does not hold one number per row."""
    name, shape = printable(theirs), np.shape(column)
    if len(shape) == 2 and shape[1] > 0:
        element = name + ("[0]" if not ours.endswith("2") or shape[1] == 1 else "[1]")
        return ParameterTypeError(
            "columns",
            f"one number per row for {ours!r}",
            f"the column {name!r} with {shape[1]} numbers per row",
            f"name one of its elements, for example {{columns={{{ours!r}: {element!r}}}}}",
            verb="name",
        )
    return TypeError(
        f"the column {name!r} (for {ours!r}) must hold one number per row, but {error}"
    )
