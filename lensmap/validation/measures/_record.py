# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The record of a field as arrays for one file."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

import numpy as np
from astropy import units as u

__all__ = ["numbers_of", "pack", "scalar_record", "unpack"]


def pack(record: Mapping) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """Return a record for `RecordFolder.save`.

    Parameters
    ----------
    record : dict
        From the names of statistics and of estimators to dicts of arrays.

    Returns
    -------
    dict
        The same with percent-encoded names of estimators, which may contain any character.
    """
    return {
        statistic: {quote(name, safe=""): arrays for name, arrays in estimators.items()}
        for statistic, estimators in record.items()
    }


def unpack(packed: Mapping) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """Return a record of `RecordFolder.load` with the names of estimators.

    Parameters
    ----------
    packed : dict
        A result of `pack`.

    Returns
    -------
    dict
        From the names of statistics and of estimators to dicts of arrays.
    """
    return {
        statistic: {unquote(name): arrays for name, arrays in estimators.items()}
        for statistic, estimators in packed.items()
    }


def scalar_record(numbers: Mapping[str, float | u.Quantity]) -> np.ndarray:
    """Return scalars as one structured array without dimensions, with integers kept as such.

    Parameters
    ----------
    numbers : dict
        From names to numbers; quantities lose their unit.

    Returns
    -------
    `numpy.ndarray`
        With one field for each number.
    """
    values = [getattr(value, "value", value) for value in numbers.values()]
    kinds = [int if isinstance(value, (int, np.integer)) else float for value in values]
    return np.array(tuple(values), dtype=list(zip(numbers, kinds, strict=True)))


def numbers_of(array: np.ndarray) -> dict[str, float]:
    """Return the numbers of a `scalar_record` by name."""
    return dict(zip(array.dtype.names or (), array.item(), strict=True))
