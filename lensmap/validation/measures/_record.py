# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Conversion of the measurements of a field to and from the arrays stored in its file."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

import numpy as np
from astropy import units as u

__all__ = ["numbers_of", "pack", "scalar_record", "unpack"]


def pack(record: Mapping) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """Percent-encode the names of estimators among the measurements of a field.

    Names of estimators may contain any character, but names in the files that `RecordFolder.save`
    writes must not contain "/".

    Parameters
    ----------
    record : dict
        The measurements: a dict for each statistic, keyed by its name, of dicts of arrays, keyed by
        the name of the estimator.

    Returns
    -------
    dict
        The same measurements, with percent-encoded names of estimators.
    """
    return {
        statistic: {quote(name, safe=""): arrays for name, arrays in estimators.items()}
        for statistic, estimators in record.items()
    }


def unpack(packed: Mapping) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """Decode the percent-encoded names of estimators among the measurements of a field.

    Parameters
    ----------
    packed : dict
        The measurements that `RecordFolder.load` returns for a field.

    Returns
    -------
    dict
        A dict for each statistic, keyed by its name, of dicts of arrays, keyed by the estimator.
    """
    return {
        statistic: {unquote(name): arrays for name, arrays in estimators.items()}
        for statistic, estimators in packed.items()
    }


def scalar_record(numbers: Mapping[str, float | u.Quantity]) -> np.ndarray:
    """Pack a dict of scalars into a zero-dimensional structured array.

    Parameters
    ----------
    numbers : dict
        The numbers, keyed by name. Integers stay integers; the units of quantities are dropped.

    Returns
    -------
    `numpy.ndarray`
        The array, with one named field for each number.
    """
    values = [getattr(value, "value", value) for value in numbers.values()]
    kinds = [int if isinstance(value, (int, np.integer)) else float for value in values]
    return np.array(tuple(values), dtype=list(zip(numbers, kinds, strict=True)))


def numbers_of(array: np.ndarray) -> dict[str, float]:
    """Return the dict of numbers that `scalar_record` packed into an array."""
    return dict(zip(array.dtype.names or (), array.item(), strict=True))
