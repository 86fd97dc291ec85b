# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables as they come: files, columns with units and masks, what their meta declares."""

import warnings
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table
from astropy.utils.exceptions import AstropyDeprecationWarning

__all__ = ["column_values", "declared_meta", "declaring_meta", "read_table"]

_ANGLES = ("ra", "dec")


def declared_meta(table):
    """Return what a table's meta declares of its convention, kind, frame and response.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.

    Returns
    -------
    dict
        With those of the keys ``convention``, ``kind``, ``frame`` and ``response`` that are
        declared, as `ShearCatalog` takes them.
    """
    folded = {str(key).lower(): value for key, value in table.meta.items()}
    if "conventn" in folded:  # FITS keywords have eight characters
        folded.setdefault("convention", folded["conventn"])
    declared = {
        key: folded[key] for key in ("convention", "kind", "frame", "response") if key in folded
    }
    if isinstance(declared.get("frame"), str):
        declared["frame"] = declared["frame"].lower()
    if isinstance(declared.get("response"), str):
        try:
            r11, r12, r21, r22 = map(float, declared["response"].split())
        except ValueError:
            raise ValueError(
                "the table's meta must say its response as a number or as four in a string, 'r11 "
                f"r12 r21 r22', not {declared['response']!r}"
            ) from None
        declared["response"] = ((r11, r12), (r21, r22))
    return declared


def declaring_meta(kind, frame, response):
    """Return the meta by which a table of celestial ellipticities declares itself.

    Parameters
    ----------
    kind, frame, response
        As for `ShearCatalog`.

    Returns
    -------
    dict
        What `declared_meta` reads, with keys that FITS headers take as they are.
    """
    meta = {"CONVENTN": "celestial", "KIND": kind, "FRAME": frame}
    if response is not None:
        numbers = np.ravel(response).tolist()
        meta["RESPONSE"] = response if np.ndim(response) == 0 else " ".join(map(str, numbers))
    return meta


def read_table(path, /, *, format=None, **kwargs):
    """Read a table, with one clear error for a file that is none.

    Parameters
    ----------
    path : path-like
        The file.
    format : str or None
        Its format by its name in `astropy.table`.
    **kwargs
        As for `astropy.table.Table.read`; its ``path=`` is that of a table in an HDF5 file.

    Returns
    -------
    `~astropy.table.Table`
        The table.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read as a table.
    ImportError
        If its format needs a package that is missing.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    if Path(path).is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a directory, not a table")
    try:
        with warnings.catch_warnings():
            # astropy would take another table for one that is not there
            warnings.filterwarnings(
                "error", "Specified hdu=.* not found", AstropyDeprecationWarning
            )
            return Table.read(path, format=format, **kwargs)
    except ImportError as error:
        raise ImportError(
            f"cannot read {str(path)!r}: {error}; install it with: python -m pip install "
            "'lensmap[io]'"
        ) from error
    except (PermissionError, IsADirectoryError):
        raise
    # Readers raise whatever their parsers happen to raise on a broken file.
    except Exception as error:  # noqa: BLE001
        if isinstance(error, TypeError) and "unexpected keyword" in str(error):
            raise TypeError(f"reading a table: {error}") from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        if reason.startswith("Specified hdu"):  # and what would be read instead
            reason = reason.partition(",")[0]
        if reason.startswith("Format could not be identified"):  # and a table of all formats
            reason = "its name and content do not tell its format, or it is broken"
        raise ValueError(f"cannot read {str(path)!r} as a table: {reason}") from error


def column_values(column, ours, theirs):
    """Return a column as a native array of numbers, and where it is masked.

    Parameters
    ----------
    column : `~astropy.table.Column` or `~astropy.units.Quantity`
        A column of a table.
    ours, theirs : str
        Its name in lensmap and in the table.

    Returns
    -------
    values : `numpy.ndarray`
        Floating point, in degrees for positions; it shares the column's memory where it can.
    masked : `numpy.ndarray` or None
        Bool; None if no value is masked.

    Raises
    ------
    TypeError
        If there is not one number per row.
    ValueError
        If the unit is wrong.
    """
    mask = getattr(column, "mask", None)
    unit = getattr(column, "unit", None)
    values = np.asarray(getattr(column, "value", column))
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise TypeError(
            f"the column {theirs!r} (for {ours!r}) must hold one number per row, but is "
            f"{values.ndim}-dimensional of type {values.dtype}"
        )
    if not values.dtype.isnative:  # FITS is big-endian
        values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind != "f" or ours in _ANGLES:
        values = values.astype(float, copy=False)  # float32 degrees would be off by arcseconds
    values = _in_our_unit(values, unit, ours, theirs)
    masked = mask is not None and np.any(mask)
    return values, (np.asarray(mask) if masked else None)


def _in_our_unit(values, unit, ours, theirs):
    allowed = u.deg if ours in _ANGLES else u.dimensionless_unscaled
    if unit is None or unit == "" or unit == allowed:
        return values
    try:
        return u.Quantity(values, unit).to_value(allowed)
    except (u.UnitsError, TypeError, ValueError):
        raise ValueError(
            f"the column {theirs!r} (for {ours!r}) has the unit {str(unit)!r}; allowed is "
            f"{'an angle, such as deg' if ours in _ANGLES else 'none'}; set the column's unit in "
            "the table if that is what it should say"
        ) from None
