# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors from the scatter between fields: fields are independent, pixels of a map are not."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lensmap.utils import ParameterError

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
    """The difference between the scores of two methods on the same fields.

    Attributes
    ----------
    n_fields : int
        The number of fields with a score of both methods.
    difference, difference_err : float
        The mean over fields of ``a - b``, and its standard error, which does not include the
        scatter of fields that both methods share.
    significance : float
        Their ratio: the difference in standard errors, negative where ``a`` is lower.
    mean_ratio, mean_ratio_err : float
        The mean over fields of ``a / b``, and its standard error; NaN if a ``b`` is 0.
    ratio_of_sums, ratio_of_sums_err : float
        The sum of ``a`` over the sum of ``b``, with the error by the jackknife. Fields with a high
        score have more weight in it, as in a loss that is a sum over the pixels of all fields.
    """

    n_fields: int
    difference: float
    difference_err: float
    significance: float
    mean_ratio: float
    mean_ratio_err: float
    ratio_of_sums: float
    ratio_of_sums_err: float


def mean_and_error(values: ArrayLike) -> tuple[float, float]:
    """Return the mean over fields and its standard error.

    Parameters
    ----------
    values : array_like
        A number for each field, ``(n,)``; numbers that are not finite are left out.

    Returns
    -------
    mean, error : float
        NaN for the mean of no number, and for the error of fewer than two.
    """
    numbers = np.asarray(values, dtype=float).ravel()
    numbers = numbers[np.isfinite(numbers)]
    mean = float(numbers.mean()) if len(numbers) else np.nan
    error = float(numbers.std(ddof=1) / np.sqrt(len(numbers))) if len(numbers) > 1 else np.nan
    return mean, error


def jackknife(statistic: Callable[..., float], *values: ArrayLike) -> tuple[float, float]:
    r"""Return a statistic of all fields together, and its jackknife error.

    .. math:: \sigma^2 = \frac{n - 1}{n} \sum_i (s_i - \bar s)^2

    Parameters
    ----------
    statistic : callable
        Function of the arrays in ``values``, also without one of their rows; returns a float, such
        as a ratio of sums.
    *values : array_like
        Arrays with a row for each field, ``(n, ...)``.

    Returns
    -------
    estimate, error : float
        The statistic of all fields, without a correction for bias, and its error; NaN for fewer
        than two fields, or where the statistic is undefined without one of them.

    Raises
    ------
    ValueError
        If there are no rows, or the numbers of rows differ.

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
    arrays = [np.asarray(rows, dtype=float) for rows in values]
    lengths = {len(rows) if rows.ndim else 0 for rows in arrays}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"values must have the same number of rows, at least one, not {sorted(lengths)}"
        )
    n = lengths.pop()
    estimate = float(statistic(*arrays))
    if n < 2:
        return estimate, np.nan
    without = np.array([
        statistic(*(np.delete(rows, i, axis=0) for rows in arrays)) for i in range(n)
    ])
    if not np.all(np.isfinite(without)):
        return estimate, np.nan
    return estimate, float(np.sqrt((n - 1) * np.mean((without - without.mean()) ** 2)))


def paired_difference(a: ArrayLike, b: ArrayLike) -> PairedDifference:
    """Compare the scores of two methods field by field.

    Parameters
    ----------
    a, b : array_like
        The scores of two methods on the same fields in the same order, ``(n,)`` each. Fields with
        a score that is not finite are left out.

    Returns
    -------
    PairedDifference
        The differences and ratios with their errors; NaN where there are too few fields.

    Raises
    ------
    ValueError
        If the numbers of fields differ, or there is no field.

    Examples
    --------
    >>> from lensmap.scores import paired_difference
    >>> difference = paired_difference([0.9, 1.9, 3.1], [1.0, 2.1, 3.1])
    >>> print(f"{difference.difference:.2f} +- {difference.difference_err:.2f}")
    -0.10 +- 0.06
    """
    one, other = _field_scores(a, "a"), _field_scores(b, "b")
    if len(one) != len(other):
        raise ValueError(f"a and b must be of the same fields, not {len(one)} and {len(other)}")
    good = np.isfinite(one) & np.isfinite(other)
    one, other = one[good], other[good]
    difference, error = mean_and_error(one - other)
    significance = difference / error if error > 0 else np.nan
    ratios = sums = (np.nan, np.nan)
    if len(other) and np.all(other != 0):
        ratios, sums = mean_and_error(one / other), jackknife(ratio_of_sums, one, other)
    return PairedDifference(len(one), difference, error, significance, *ratios, *sums)


def ratio_of_sums(a: np.ndarray, b: np.ndarray) -> float:
    """Return the sum of one array over the sum of another; NaN if that is 0."""
    total = b.sum()
    return a.sum() / total if total != 0 else np.nan


def jackknife_of_sums(
    statistic: Callable[..., np.ndarray], *values: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return statistics of sums over fields, and their jackknife errors.

    Parameters
    ----------
    statistic : callable
        Function of the sums of ``values`` over fields, ``(...)``, and of stacks of such sums,
        ``(n_fields, ...)``; returns an array.
    *values : array_like
        Arrays with a row for each field, ``(n_fields, ...)``.

    Returns
    -------
    estimate, error : `numpy.ndarray`
        The statistics, and their errors as of ``jackknife``: NaN for fewer than two fields, and
        where a statistic is undefined without one of the fields.
    """
    arrays = [np.asarray(rows, dtype=float) for rows in values]
    sums, n = [rows.sum(axis=0) for rows in arrays], len(arrays[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = statistic(*sums)
        if n < 2:
            return estimate, np.full(np.shape(estimate), np.nan)
        without = statistic(*(total - rows for total, rows in zip(sums, arrays, strict=True)))
        return estimate, np.sqrt((n - 1) * np.mean((without - without.mean(axis=0)) ** 2, axis=0))


def ratio_and_error(a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return ratios of sums over fields, and their jackknife errors.

    Parameters
    ----------
    a, b : array_like
        Numerators and denominators, ``(n_fields, ...)``.

    Returns
    -------
    ratio, error : `numpy.ndarray`
        ``(...)``, NaN where the sum of ``b`` is 0; the error as of `jackknife_of_sums`.
    """
    return jackknife_of_sums(lambda a, b: np.where(b != 0, a / b, np.nan), a, b)


def _field_scores(values, name):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0:
        raise ParameterError(
            name, "one number for each field, at least one", f"an array of shape {values.shape}",
            verb="hold",
        )
    return values
