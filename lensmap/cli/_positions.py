# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables of sky positions, such as cluster catalogs."""

from pathlib import Path

__all__ = ["numbers_of", "read_positions"]

# Names of the columns of positions; upper and lower case are equivalent.
_LONGITUDES = ("ra", "raj2000", "ra_j2000", "alpha_j2000")
_LATITUDES = ("dec", "decj2000", "dej2000", "dec_j2000", "delta_j2000")


def read_positions(path):
    """Read a table of sky positions.

    Parameters
    ----------
    path : str
        The file of a table, in any format that astropy reads, or in plain text. In plain text, a
        line that begins with ``#`` names the columns, which are separated by blanks, and only the
        positions are read. The columns ra and dec (or RAJ2000 and DEJ2000, or similar names in
        upper or lower case) are in degrees unless the table gives another unit.

    Returns
    -------
    positions : `~astropy.coordinates.SkyCoord`
        The positions (ICRS).
    table : `~astropy.table.Table`
        The table, with one row for each position.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If no positions can be read from the file.
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
        raise ValueError(
            f"the table {path!r} must have columns with the names 'ra' and 'dec', not only "
            f"{', '.join(map(repr, table.colnames))}"
        )
    ra, dec = (table[name] for name in found)
    if any(column.dtype.kind not in "iuf" for column in (ra, dec)):
        types = " and ".join(str(column.dtype) for column in (ra, dec))
        raise ValueError(
            f"the columns {' and '.join(map(repr, found))} of the table {path!r} must hold numbers "
            f"(degrees), not values of the types {types}"
        )
    if len(table) == 0:
        raise ValueError(f"the table {path!r} must have at least one position, but has no rows")
    sky = SkyCoord(
        u.Quantity(ra, ra.unit or u.deg), u.Quantity(dec, dec.unit or u.deg), frame="icrs"
    )
    return sky, table


def numbers_of(table, name, path):
    """Return a numeric column of a table of positions.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table, as returned by `read_positions`.
    name : str
        The name of the column.
    path : str
        The file of the table, for the error message.

    Returns
    -------
    `numpy.ndarray`
        The values as float64, ``(n,)``; NaN for masked values.

    Raises
    ------
    ValueError
        If the table has no such column, or the column does not hold numbers.
    """
    import numpy as np

    if name not in table.colnames:
        raise ValueError(
            f"the table {path!r} has no column {name!r}, only "
            f"{', '.join(map(repr, table.colnames))}"
        )
    column = table[name]
    if column.dtype.kind not in "iuf":
        raise ValueError(
            f"the column {name!r} of the table {path!r} must hold numbers, not values of the type "
            f"{column.dtype}"
        )
    return np.ma.filled(np.ma.asarray(column).astype(float), np.nan)


def _read_text(path):
    """Read positions from plain text into a table; return None if no line names the columns."""
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
            # Later columns may hold blanks, so only the columns up to the positions must match.
            rows.append([words[i] if i < len(words) else "nothing" for i in columns])
    if columns is None:
        return None
    try:
        values = [[float(word) for word in row] for row in rows]
    except ValueError as error:
        raise ValueError(
            f"each row of the table {path!r} must hold ra and dec in degrees, but one does not: "
            f"{error}"
        ) from None
    return Table(rows=values or None, names=["ra", "dec"], dtype=[float, float])
