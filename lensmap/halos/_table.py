# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The table of halos, common to simulation, injection and detection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from lensmap.halos._abundance import concentration
from lensmap.halos._nfw import NFWHalo
from lensmap.utils import ParameterError, ParameterTypeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.typing import CosmologyLike

__all__ = ["check_halos", "halo_positions", "halo_table", "halos_from_table"]

# Positions are two columns, which every format and program reads; SkyCoord columns are astropy's.
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
    """Make the table of the halos in a field.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord` or None
        Centers of the halos, ``(n,)``; None makes a table without halos.
    redshift : array_like
        Redshifts, ``(n,)``.
    m200c : `~astropy.units.Quantity`
        Masses without h, ``(n,)``.
    c200c : array_like
        Concentrations, ``(n,)``.
    ellipticity : array_like or None
        ``(a - b) / (a + b)`` of the projected mass, ``(n,)``; None is 0.
    angle : `~astropy.units.Quantity` or None
        The angle of the major axis from the +x axis of the pixels through +y, ``(n,)``; None is 0.

    Returns
    -------
    `~astropy.table.QTable`
        The columns ``ra`` and ``dec`` (ICRS, deg), ``redshift``, ``m200c`` (solMass), ``c200c``,
        ``ellipticity`` and ``angle`` (deg); no rows without halos.

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
    positions = positions.icrs
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
    """Return a table of halos with the columns and units of `halo_table`.

    Parameters
    ----------
    halos : `~astropy.table.Table` or None
        A table with the columns of `halo_table`, and any others. A SkyCoord column ``position``
        may replace ``ra`` and ``dec``. None makes a table without rows.

    Returns
    -------
    `~astropy.table.QTable`
        A new table.

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
        raise ParameterTypeError("halos", "an astropy table or None", type(halos).__name__)
    halos = QTable(halos)
    if isinstance(halos.columns.get("position"), SkyCoord):
        sky = halos["position"].icrs
        halos.remove_column("position")
        halos["ra"], halos["dec"] = u.Quantity(sky.ra, u.deg), u.Quantity(sky.dec, u.deg)
    missing = [name for name in _UNITS if name not in halos.colnames]
    if missing:
        raise ParameterError(
            "halos", f"the columns {', '.join(_UNITS)}", remedy=f"it lacks {', '.join(missing)}",
            verb="have",
        )
    for name, unit in _UNITS.items():
        halos[name] = _with_unit(halos[name], name, unit)
    return halos[[*_UNITS, *(name for name in halos.colnames if name not in _UNITS)]]


def _with_unit(column: ArrayLike, name: str, unit: u.Unit | None) -> np.ndarray | u.Quantity:
    """Return a column in its unit; angles without a unit are in degrees, as in files."""
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
            repr(str(getattr(column, "unit", None))), verb="have",
        ) from None


def halo_positions(halos: QTable) -> SkyCoord:
    """Return the positions of halos on the sky.

    Parameters
    ----------
    halos : `~astropy.table.QTable`
        A table of `halo_table`.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        ``(n,)``, ICRS.
    """
    return SkyCoord(halos["ra"], halos["dec"], frame="icrs")


def halos_from_table(table: Table, cosmology: CosmologyLike = None) -> list[NFWHalo | None]:
    """Return the halos of a table as spherical NFW halos.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A table with the columns ``m200c`` (solar masses if it has no unit), ``redshift`` and
        optionally ``c200c``; without it, concentrations follow Diemer & Joyce 2019. Other columns,
        such as ``ellipticity``, are ignored.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    list of `~lensmap.NFWHalo` or None
        One for each row; None for a mass of 0.

    Raises
    ------
    TypeError, ValueError
        If a column is missing or has a value that is not allowed.
    """
    if not isinstance(table, Table):
        raise ParameterTypeError("halos", "a table", type(table).__name__)
    for name in ("m200c", "redshift"):
        if name not in table.colnames:
            raise ParameterError(
                "halos", f"a column {name!r}", remedy=f"it has {', '.join(table.colnames)}",
                verb="have",
            )
    unit = getattr(table["m200c"], "unit", None) or u.solMass
    masses = u.Quantity(np.asarray(table["m200c"], dtype=float), unit).to(u.solMass)
    if not np.all(np.isfinite(masses) & (masses >= 0)):
        raise ParameterError(
            "halos", "masses m200c of 0 or more", f"{masses.min():g}", verb="have"
        )
    return [
        None if mass == 0 else NFWHalo(
            mass, float(table["c200c"][i]) if "c200c" in table.colnames
            else float(concentration(mass, float(table["redshift"][i]), cosmology)),
            float(table["redshift"][i]), cosmology=cosmology,
        )
        for i, mass in enumerate(masses)
    ]
