# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is wrong with the files that commands write, and how two of them differ."""

import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

__all__ = ["difference", "fault_of_product"]

# Keywords of a map beside those of its WCS.
_OF_MAPS = ("ESTIMATR", "CONVENTN", "NGAL", "RADESYS", "CTYPE1", "CRVAL1")


def fault_of_product(path):
    """Return what is wrong with a file that a command has written, or None."""
    path = Path(path)
    if path.stat().st_size == 0 and path.suffix != ".reg":  # a list of no regions
        return "the file is empty"
    try:
        return _fault(path)
    except (OSError, ValueError, TypeError, KeyError, fits.VerifyError) as error:
        return f"the file cannot be read: {error}"


def _fault(path):
    if path.suffix == ".fits":
        return _fault_of_fits(path)
    if path.suffix in (".ecsv", ".csv"):
        return _fault_of_table(_table(path))
    return None


def _table(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Table.read(path, format="ascii.ecsv" if path.suffix == ".ecsv" else "ascii.csv")


def _fault_of_fits(path):
    with fits.open(path, memmap=False, checksum=False) as hdus:
        hdus.verify("exception")
        if "ESTIMATR" in hdus[0].header:
            return _fault_of_map(hdus)
        for hdu in hdus:
            if isinstance(hdu, fits.BinTableHDU) and hdu.name != "META":
                return _fault_of_table(Table(hdu.data))
            if hdu.is_image and hdu.data is not None and not np.all(np.isfinite(hdu.data)):
                return f"numbers that are not finite in {hdu.name}"
    return None


def _fault_of_map(hdus):
    missing = [key for key in _OF_MAPS if key not in hdus[0].header]
    if missing:
        return f"the header lacks {', '.join(missing)}"
    if not WCS(hdus[0].header).has_celestial:
        return "the header has no celestial WCS"
    unmasked = np.asarray(hdus["MASK"].data) == 0 if "MASK" in hdus else np.ones(
        hdus[0].data.shape, bool)
    if not unmasked.any():
        return "all pixels are masked"
    for hdu in hdus:
        if hdu.is_image and hdu.name != "MASK" and hdu.data is not None:
            values = np.asarray(hdu.data)
            if values.shape == unmasked.shape and not np.all(np.isfinite(values[unmasked])):
                return f"numbers that are not finite in unmasked pixels of {hdu.name or 'kappa'}"
    if "UNCERT" in hdus and np.any(hdus["UNCERT"].data[unmasked] <= 0):
        return "errors that are not positive in unmasked pixels"
    if not np.any(hdus[0].data[unmasked]):
        return "all unmasked pixels are zero"
    return None


def _fault_of_table(table):
    for name in table.colnames:
        column = table[name]
        if column.dtype.kind == "f" and np.any(np.isinf(np.ma.filled(np.ma.asarray(column), 0.0))):
            return f"infinite numbers in the column {name!r}"
    return None


def difference(path, other):
    """Return how the numbers of two files differ by more than rounding, or None."""
    one, two = _numbers(Path(path)), _numbers(Path(other))
    if one.keys() != two.keys():
        return f"the parts are {sorted(one)} and {sorted(two)}"
    for name, values in one.items():
        if values.shape != two[name].shape:
            return f"{name} has the shape {values.shape} in place of {two[name].shape}"
        scale = np.nanmax(np.abs(two[name]), initial=0.0)
        same = np.isclose(values, two[name], rtol=1e-4, atol=1e-5 * scale, equal_nan=True)
        if not same.all():
            return f"{name} differs in {np.sum(~same)} of {same.size} numbers"
    return None


def _numbers(path):
    """Return the arrays and columns of numbers in a file, keyed by name."""
    if path.suffix != ".fits":
        table = _table(path) if path.suffix in (".ecsv", ".csv") else Table()
        return _columns(table)
    result = {}
    with fits.open(path, memmap=False) as hdus:
        for hdu in hdus:
            if hdu.is_image and hdu.data is not None:
                result[hdu.name] = np.asarray(hdu.data, float)
            elif hdu.name != "META" and hdu.data is not None:
                result |= _columns(Table(hdu.data))
    return result


def _columns(table):
    return {name: np.asarray(np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan))
            for name in table.colnames if table[name].dtype.kind in "fiub"}
