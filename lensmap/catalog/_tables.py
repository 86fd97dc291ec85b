# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Reading of tables: files, columns with units and masks, and declarations in the meta."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from astropy.utils.exceptions import AstropyDeprecationWarning

from lensmap.catalog._convention import Response
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["column_values", "declared_meta", "declaring_meta", "read_table"]

_ANGLES = ("ra", "dec")


def declared_meta(table: Table) -> dict[str, Any]:
    """Return the convention, kind, frame and response that a table's meta declares.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.

    Returns
    -------
    dict
        The values of ``convention``, ``kind``, ``frame`` and ``response``, as for the parameters
        of `ShearCatalog`. Only those that the meta declares are included.

    Raises
    ------
    ValueError
        If the response is a string that does not hold four numbers.
    """
    folded = {str(key).lower(): value for key, value in table.meta.items()}
    if "conventn" in folded:  # FITS keywords have eight characters
        folded.setdefault("convention", folded["conventn"])
    declared: dict[str, Any] = {
        key: folded[key] for key in ("convention", "kind", "frame", "response") if key in folded
    }
    if isinstance(declared.get("frame"), str):
        declared["frame"] = declared["frame"].lower()
    if isinstance(declared.get("response"), str):
        try:
            r11, r12, r21, r22 = map(float, declared["response"].split())
        except ValueError:
            raise ValueError(
                "the table's meta must have its response as a number or as four in a string, 'r11 "
                f"r12 r21 r22', not {declared['response']!r}"
            ) from None
        declared["response"] = ((r11, r12), (r21, r22))
    return declared


def declaring_meta(kind: str, frame: str, response: Response | None) -> dict[str, Any]:
    """Return the meta of a table whose ellipticities are in the celestial convention.

    Parameters
    ----------
    kind, frame, response
        As for `ShearCatalog`.

    Returns
    -------
    dict
        The meta, which ``declared_meta`` reads. Its keys are valid FITS header keywords.
    """
    meta: dict[str, Any] = {"CONVENTN": "celestial", "KIND": kind, "FRAME": frame}
    if response is not None:
        numbers = np.ravel(response).tolist()
        meta["RESPONSE"] = response if np.ndim(response) == 0 else " ".join(map(str, numbers))
    return meta


def read_table(path: PathLike, /, *, format: str | None = None, **kwargs: Any) -> Table:
    """Read a table, and raise a ValueError for any file that cannot be parsed.

    Parameters
    ----------
    path : path-like
        The file.
    format : str or None
        The name of the file's format in `astropy.table`. If None, the format is determined from
        the name and content of the file.
    **kwargs
        Further parameters of `astropy.table.Table.read`, such as ``path``, the path of a table
        within an HDF5 file.

    Returns
    -------
    `~astropy.table.Table`
        The table.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read as a table.
    ImportError
        If the format needs a package that is not installed.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    if Path(path).is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a directory, not a table")
    try:
        with warnings.catch_warnings():
            # if the specified HDU is missing, astropy would read another one with a warning
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
    # The parsers of broken files raise errors of any class.
    except Exception as error:  # noqa: BLE001
        if isinstance(error, TypeError) and "unexpected keyword" in str(error):
            raise TypeError(f"reading a table: {error}") from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        if reason.startswith("Specified hdu"):
            raise ParameterError(
                "hdu", f"the number or name of a table in {str(path)!r}", repr(kwargs["hdu"])
            ) from error
        if reason.startswith("Format could not be identified"):  # followed by all formats
            reason = "its name and content do not determine its format, or it is broken"
        raise ValueError(f"cannot read {str(path)!r} as a table: {reason}") from error


def column_values(
    column: Any, ours: str, theirs: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the values and the mask of a numeric column.

    Parameters
    ----------
    column : `~astropy.table.Column` or `~astropy.units.Quantity`
        A column of a table.
    ours, theirs : str
        The lensmap name of the column, and its name in the table.

    Returns
    -------
    values : `numpy.ndarray`
        The values, floating point in native byte order, ``(n,)``. Positions are in degrees. The
        values are not copied if they need no conversion.
    masked : `numpy.ndarray` or None
        True for masked values, bool, ``(n,)``. None if no value is masked.

    Raises
    ------
    TypeError
        If the column does not hold one number per row.
    ValueError
        If positions have a unit that is not an angle, or if another column has a unit.
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
        values = values.astype(float, copy=False)  # float32 degrees are wrong by arcseconds
    values = _convert(values, unit, ours, theirs)
    masked = mask is not None and np.any(mask)
    return values, (np.asarray(mask) if masked else None)


def _convert(values: np.ndarray, unit: Any, ours: str, theirs: str) -> np.ndarray:
    """Convert positions to degrees, and raise a ValueError if any other column has a unit."""
    allowed = u.deg if ours in _ANGLES else u.dimensionless_unscaled
    if unit is None or unit == "" or unit == allowed:
        return values
    try:
        return u.Quantity(values, unit).to_value(allowed)
    except (u.UnitsError, TypeError, ValueError):
        raise ValueError(
            f"the column {theirs!r} (for {ours!r}) has the unit {str(unit)!r}; allowed is "
            f"{'an angle, such as deg' if ours in _ANGLES else 'none'}; set the column's unit in "
            "the table if it is wrong there"
        ) from None
