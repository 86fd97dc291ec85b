# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Positions on the sky, however they are given."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

__all__ = ["as_skycoord", "unit_vectors"]


def as_skycoord(positions, name="positions", *, scalar=False):
    """Return positions as a `~astropy.coordinates.SkyCoord`.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        A table has the columns ``ra`` and ``dec`` (in any case; without a unit: degrees, ICRS),
        such as a peak table or a cluster catalog.
    name : str
        The parameter's name for the error message.
    scalar : bool
        Whether there must be one position; otherwise the result has one axis.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        One position, or ``(n,)``.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If a table lacks a column, a position is not finite, or there is not one.
    """
    if isinstance(positions, Table):
        names = {column.lower(): column for column in positions.colnames}
        missing = [column for column in ("ra", "dec") if column not in names]
        if missing:
            raise ValueError(
                f"{name} has no column {missing[0]!r}; it has {', '.join(positions.colnames)}"
            )
        ra, dec = (_degrees(positions[names[column]], name) for column in ("ra", "dec"))
        positions = SkyCoord(ra, dec, unit="deg")
    elif not isinstance(positions, SkyCoord):
        raise TypeError(
            f"{name} must be a SkyCoord or a table with the columns ra and dec, not "
            f"{type(positions).__name__}"
        )
    if scalar:
        if positions.size != 1:
            raise ValueError(f"{name} must be one position, not {positions.size}")
        positions = positions.reshape(())
    elif positions.ndim != 1:
        positions = positions.reshape(-1)
    sphere = positions.spherical
    if not (np.all(np.isfinite(sphere.lon.deg)) and np.all(np.isfinite(sphere.lat.deg))):
        raise ValueError(f"{name} must be finite positions")
    return positions


def _degrees(column, name):
    if np.ma.is_masked(column):
        raise ValueError(f"{name} has missing values in the column {column.info.name!r}")
    unit = getattr(column, "unit", None) or u.deg
    try:
        return u.Quantity(np.asarray(column, dtype=float), unit).to_value(u.deg)
    except (u.UnitConversionError, TypeError, ValueError):
        raise ValueError(
            f"{name} must have angles in the column {column.info.name!r}, not {unit}"
        ) from None


def unit_vectors(lon, lat, axis=-1):
    """Return the unit vectors of places on a sphere.

    Parameters
    ----------
    lon, lat : array_like
        Longitudes and latitudes, degrees, of one shape.
    axis : int
        Which axis of the result has the three components.

    Returns
    -------
    `numpy.ndarray`
        The shape of ``lon`` and an axis of 3.
    """
    lon, lat = np.radians(lon), np.radians(lat)
    cos_lat = np.cos(lat)
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), np.sin(lat)], axis=axis)
