# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors of scores from the scatter between fields, because pixels are not independent."""

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
        The number of fields that have a score for both methods.
    difference, difference_err : float
        The mean over fields of ``a - b``, and its standard error. The error does not include the
        scatter between fields that is common to both methods.
    significance : float
        The difference in units of its standard error; negative if ``a`` is lower on average.
    mean_ratio, mean_ratio_err : float
        The mean over fields of ``a / b``, and its standard error. Both are NaN if any ``b`` is 0.
    ratio_of_sums, ratio_of_sums_err : float
        The sum of ``a`` divided by the sum of ``b``, and its jackknife error. Fields with a high
        score have more weight in this ratio, as in a loss summed over the pixels of all fields.
        Both are NaN if any ``b`` is 0.
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
        One value for each field, ``(n,)``. Values that are not finite are left out.

    Returns
    -------
    mean, error : float
        The mean is NaN if there is no finite value, the error if there are fewer than two.
    """
    numbers = np.asarray(values, dtype=float).ravel()
    numbers = numbers[np.isfinite(numbers)]
    mean = float(numbers.mean()) if len(numbers) else np.nan
    error = float(numbers.std(ddof=1) / np.sqrt(len(numbers))) if len(numbers) > 1 else np.nan
    return mean, error


def jackknife(statistic: Callable[..., float], *values: ArrayLike) -> tuple[float, float]:
    r"""Return a statistic of all fields together and its jackknife error.

    .. math:: \sigma^2 = \frac{n - 1}{n} \sum_i (s_i - \bar s)^2

    Here :math:`s_i` is the statistic of all fields except field i, and n is the number of fields.

    Parameters
    ----------
    statistic : callable
        Function that takes the arrays in ``values`` and returns a float, such as a ratio of sums.
        It is also called with one row removed from each array.
    *values : array_like
        Arrays with one row for each field, ``(n, ...)``.

    Returns
    -------
    estimate, error : float
        The statistic of all fields, not corrected for jackknife bias, and its error. The error is
        NaN for fewer than two fields, or if the statistic is not finite when a field is left out.

    Raises
    ------
    ValueError
        If there are no rows, or the arrays have different numbers of rows.

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
        raise ParameterError(
            "values", "arrays with the same number of rows, at least one row (one for each field)",
            f"arrays with {' and '.join(map(str, sorted(lengths)))} rows",
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
        The scores of the two methods on the same fields in the same order, ``(n,)`` each. A field
        is left out if either score is not finite.

    Returns
    -------
    PairedDifference
        The differences and ratios with their errors. An error is NaN for fewer than two fields.

    Raises
    ------
    ValueError
        If ``a`` and ``b`` have different lengths, or are empty.

    Examples
    --------
    >>> from lensmap.scores import paired_difference
    >>> difference = paired_difference([0.9, 1.9, 3.1], [1.0, 2.1, 3.1])
    >>> print(f"{difference.difference:.2f} +- {difference.difference_err:.2f}")
    -0.10 +- 0.06
    """
    one, other = _field_scores(a, "a"), _field_scores(b, "b")
    if len(one) != len(other):
        raise ValueError(
            "'a' and 'b' must hold scores of the same fields, so their lengths must be equal, not "
            f"{len(one)} and {len(other)}"
        )
    good = np.isfinite(one) & np.isfinite(other)
    one, other = one[good], other[good]
    difference, error = mean_and_error(one - other)
    significance = difference / error if error > 0 else np.nan
    ratios = sums = (np.nan, np.nan)
    if len(other) and np.all(other != 0):
        ratios, sums = mean_and_error(one / other), jackknife(ratio_of_sums, one, other)
    return PairedDifference(len(one), difference, error, significance, *ratios, *sums)


def ratio_of_sums(a: np.ndarray, b: np.ndarray) -> float:
    """Return the sum of ``a`` divided by the sum of ``b``; NaN if the sum of ``b`` is 0."""
    total = b.sum()
    return a.sum() / total if total != 0 else np.nan


def jackknife_of_sums(
    statistic: Callable[..., np.ndarray], *values: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return an array of statistics of sums over fields, and their jackknife errors.

    Parameters
    ----------
    statistic : callable
        Vectorized function that takes the sums of ``values`` over fields and returns an array. It
        is called with sums over all fields, ``(...)``, and with a stack of sums in which each
        field in turn is left out, ``(n_fields, ...)``.
    *values : array_like
        Arrays with one row for each field, ``(n_fields, ...)``.

    Returns
    -------
    estimate, error : `numpy.ndarray`
        The statistics and their jackknife errors. An error is NaN for fewer than two fields, or if
        the statistic is undefined when a field is left out.
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
    """Return ratios of sums over fields and their jackknife errors.

    Parameters
    ----------
    a, b : array_like
        Numerators and denominators, ``(n_fields, ...)``.

    Returns
    -------
    ratio, error : `numpy.ndarray`
        The ratio of the sums, ``(...)``, NaN where the sum of ``b`` is 0, and its error as
        returned by `jackknife_of_sums`.
    """
    return jackknife_of_sums(lambda a, b: np.where(b != 0, a / b, np.nan), a, b)


def _field_scores(values, name):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0:
        raise ParameterError(
            name, "one number for each field, and at least one",
            f"an array of the shape {values.shape}",
            verb="hold",
        )
    return values
