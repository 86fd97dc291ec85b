# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The table of the halos in a simulated field: one form, whoever makes it."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

__all__ = ["halo_table", "halo_positions", "check_halos"]

# Positions are two plain columns: FITS, HDF5 and every other program know what to do with them,
# while a SkyCoord column is a thing of astropy's.
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
    position=None, redshift=(), m200c=() * u.solMass, c200c=(), ellipticity=None, angle=None
):
    """Make the table of the halos in a field.

    Parameters
    ----------
    position : `~astropy.coordinates.SkyCoord` or None
        Where they are, ``(n,)``; None makes a table without halos.
    redshift : array_like
        Their redshifts, ``(n,)``.
    m200c : `~astropy.units.Quantity`
        Their masses without h, ``(n,)``.
    c200c : array_like
        Their concentrations, ``(n,)``.
    ellipticity : array_like or None
        ``(a - b) / (a + b)`` of their projected mass, ``(n,)``; None are round.
    angle : `~astropy.units.Quantity` or None
        The direction of the major axis from the pixels' +x axis towards +y, ``(n,)``; None is 0.

    Returns
    -------
    `~astropy.table.QTable`
        The columns ``ra`` and ``dec`` (ICRS, deg), ``redshift``, ``m200c`` (solMass), ``c200c``,
        ``ellipticity`` and ``angle`` (deg); no rows where there are no halos.

    Raises
    ------
    TypeError
        If ``position`` is no SkyCoord.
    ValueError
        If the columns differ in length, or ``m200c`` is no mass.

    Examples
    --------
    >>> from lensmap.simulate import halo_table
    >>> len(halo_table())
    0
    """
    if position is None:
        position = SkyCoord([], [], unit=u.deg)
    if not isinstance(position, SkyCoord):
        raise TypeError(f"position must be a SkyCoord or None, not {type(position).__name__}")
    position = position.icrs
    n = position.size
    columns = {
        "ra": position.ra.ravel(),
        "dec": position.dec.ravel(),
        "redshift": redshift,
        "m200c": m200c,
        "c200c": c200c,
        "ellipticity": np.zeros(n) if ellipticity is None else ellipticity,
        "angle": np.zeros(n) * u.deg if angle is None else angle,
    }
    return check_halos(QTable({name: np.atleast_1d(column) for name, column in columns.items()}))


def check_halos(halos):
    """Return a table of halos in lensmap's form.

    Parameters
    ----------
    halos : `~astropy.table.Table` or None
        With the columns of `halo_table`; a SkyCoord column ``position`` serves as ``ra`` and
        ``dec``, further columns come along, and None makes a table without rows.

    Returns
    -------
    `~astropy.table.QTable`
        A new table.

    Raises
    ------
    TypeError
        If it is no table.
    ValueError
        If a column is missing or has a wrong unit.
    """
    if halos is None:
        return halo_table()
    if not isinstance(halos, Table):
        raise TypeError(f"halos must be an astropy table or None, not {type(halos).__name__}")
    halos = QTable(halos)
    if isinstance(halos.columns.get("position"), SkyCoord):
        sky = halos["position"].icrs
        halos.remove_column("position")
        halos["ra"], halos["dec"] = u.Quantity(sky.ra, u.deg), u.Quantity(sky.dec, u.deg)
    missing = [name for name in _UNITS if name not in halos.colnames]
    if missing:
        raise ValueError(
            f"halos must have the columns {', '.join(_UNITS)}; it has not {', '.join(missing)}"
        )
    for name, unit in _UNITS.items():
        halos[name] = _with_unit(halos[name], name, unit)
    return halos[[*_UNITS, *(name for name in halos.colnames if name not in _UNITS)]]


def _with_unit(column, name, unit):
    """Return a column in its unit; angles without one are degrees, as files have them."""
    has_unit = getattr(column, "unit", None) is not None
    if unit is None:
        return np.asarray(u.Quantity(column).to_value(u.one) if has_unit else column, dtype=float)
    try:
        if not has_unit and unit is u.deg:
            return u.Quantity(np.asarray(column, dtype=float), u.deg)
        return u.Quantity(column, dtype=float).to(unit)
    except u.UnitsError:
        raise ValueError(
            f"the column {name!r} of halos must have a unit such as {unit}, not "
            f"{str(getattr(column, 'unit', None))!r}"
        ) from None


def halo_positions(halos):
    """Return where halos are.

    Parameters
    ----------
    halos : `~astropy.table.QTable`
        As `halo_table` makes it.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        ``(n,)``, ICRS.
    """
    return SkyCoord(halos["ra"], halos["dec"], frame="icrs")
