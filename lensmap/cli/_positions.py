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


def read_positions(path, redshift=None, weight=None, option="at"):
    """Read a table of sky positions and, if wanted, of redshifts and weights.

    Rows without a position, or without a redshift or weight if these are read, are left out, with
    a warning that counts the rows for each cause.

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
    weight : str or None
        The name of a column of weights. None for no column.
    option : str
        The ``dest`` of the option that names the file, for warnings.

    Returns
    -------
    positions : `~astropy.coordinates.SkyCoord`
        The positions (ICRS), ``(n,)``.
    redshifts : `numpy.ndarray` or None
        The redshifts, ``(n,)``. None if ``redshift`` is None.
    weights : `numpy.ndarray` or None
        The weights, ``(n,)``. None if ``weight`` is None.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If no positions can be read from the file, no row is left, the table lacks a column, or the
        weights are negative or all zero.

    Warns
    -----
    CatalogWarning
        If rows are left out.
    """
    from lensmap.catalog import needed_columns, open_table

    beside = {"redshifts": redshift, "weights": weight}
    beside = {kind: name for kind, name in beside.items() if name is not None}
    try:
        with open_table(path, suits=lambda names: None not in _find(names)) as table:
            names = _find(table.colnames)
            if None in names:
                raise _LacksColumn(
                    f"the table {path!r} must have columns with the names 'ra' and 'dec', not only "
                    f"{list_names(table.colnames)}"
                )
            for name in beside.values():
                if name not in table.colnames:
                    raise _LacksColumn(
                        f"the table {path!r} has no column {name!r}, only "
                        f"{list_names(table.colnames)}"
                    )
            names += beside.values()
            found = needed_columns(table, list(dict.fromkeys(names)))
            columns = [found[name] for name in names]
    except _LacksColumn as error:
        raise ValueError(str(error)) from None
    except ValueError:
        columns = None if beside else _read_text(path)
        names = ["ra", "dec"]
        if columns is None:
            raise
    return _positions_of(columns, names, ["positions", "positions", *beside], path, option)


class _LacksColumn(Exception):
    """The error about a table that can be read, but lacks a column."""


def _find(names):
    """Return the names of the columns of ra and dec; None for a column that is missing."""
    folded = {name.lower(): name for name in reversed(names)}
    return [
        next((folded[name] for name in known if name in folded), None) for known in _NAMES.values()
    ]


def _positions_of(columns, names, kinds, path, option):
    """Convert columns to positions, redshifts and weights, without the rows that lack one of them.

    Parameters
    ----------
    columns : list
        The columns of ra, dec and, optionally, the redshift and the weight.
    names, kinds : list of str
        The name of each column, and ``"positions"``, ``"redshifts"`` or ``"weights"``.
    path : str
        The file, for messages.
    option : str
        The ``dest`` of the option that names the file.

    Returns
    -------
    positions : `~astropy.coordinates.SkyCoord`
        The positions of the rows that are kept, ``(n,)``.
    redshifts, weights : `numpy.ndarray` or None
        Their redshifts and weights, ``(n,)`` each. None without such a column.
    """
    import numpy as np
    from astropy.coordinates import SkyCoord

    from lensmap.utils import angles_of_column, numbers_of_column

    values = []
    for i, (column, name, kind) in enumerate(zip(columns, names, kinds, strict=True)):
        try:
            if i < 2:
                numbers, missing = angles_of_column(column, longitude=i == 0)
            else:
                numbers, missing = numbers_of_column(column)
        except (TypeError, ValueError) as error:
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
    _warn_of_rows(~good, path, "no position", option)
    numbers = {"redshifts": None, "weights": None}
    for kind, name, column in zip(kinds[2:], names[2:], others, strict=True):
        column = np.asarray(column, dtype=float)
        numbers[kind], usable = _BESIDE[kind](column, good, name, path)
        good &= usable
    redshifts, weights = (
        column if column is None else column[good] for column in numbers.values()
    )
    return SkyCoord(ra[good], dec[good], unit="deg", frame="icrs"), redshifts, weights


def _redshifts(column, good, name, path):
    """Return redshifts, ``(n,)``, and the rows with a redshift; ``good`` are those in use."""
    import numpy as np

    from lensmap.catalog import without_bad_redshifts

    redshifts, _ = without_bad_redshifts(column, None)
    usable = np.isfinite(redshifts)
    if not np.any(good & usable):
        raise ValueError(
            f"the column {printable(name)!r} of the table {path!r} must have at least one "
            "redshift above 0 and below 20, but none of its rows with a position has one"
        )
    _warn_of_rows(good & ~usable, path, f"no redshift in {printable(name)!r} (missing, a "
                  "placeholder or outside 0..20)", "z_lens")
    return redshifts, usable


def _weights(column, good, name, path):
    """Return weights, ``(n,)``, and the rows with a weight; ``good`` are those in use."""
    import numpy as np

    usable = np.isfinite(column)
    used = good & usable
    if np.any(column[used] < 0) or not np.any(column[used] > 0):
        bad = np.flatnonzero(used & (column < 0))
        cause = f"is {column[bad[0]]:g} in row {bad[0] + 1}" if len(bad) else "has none above 0"
        raise ValueError(
            f"the column {printable(name)!r} of the table {path!r} must hold weights of at least "
            f"0, one of them above 0, but {cause}"
        )
    _warn_of_rows(good & ~usable, path, f"no weight in {printable(name)!r}", "lens_weight")
    return column, usable


# The functions that check the numbers beside positions.
_BESIDE = {"redshifts": _redshifts, "weights": _weights}


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
