# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables of dark matter halos, in the format that simulations and injection tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from lensmap.halos._abundance import concentration
from lensmap.halos._nfw import NFWHalo
from lensmap.utils import ParameterError, ParameterTypeError, as_icrs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.typing import CosmologyLike

__all__ = ["check_halos", "halo_positions", "halo_table", "halos_from_table"]

# The positions are two columns, ra and dec, because every file format and program can read them. A
# SkyCoord column is specific to astropy.
_UNITS = {
    "ra": u.deg,
    "dec": u.deg,
    "redshift": None,
    "m200c": u.solMass,
    "c200c": None,
    "ellipticity": None,
    "angle": u.deg,
}


def halo_table(
    positions: SkyCoord | None = None,
    redshift: ArrayLike = (),
    m200c: u.Quantity = () * u.solMass,
    c200c: ArrayLike = (),
    ellipticity: ArrayLike | None = None,
    angle: u.Quantity | None = None,
) -> QTable:
    """Build a table of halos.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord` or None
        Positions of the halo centers, ``(n,)``; None makes a table without rows.
    redshift : array_like
        Redshifts of the halos, ``(n,)``.
    m200c : `~astropy.units.Quantity`
        Masses M200c (without h), ``(n,)``.
    c200c : array_like
        Concentrations c200c, ``(n,)``.
    ellipticity : array_like or None
        Ellipticities ``(a - b) / (a + b)`` of the projected mass, ``(n,)``; None makes all halos
        circular.
    angle : `~astropy.units.Quantity` or None
        Angles of the major axes, measured from the +x axis of the pixels towards +y, ``(n,)``. If
        None, all are 0.

    Returns
    -------
    `~astropy.table.QTable`
        The columns ``ra`` and ``dec`` (ICRS, deg), ``redshift``, ``m200c`` (solMass), ``c200c``,
        ``ellipticity`` and ``angle`` (deg), with one row for each halo.

    Raises
    ------
    TypeError
        If ``positions`` is not a SkyCoord.
    ValueError
        If the columns differ in length, or ``m200c`` has no unit of mass.

    Examples
    --------
    >>> from lensmap.halos import halo_table
    >>> len(halo_table())
    0
    """
    if positions is None:
        positions = SkyCoord([], [], unit=u.deg)
    if not isinstance(positions, SkyCoord):
        raise ParameterTypeError("positions", "a SkyCoord or None", type(positions).__name__)
    positions = as_icrs(positions)
    n = positions.size
    columns = {
        "ra": positions.ra.ravel(),
        "dec": positions.dec.ravel(),
        "redshift": redshift,
        "m200c": m200c,
        "c200c": c200c,
        "ellipticity": np.zeros(n) if ellipticity is None else ellipticity,
        "angle": np.zeros(n) * u.deg if angle is None else angle,
    }
    return check_halos(QTable({name: np.atleast_1d(column) for name, column in columns.items()}))


def check_halos(halos: Table | None) -> QTable:
    """Check a table of halos, and return it with the columns and units of `halo_table`.

    Parameters
    ----------
    halos : `~astropy.table.Table` or None
        A table with at least the columns of `halo_table`. A SkyCoord column ``position`` may
        replace ``ra`` and ``dec``. None makes a table without rows.

    Returns
    -------
    `~astropy.table.QTable`
        A new table: the columns of `halo_table` come first, all others follow.

    Raises
    ------
    TypeError
        If ``halos`` is not a table.
    ValueError
        If a column is missing or has a wrong unit.
    """
    if halos is None:
        return halo_table()
    if not isinstance(halos, Table):
        raise ParameterTypeError("halos", "an astropy Table or None", type(halos).__name__)
    halos = QTable(halos)
    if isinstance(halos.columns.get("position"), SkyCoord):
        sky = halos["position"].icrs
        halos.remove_column("position")
        halos["ra"], halos["dec"] = u.Quantity(sky.ra, u.deg), u.Quantity(sky.dec, u.deg)
    missing = [name for name in _UNITS if name not in halos.colnames]
    if missing:
        raise ParameterError(
            "halos", f"the columns {', '.join(_UNITS)}",
            remedy=f"the table lacks {', '.join(missing)}; halo_table makes a complete one",
            verb="have",
        )
    for name, unit in _UNITS.items():
        halos[name] = _with_unit(halos[name], name, unit)
    return halos[[*_UNITS, *(name for name in halos.colnames if name not in _UNITS)]]


def _with_unit(column: Any, name: str, unit: u.Unit | None) -> np.ndarray | u.Quantity:
    """Convert a table column to floats in a unit, or to plain numbers if ``unit`` is None.

    Angles without a unit are taken to be in degrees.
    """
    has_unit = getattr(column, "unit", None) is not None
    if unit is None:
        return np.asarray(u.Quantity(column).to_value(u.one) if has_unit else column, dtype=float)
    try:
        if not has_unit and unit is u.deg:
            return u.Quantity(np.asarray(column, dtype=float), u.deg)
        return u.Quantity(column, dtype=float).to(unit)
    except u.UnitsError:
        raise ParameterError(
            "halos", f"a unit such as {unit} in the column {name!r}",
            repr(str(column.unit)) if has_unit else None, verb="have",
        ) from None


def halo_positions(halos: QTable) -> SkyCoord:
    """Return the sky positions of the halos in a table.

    Parameters
    ----------
    halos : `~astropy.table.QTable`
        A table as returned by `halo_table`.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)``, in ICRS.
    """
    return SkyCoord(halos["ra"], halos["dec"], frame="icrs")


def halos_from_table(table: Table, cosmology: CosmologyLike = None) -> list[NFWHalo | None]:
    """Convert each row of a table of halos to a spherical NFW halo.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A table with the columns ``m200c`` (in solar masses if it has no unit), ``redshift`` and
        optionally ``c200c``. Without the column ``c200c``, the concentrations follow from Diemer &
        Joyce 2019. Other columns, such as ``ellipticity``, are ignored.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    list of `~lensmap.NFWHalo` or None
        One halo for each row, or None for a row with a mass of 0.

    Raises
    ------
    TypeError, ValueError
        If a column is missing, or a value is out of range.
    """
    if not isinstance(table, Table):
        raise ParameterTypeError("halos", "an astropy Table", type(table).__name__)
    for name in ("m200c", "redshift"):
        if name not in table.colnames:
            raise ParameterError(
                "halos", f"a column {name!r}",
                remedy=f"the columns of the table are {', '.join(table.colnames)}",
                verb="have",
            )
    unit = getattr(table["m200c"], "unit", None) or u.solMass
    masses = u.Quantity(np.asarray(table["m200c"], dtype=float), unit).to(u.solMass)
    if not np.all(np.isfinite(masses) & (masses >= 0)):
        raise ParameterError(
            "halos", "finite values of 0 or more in the column 'm200c'", f"{masses.min():g}",
            verb="have",
        )
    return [
        None if mass == 0 else NFWHalo(
            mass, float(table["c200c"][i]) if "c200c" in table.colnames
            else float(concentration(mass, float(table["redshift"][i]), cosmology)),
            float(table["redshift"][i]), cosmology=cosmology,
        )
        for i, mass in enumerate(masses)
    ]
