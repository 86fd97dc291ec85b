# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The table of halos: its columns, wherever halos are made, injected or looked for."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from lensmap.halos._abundance import concentration
from lensmap.halos._nfw import NFWHalo

__all__ = ["check_halos", "halo_positions", "halo_table", "halos_from_table"]

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
    positions=None, redshift=(), m200c=() * u.solMass, c200c=(), ellipticity=None, angle=None
):
    """Make the table of the halos in a field.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord` or None
        The centers of the halos, ``(n,)``; None makes a table without halos.
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
        If ``positions`` is no SkyCoord.
    ValueError
        If the columns differ in length, or ``m200c`` is no mass.

    Examples
    --------
    >>> from lensmap.halos import halo_table
    >>> len(halo_table())
    0
    """
    if positions is None:
        positions = SkyCoord([], [], unit=u.deg)
    if not isinstance(positions, SkyCoord):
        raise TypeError(f"positions must be a SkyCoord or None, not {type(positions).__name__}")
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


def halos_from_table(table, cosmology=None):
    """Return the halos of a table, spherical ones.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With the columns ``m200c`` (solar masses without a unit), ``redshift`` and perhaps
        ``c200c``, without which concentrations are on the relation of Diemer & Joyce 2019. Other
        columns, such as ``ellipticity``, are not used.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    list of `~lensmap.NFWHalo` or None
        One for each row, None for a mass of 0.

    Raises
    ------
    TypeError, ValueError
        If a column is missing or has impossible values.
    """
    if not isinstance(table, Table):
        raise TypeError(f"halos must be a table, not {type(table).__name__}")
    for name in ("m200c", "redshift"):
        if name not in table.colnames:
            raise ValueError(f"halos has no column {name!r}; it has {', '.join(table.colnames)}")
    unit = getattr(table["m200c"], "unit", None) or u.solMass
    masses = u.Quantity(np.asarray(table["m200c"], dtype=float), unit).to(u.solMass)
    if not np.all(np.isfinite(masses) & (masses >= 0)):
        raise ValueError(f"halos must have masses m200c of 0 or more, not {masses.min():g}")
    return [
        None if mass == 0 else NFWHalo(
            mass, float(table["c200c"][i]) if "c200c" in table.colnames
            else float(concentration(mass, float(table["redshift"][i]), cosmology)),
            float(table["redshift"][i]), cosmology=cosmology,
        )
        for i, mass in enumerate(masses)
    ]
