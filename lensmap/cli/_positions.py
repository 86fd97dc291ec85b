# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables of sky positions, such as cluster catalogs."""

from pathlib import Path

from lensmap.utils import CatalogWarning, list_names, printable, warn_user

__all__ = ["read_positions"]

# Names of the columns of positions; upper and lower case are equivalent.
_NAMES = {
    "ra": ("ra", "raj2000", "ra_j2000", "alpha_j2000", "ra_deg", "radeg", "right_ascension"),
    "dec": ("dec", "decj2000", "dej2000", "dec_j2000", "delta_j2000", "dec_deg", "decdeg", "dedeg",
            "declination"),
}


def read_positions(path, redshift=None):
    """Read a table of sky positions and, if wanted, of redshifts.

    Rows without a position, or without a redshift if redshifts are read, are left out, with a
    warning that counts the rows for each cause.

    Parameters
    ----------
    path : str
        The file of a table, in any format that lensmap reads catalogs from, or in plain text. In
        plain text, a line that begins with ``#`` names the columns, which are separated by
        blanks, and only the positions are read. The columns ra and dec (or RAJ2000 and DEJ2000,
        or similar names in upper or lower case) are in degrees unless the table gives another
        unit; sexagesimal text is in hours and degrees.
    redshift : str or None
        The name of a column of redshifts to read beside the positions. None for no column.

    Returns
    -------
    positions : `~astropy.coordinates.SkyCoord`
        The positions (ICRS), ``(n,)``.
    redshifts : `numpy.ndarray` or None
        The redshifts, ``(n,)``. None if ``redshift`` is None.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If no positions can be read from the file, no row is left, or the table lacks the column of
        redshifts.

    Warns
    -----
    CatalogWarning
        If rows are left out.
    """
    from lensmap.catalog import needed_columns, open_table

    try:
        with open_table(path, suits=lambda names: None not in _find(names)) as table:
            names = _find(table.colnames)
            if None in names:
                raise _LacksColumn(
                    f"the table {path!r} must have columns with the names 'ra' and 'dec', not only "
                    f"{list_names(table.colnames)}"
                )
            if redshift is not None and redshift not in table.colnames:
                raise _LacksColumn(
                    f"the table {path!r} has no column {redshift!r}, only "
                    f"{list_names(table.colnames)}"
                )
            names += [] if redshift is None else [redshift]
            columns = list(needed_columns(table, names).values())
    except _LacksColumn as error:
        raise ValueError(str(error)) from None
    except ValueError:
        columns = _read_text(path) if redshift is None else None
        names = ["ra", "dec"]
        if columns is None:
            raise
    return _positions_of(columns, names, path)


class _LacksColumn(Exception):
    """The error about a table that can be read, but lacks a column."""


def _find(names):
    """Return the names of the columns of ra and dec; None for a column that is missing."""
    folded = {name.lower(): name for name in reversed(names)}
    return [
        next((folded[name] for name in known if name in folded), None) for known in _NAMES.values()
    ]


def _positions_of(columns, names, path):
    """Convert columns to positions and redshifts, without the rows that lack one of them.

    Parameters
    ----------
    columns : list
        The columns of ra, dec and, optionally, the redshift.
    names : list of str
        The names of the columns.
    path : str
        The file, for messages.

    Returns
    -------
    positions : `~astropy.coordinates.SkyCoord`
        The positions of the rows that are kept, ``(n,)``.
    redshifts : `numpy.ndarray` or None
        Their redshifts, ``(n,)``. None without a third column.
    """
    import numpy as np
    from astropy.coordinates import SkyCoord

    from lensmap.catalog import without_bad_redshifts
    from lensmap.utils import angles_of_column, numbers_of_column

    values = []
    for i, (column, name) in enumerate(zip(columns, names, strict=True)):
        try:
            if i < 2:
                numbers, missing = angles_of_column(column, longitude=i == 0)
            else:
                numbers, missing = numbers_of_column(column)
        except (TypeError, ValueError) as error:
            kind = "positions" if i < 2 else "redshifts"
            raise ValueError(
                f"the column {printable(name)!r} of the table {path!r} must hold {kind}, but "
                f"{error}"
            ) from error
        values.append(numbers if missing is None else np.where(missing, np.nan, numbers))
    ra, dec, *others = values
    if len(ra) == 0:
        raise ValueError(f"the table {path!r} must have at least one position, but has no rows")
    # Placeholders for missing positions, such as -99, are no declinations.
    good = np.isfinite(ra) & (np.abs(dec) <= 90) & (ra >= -360) & (ra <= 720)
    if not np.any(good):
        raise ValueError(
            f"the table {path!r} must have at least one position, but none of its {len(ra)} rows "
            "has ra and dec"
        )
    _warn_of_rows(~good, path, "no position", "at")
    redshifts = None
    if others:
        redshifts, _ = without_bad_redshifts(np.asarray(others[0], dtype=float), None)
        usable = np.isfinite(redshifts)
        if not np.any(good & usable):
            raise ValueError(
                f"the column {printable(names[2])!r} of the table {path!r} must have at least one "
                "redshift above 0 and below 20, but none of its rows with a position has one"
            )
        _warn_of_rows(good & ~usable, path, f"no redshift in {printable(names[2])!r} (missing, a "
                      "placeholder or outside 0..20)", "z_lens")
        good &= usable
        redshifts = redshifts[good]
    return SkyCoord(ra[good], dec[good], unit="deg", frame="icrs"), redshifts


def _warn_of_rows(is_left_out, path, cause, parameter):
    """Warn that rows of a table are left out; without such rows, there is no warning.

    ``is_left_out`` is True for these rows. ``cause`` follows "rows of the table have" in the
    message, such as ``"no position"``. ``parameter`` is the ``dest`` of the option that the warning
    is about.
    """
    import numpy as np

    if not np.any(is_left_out):
        return
    rows = np.flatnonzero(is_left_out) + 1
    warn_user(
        f"{len(rows)} of {len(is_left_out)} rows of the table {path!r} have {cause} and are left "
        f"out (row {list_names(rows, quoted=False)})",
        CatalogWarning,
        "positions_left_out",
        parameter,
    )


def _read_text(path):
    """Read ra and dec from plain text into columns; None if no line names the columns."""
    from astropy.table import Column

    places, rows = None, []
    for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if line.lstrip().startswith("#"):
            names = line.lstrip(" #").split()
            found = _find(names)
            places = places if None in found else [names.index(name) for name in found]
        elif words and places is not None:
            # Later columns may hold blanks, so only the columns up to the positions must match.
            if max(places) >= len(words):
                raise ValueError(
                    f"each row of the table {path!r} must hold ra and dec, but one does not: "
                    f"{printable(line)!r}"
                )
            rows.append([words[i] for i in places])
    if places is None:
        return None
    return [Column([row[i] for row in rows], dtype=None if rows else str) for i in (0, 1)]
