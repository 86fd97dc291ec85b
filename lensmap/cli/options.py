# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Options that several commands share, and what their words mean."""

import argparse
from pathlib import Path

from lensmap.utils import check_angle

__all__ = [
    "add_catalog_arguments",
    "angle",
    "angle_or_none",
    "count",
    "noise",
    "one_radius",
    "pairs",
    "position",
    "positive",
    "read_catalog",
    "read_column",
    "read_positions",
    "two_radii",
]

# What positions are called, in any case.
_LONGITUDES = ("ra", "raj2000", "ra_j2000", "alpha_j2000")
_LATITUDES = ("dec", "decj2000", "dej2000", "dec_j2000", "delta_j2000")


def angle(text):
    """Return the angle that a word such as ``0.3arcmin`` means."""
    try:
        return check_angle(text, "angle")
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"a positive angle with its unit is needed, such as 0.6arcmin, not {text!r}"
        ) from None


def angle_or_none(text):
    """Return an angle, or None for the word ``none``."""
    return None if text.lower() == "none" else angle(text)


def count(text):
    """Return a whole number that is at least 1."""
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"a whole number of at least 1 is needed, not {text!r}")


def positive(text):
    """Return a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"a number above 0 is needed, not {text!r}")
    return value


def one_radius(text, option):
    """Return the angle or length that a word such as ``0.3Mpc`` means.

    Parameters
    ----------
    text : str
        The word.
    option : str
        Whose it is, for the error message.

    Raises
    ------
    ValueError
        If it means none, or is not positive.
    """
    from astropy import units as u

    try:
        radius = u.Quantity(text)
        if radius.unit.physical_type in ("angle", "length") and 0 < radius.value < float("inf"):
            return radius
    except (TypeError, ValueError):
        pass
    raise ValueError(
        f"{option} must be a positive angle or length, such as 2arcmin or 0.5Mpc, not {text}"
    )


def two_radii(words, option):
    """Return the angles or lengths, rising, that two words mean, in the unit of the first.

    Parameters
    ----------
    words : sequence of str
        Such as ``0.3Mpc`` and ``2.5Mpc``.
    option : str
        Whose they are, for the error message.

    Raises
    ------
    ValueError
        If they are no such pair.
    """
    from astropy import units as u

    try:
        inner, outer = (one_radius(word, option) for word in words)
        radii = u.Quantity([inner, outer.to(inner.unit)])
    except ValueError:
        raise ValueError(
            f"{option} must be two positive angles or two lengths, such as 0.3Mpc 2.5Mpc, not "
            f"{' '.join(words)}"
        ) from None
    if not radii[0] < radii[1]:
        raise ValueError(f"{option} must rise, not {' '.join(words)}")
    return radii


def position(text):
    """Return the `~astropy.coordinates.SkyCoord` that ``150.1,2.2`` means."""
    from astropy.coordinates import SkyCoord

    try:
        ra, dec = map(float, text.split(","))
        return SkyCoord(ra, dec, unit="deg", frame="icrs")
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a position RA,DEC in degrees is needed, such as 150.1,2.2, not {text!r}"
        ) from None


def noise(text):
    """Return an estimator's parameters for ``100`` (random rotations) or a name, ``name:100``."""
    if text in ("analytic", "posterior", "network"):
        return {"uncertainty": text}
    name, colon, number = text.partition(":")
    if name == "posterior" and number.isdigit() and int(number) >= 2:
        return {"uncertainty": name, "n_realizations": int(number)}
    if text.isdigit() and int(text) >= 2:
        return {"uncertainty": "rotations", "n_realizations": int(text)}
    raise argparse.ArgumentTypeError(
        "a whole number of random rotations (2 or more), analytic, posterior, posterior:N or "
        f"network is needed, not {text!r}"
    )


def pairs(text):
    """Return the dict that ``ra=RA,dec=DEC`` means, or the name of a preset."""
    if "=" not in text:
        return text
    result = {}
    for item in text.split(","):
        ours, equals, theirs = item.partition("=")
        if not (equals and ours.strip() and theirs.strip()):
            raise argparse.ArgumentTypeError(
                f"columns are given as ra=NAME,dec=NAME,..., not {item!r}"
            )
        result[ours.strip()] = theirs.strip()
    return result


def add_catalog_arguments(parser):
    """Add the catalogue and how it is to be read."""
    parser.add_argument("catalog", metavar="CAT", help="a table: FITS, ECSV, CSV, Parquet, HDF5")
    group = parser.add_argument_group("the catalogue")
    group.add_argument(
        "--columns",
        type=pairs,
        metavar="ra=NAME,...",
        help="the column names as ra=RA,dec=DEC,e1=E1,e2=E2,weight=W, or the name of a preset; "
        "found by themselves where they are known",
    )
    group.add_argument(
        "--convention",
        metavar="NAME",
        help="celestial (x east, y north), euclidean (x west), iau (position angle), or the signs "
        "that bring e1,e2 to celestial as --convention=-1,1; default: what the file says, else "
        "celestial",
    )
    group.add_argument(
        "--kind",
        choices=("shear", "distortion"),
        help="(a-b)/(a+b), or (a^2-b^2)/(a^2+b^2); default: what the file says, else shear",
    )
    group.add_argument("--frame", help="the frame of the positions; default: icrs")
    group.add_argument("--format", help="the file's format by its astropy name, if not obvious")
    group.add_argument("--hdu", help="the table's HDU (FITS): a number or a name")
    group.add_argument("--path", help="the table's path within the file (HDF5)")


def read_catalog(arguments):
    """Read the catalogue that the arguments name."""
    from lensmap.catalog import ShearCatalog, read_table

    options = {}
    if arguments.hdu is not None:
        options["hdu"] = int(arguments.hdu) if arguments.hdu.isdigit() else arguments.hdu
    if arguments.path is not None:
        options["path"] = arguments.path
    table = read_table(arguments.catalog, format=arguments.format, **options)
    return ShearCatalog(
        table, arguments.columns, arguments.convention, arguments.kind, frame=arguments.frame
    )


def read_positions(path):
    """Read sky positions from a table.

    Parameters
    ----------
    path : str
        A table in any format that astropy reads, or plain text with columns between blanks that
        a line beginning with ``#`` names. Its columns ra and dec (or RAJ2000 and DEJ2000, and
        the like, in any case) are in degrees if they do not say otherwise.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        The positions (ICRS).

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
    return SkyCoord(
        u.Quantity(ra, ra.unit or u.deg), u.Quantity(dec, dec.unit or u.deg), frame="icrs"
    )


def read_column(path, name):
    """Read a column of numbers from a table of positions.

    Parameters
    ----------
    path : str
        A table in any format that astropy reads.
    name : str
        The column.

    Returns
    -------
    `numpy.ndarray`
        Float64, ``(n,)``; NaN where nothing is known.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If there is no such column, or there are no numbers in it.
    """
    import numpy as np

    from lensmap.catalog import read_table

    table = read_table(path)
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
