# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Positions on the sky, from coordinates or tables."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from numpy.typing import ArrayLike

from lensmap.utils._column_values import angles_of_column
from lensmap.utils._exceptions import ParameterError, ParameterTypeError
from lensmap.utils._text import list_names

__all__ = ["as_icrs", "as_skycoord", "converts_to_icrs", "unit_vectors"]

# Frames that convert to ICRS without an observer.
_PLAIN_FRAMES = ("icrs", "fk5", "fk4", "fk4noeterms", "galactic", "supergalactic")


def as_icrs(positions: SkyCoord, name: str = "positions") -> SkyCoord:
    """Return sky coordinates in ICRS.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord`
        The coordinates in any frame.
    name : str
        The parameter's name for the error message.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        The same directions in ICRS.

    Raises
    ------
    ValueError
        If the frame depends on a place, time or distance that the coordinates lack.
    """
    try:
        return positions.icrs
    # astropy raises errors of many classes, such as AttributeError for a missing observer.
    except Exception as error:  # noqa: BLE001
        raise ParameterError(
            name, "in a frame that converts to ICRS", f"in {positions.frame.name!r}",
            "this frame depends on the place and time of an observer, or on distances, which these "
            "positions lack; give ICRS positions, or set obstime, location and distance",
        ) from error


def converts_to_icrs(frame: str) -> bool:
    """Return whether directions in an astropy frame convert to ICRS without further data.

    Parameters
    ----------
    frame : str
        The name of the frame.

    Returns
    -------
    bool
        False for frames that need an observer or distances, such as ``"altaz"``.
    """
    try:
        as_icrs(SkyCoord(0.0, 0.0, unit="deg", frame=frame))
    except Exception:  # noqa: BLE001  frames of three axes raise errors of several classes
        return False
    return True


def as_skycoord(
    positions: SkyCoord | Table, name: str = "positions", *, scalar: bool = False
) -> SkyCoord:
    """Return positions as a `~astropy.coordinates.SkyCoord`.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        Coordinates, or a table such as a peak table or a cluster catalog, with the columns ``ra``
        and ``dec`` (upper or lower case; degrees where they have no unit; ICRS). Sexagesimal text
        is in hours and degrees.
    name : str
        The parameter's name for the error message.
    scalar : bool
        Whether exactly one position is required. If False, the result is one-dimensional.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)``; a single position if ``scalar`` is True. Positions in the frame of
        an observer, such as AltAz, are converted to ICRS.

    Raises
    ------
    TypeError
        If ``positions`` is neither a SkyCoord nor a table.
    ValueError
        If a table lacks a column, a position is not finite or does not convert to ICRS, or
        ``scalar`` is True and the number of positions is not 1.
    """
    if isinstance(positions, Table):
        names = {column.lower(): column for column in positions.colnames}
        missing = [column for column in ("ra", "dec") if column not in names]
        if missing:
            raise ParameterError(
                name,
                "the columns 'ra' and 'dec'",
                f"only the columns {list_names(positions.colnames)}",
                verb="have",
            )
        ra, dec = (_degrees(positions[names[column]], name, column) for column in ("ra", "dec"))
        positions = SkyCoord(ra, dec, unit="deg")
    elif not isinstance(positions, SkyCoord):
        raise ParameterTypeError(
            name, "a SkyCoord or a table with the columns 'ra' and 'dec'", type(positions).__name__
        )
    if scalar:
        if positions.size != 1:
            raise ParameterError(name, "one position", f"{positions.size} positions")
        positions = positions.reshape(())
    elif positions.ndim != 1:
        positions = positions.reshape(-1)
    sphere = positions.spherical
    finite = np.isfinite(sphere.lon.deg) & np.isfinite(sphere.lat.deg)
    if not np.all(finite):
        raise ParameterError(
            name, "finite", f"NaN or infinite in {np.sum(~finite)} of {positions.size} positions",
            "leave out these positions",
        )
    return positions if positions.frame.name in _PLAIN_FRAMES else as_icrs(positions, name)


def _degrees(column, name, ours):
    try:
        values, missing = angles_of_column(column, longitude=ours == "ra")
    except (TypeError, ValueError) as error:
        raise ParameterError(
            name, f"angles in the column {column.info.name!r}", remedy=str(error), verb="have"
        ) from None
    if missing is not None:
        raise ParameterError(
            name, f"a value of {column.info.name!r} in every row",
            f"{np.count_nonzero(missing)} rows without one",
            "leave out these rows", verb="have",
        )
    return values


def unit_vectors(lon: ArrayLike, lat: ArrayLike, axis: int = -1) -> np.ndarray:
    """Return the unit vectors of positions on a sphere.

    Parameters
    ----------
    lon, lat : array_like
        Longitudes and latitudes in degrees, of the same shape.
    axis : int
        The axis of the result that holds the three components.

    Returns
    -------
    `numpy.ndarray`
        The unit vectors, with the same shape as ``lon`` and one more axis of length 3 at ``axis``.
    """
    lon, lat = np.radians(lon), np.radians(lat)
    cos_lat = np.cos(lat)
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), np.sin(lat)], axis=axis)
