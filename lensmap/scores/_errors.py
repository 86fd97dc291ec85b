# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors from field to field: pixels of a map are not independent, but fields are."""

from typing import NamedTuple

import numpy as np

__all__ = [
    "PairedDifference",
    "jackknife",
    "jackknife_of_sums",
    "mean_and_error",
    "paired_difference",
    "ratio_and_error",
    "ratio_of_sums",
]


class PairedDifference(NamedTuple):
    """How the scores of two methods differ on the same fields.

    Attributes
    ----------
    n_fields : int
        How many fields both have a score for.
    difference, difference_err : float
        The mean over fields of ``a - b``, and its standard error. The scatter of the fields
        themselves, which both share, is not in it.
    significance : float
        Their ratio: standard errors by which the two differ, negative where ``a`` is lower.
    mean_ratio, mean_ratio_err : float
        The mean over fields of ``a / b``, and its standard error; NaN if a ``b`` is 0.
    ratio_of_sums, ratio_of_sums_err : float
        The sum of ``a`` over that of ``b``, with the error of the jackknife. Fields with a high
        score have more weight in it: it is what a loss that is a sum over all pixels asks for.
    """

    n_fields: int
    difference: float
    difference_err: float
    significance: float
    mean_ratio: float
    mean_ratio_err: float
    ratio_of_sums: float
    ratio_of_sums_err: float


def mean_and_error(values):
    """Return the mean over fields and its standard error.

    Parameters
    ----------
    values : array_like
        One for each field, ``(n,)``; those that are not finite are left out.

    Returns
    -------
    mean, error : float
        NaN where there are too few: one for the mean, two for the error.
    """
    values = np.asarray(values, dtype=float).ravel()
    values = values[np.isfinite(values)]
    mean = float(values.mean()) if len(values) else np.nan
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
    return mean, error


def jackknife(statistic, *values):
    r"""Return a statistic of all fields together, and its error from leaving out each in turn.

    .. math:: \sigma^2 = \frac{n - 1}{n} \sum_i (s_i - \bar s)^2

    Parameters
    ----------
    statistic : callable
        Called with arrays of which some rows are missing; returns a float, such as a ratio of
        sums.
    *values : array_like
        Of one length n each: a row for each field.

    Returns
    -------
    estimate, error : float
        Of all fields, without a correction for bias. The error is NaN for less than two fields,
        or where the statistic is not known without one of them.

    Raises
    ------
    ValueError
        If there are no rows, or their numbers differ.

    References
    ----------
    Efron & Stein 1981, Ann. Statist. 9, 586.

    Examples
    --------
    >>> from lensmap.scores import jackknife
    >>> estimate, error = jackknife(lambda a, b: a.sum() / b.sum(), [2.0, 4.0], [1.0, 2.0])
    >>> print(estimate, error)
    2.0 0.0
    """
    values = [np.asarray(rows, dtype=float) for rows in values]
    lengths = {len(rows) if rows.ndim else 0 for rows in values}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"values must have the same number of rows, at least one, not {sorted(lengths)}"
        )
    n = lengths.pop()
    estimate = float(statistic(*values))
    if n < 2:
        return estimate, np.nan
    without = np.array([
        statistic(*(np.delete(rows, i, axis=0) for rows in values)) for i in range(n)
    ])
    if not np.all(np.isfinite(without)):
        return estimate, np.nan
    return estimate, float(np.sqrt((n - 1) * np.mean((without - without.mean()) ** 2)))


def paired_difference(a, b):
    """Compare the scores of two methods field by field.

    Parameters
    ----------
    a, b : array_like
        The scores of two methods on the same fields in the same order, ``(n,)`` each. Fields of
        which one is not finite are left out.

    Returns
    -------
    PairedDifference
        The differences and ratios with their errors; NaN where there are too few fields.

    Raises
    ------
    ValueError
        If their numbers differ, or there is none.

    Examples
    --------
    >>> from lensmap.scores import paired_difference
    >>> difference = paired_difference([0.9, 1.9, 3.1], [1.0, 2.1, 3.1])
    >>> print(f"{difference.difference:.2f} +- {difference.difference_err:.2f}")
    -0.10 +- 0.06
    """
    a, b = _fields(a, "a"), _fields(b, "b")
    if len(a) != len(b):
        raise ValueError(f"a and b must be of the same fields, not {len(a)} and {len(b)}")
    good = np.isfinite(a) & np.isfinite(b)
    a, b = a[good], b[good]
    difference, error = mean_and_error(a - b)
    # NaN is the answer to whatever cannot be divided
    significance = difference / error if error > 0 else np.nan
    ratios = sums = (np.nan, np.nan)
    if len(b) and np.all(b != 0):
        ratios, sums = mean_and_error(a / b), jackknife(ratio_of_sums, a, b)
    return PairedDifference(len(a), difference, error, significance, *ratios, *sums)


def ratio_of_sums(a, b):
    """Return the sum of one array over that of another; NaN if that is 0."""
    total = b.sum()
    return a.sum() / total if total != 0 else np.nan


def jackknife_of_sums(statistic, *values):
    """Return statistics of sums over fields, and their errors from leaving out each field.

    Parameters
    ----------
    statistic : callable
        Called with the sums of ``values``, one array each without its first axis; it takes such
        with a first axis as well, of all fields but one, and returns an array.
    *values : array_like
        ``(n_fields, ...)`` each.

    Returns
    -------
    estimate, error : `numpy.ndarray`
        As the statistic has it; the error is that of `jackknife`, for many quantities at once: NaN
        for less than two fields, and where the statistic is not known without one of them.
    """
    values = [np.asarray(part, dtype=float) for part in values]
    sums, n = [part.sum(axis=0) for part in values], len(values[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = statistic(*sums)
        if n < 2:
            return estimate, np.full(np.shape(estimate), np.nan)
        without = statistic(*(total - part for total, part in zip(sums, values, strict=True)))
        return estimate, np.sqrt((n - 1) * np.mean((without - without.mean(axis=0)) ** 2, axis=0))


def ratio_and_error(a, b):
    """Return the ratios of sums over fields and their errors, for many quantities at once.

    Parameters
    ----------
    a, b : array_like
        ``(n_fields, ...)`` each.

    Returns
    -------
    ratio, error : `numpy.ndarray`
        ``(...)``: NaN where the sum of ``b`` is 0; the error as of `jackknife_of_sums`.
    """
    return jackknife_of_sums(lambda a, b: np.where(b != 0, a / b, np.nan), a, b)


def _fields(values, name):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(
            f"{name} must hold one number for each field, at least one, not an array of shape "
            f"{values.shape}"
        )
    return values
