# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masks from tables of star holes: round areas around bright stars."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from lensmap.masks._sources import HoleSource

__all__ = ["from_table"]


def from_table(table: Table) -> HoleSource:
    """Convert a table of star holes with columns ra, dec and radius to a mask, a `HoleSource`."""
    names = {name.lower(): name for name in table.colnames}
    missing = [name for name in ("ra", "dec", "radius") if name not in names]
    if missing:
        raise ValueError(
            f"a mask table of star holes needs the columns ra, dec and radius; {missing} not found "
            f"among {table.colnames}"
        )
    return HoleSource(*(_degrees(table[names[name]], name) for name in ("ra", "dec", "radius")))


def _degrees(column: Any, name: str) -> np.ndarray:
    """Return a table column in degrees, as an array ``(n,)`` with NaN in masked rows."""
    unit = getattr(column, "unit", None) or u.deg
    try:
        values = np.array(getattr(column, "value", column), dtype=float)
        values = u.Quantity(values, unit).to_value(u.deg)
    except (TypeError, ValueError):
        raise ValueError(
            f"the column {name!r} of the star holes must hold angles, but has the unit "
            f"{str(unit)!r} and the type {column.dtype}"
        ) from None
    values[np.broadcast_to(getattr(column, "mask", False), values.shape)] = np.nan
    return values
