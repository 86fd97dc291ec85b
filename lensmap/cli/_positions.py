# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables of sky positions, such as those of clusters."""

from pathlib import Path

__all__ = ["numbers_of", "read_positions"]

# What positions are called, in any case.
_LONGITUDES = ("ra", "raj2000", "ra_j2000", "alpha_j2000")
_LATITUDES = ("dec", "decj2000", "dej2000", "dec_j2000", "delta_j2000")


def read_positions(path):
    """Read a table of sky positions.

    Parameters
    ----------
    path : str
        A table in any format that astropy reads, or plain text with columns between blanks that
        a line beginning with ``#`` names, of which only the positions are read. Its columns ra
        and dec (or RAJ2000 and DEJ2000, and the like, in any case) are in degrees if they do not
        say otherwise.

    Returns
    -------
    positions : `~astropy.coordinates.SkyCoord`
        The positions (ICRS).
    table : `~astropy.table.Table`
        The whole table, a row for each.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If no positions can be read from it.
    """
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    from lensmap.catalog import read_table

    try:
        table = read_table(path)
    except ValueError:
        table = _read_text(path)
        if table is None:
            raise
    names = {name.lower(): name for name in table.colnames}
    found = [
        next((names[name] for name in known if name in names), None)
        for known in (_LONGITUDES, _LATITUDES)
    ]
    if None in found:
        raise ValueError(f"{path!r} has no columns ra and dec, only {', '.join(table.colnames)}")
    ra, dec = (table[name] for name in found)
    if any(column.dtype.kind not in "iuf" for column in (ra, dec)):
        raise ValueError(f"the columns {' and '.join(found)} of {path!r} must hold numbers (deg)")
    if len(table) == 0:
        raise ValueError(f"{path!r} has no positions: it has no rows")
    sky = SkyCoord(
        u.Quantity(ra, ra.unit or u.deg), u.Quantity(dec, dec.unit or u.deg), frame="icrs"
    )
    return sky, table


def numbers_of(table, name, path):
    """Return a column of numbers that stands beside positions.

    Parameters
    ----------
    table : `~astropy.table.Table`
        What `read_positions` has read.
    name : str
        The column.
    path : str
        Where it was read from, for the error message.

    Returns
    -------
    `numpy.ndarray`
        Float64, ``(n,)``; NaN where nothing is known.

    Raises
    ------
    ValueError
        If there is no such column, or there are no numbers in it.
    """
    import numpy as np

    if name not in table.colnames:
        raise ValueError(f"{path!r} has no column {name!r}, only {', '.join(table.colnames)}")
    column = table[name]
    if column.dtype.kind not in "iuf":
        raise ValueError(f"the column {name} of {path!r} must hold numbers")
    return np.ma.filled(np.ma.asarray(column).astype(float), np.nan)


def _read_text(path):
    """Return the positions of plain text as a table; None if no line says where they stand."""
    from astropy.table import Table

    columns, rows = None, []
    for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if line.lstrip().startswith("#"):
            names = [word.lower() for word in line.lstrip(" #").split()]
            where = [
                next((names.index(name) for name in known if name in names), None)
                for known in (_LONGITUDES, _LATITUDES)
            ]
            columns = columns if None in where else where
        elif words and columns is not None:
            # Only the columns up to the positions need to be where the header says.
            rows.append([words[i] if i < len(words) else "nothing" for i in columns])
    if columns is None:
        return None
    try:
        values = [[float(word) for word in row] for row in rows]
    except ValueError as error:
        raise ValueError(f"{path!r} has a row without ra and dec in degrees: {error}") from None
    return Table(rows=values or None, names=["ra", "dec"], dtype=[float, float])
