# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scores of a predicted map against the truth."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lensmap.scores._coverage import inside
from lensmap.scores._focal import focal_weights
from lensmap.scores._pixels import unmasked_values
from lensmap.scores._slopes import orthogonal_slope
from lensmap.utils import ParameterError, check_number

__all__ = [
    "mean_ratio",
    "ordinary_slope",
    "pearson_r",
    "rmse",
    "score_map",
    "tls_slope",
    "tls_slope_of_r",
    "weighted_loss",
]

# The loss is scaled to the number of pixels of the maps of Cha et al. 2025.
_PAPER_PIXELS = 512 * 512

# Half the 95 per cent interval of a Gaussian, in standard deviations.
_N_SIGMA_OF_95 = 1.959964


class _Moments(NamedTuple):
    """First and second moments of the pixels of two maps."""

    truth: float
    prediction: float
    truth_variance: float
    prediction_variance: float
    covariance: float


def _moments(truth, prediction):
    t, p = truth.mean(), prediction.mean()
    truth, prediction = truth - t, prediction - p
    return _Moments(
        t,
        p,
        _variance(truth, t),
        _variance(prediction, p),
        float(np.mean(truth * prediction)),
    )


def _variance(centered, mean):
    """Return the mean square; 0 for a constant, without rounding errors."""
    variance = float(np.mean(centered**2))
    return 0.0 if variance <= (1e-14 * mean) ** 2 else variance


def pearson_r(
    truth: ArrayLike, prediction: ArrayLike, mask: ArrayLike | None = None
) -> float:
    """Return Pearson's correlation coefficient of the pixels.

    Parameters
    ----------
    truth, prediction : array_like
        Convergence, ``(ny, nx)`` each.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded; None excludes nothing.

    Returns
    -------
    float
        From -1 to 1; NaN if one of the maps is constant, such as the truth of a null field.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is no array of numbers or not finite in an unmasked pixel, or
        every pixel is masked.
    """
    return _r(_moments(*unmasked_values(mask, truth=truth, prediction=prediction)))


def _r(moments):
    square = moments.truth_variance * moments.prediction_variance
    return moments.covariance / np.sqrt(square) if square > 0 else np.nan


def rmse(truth: ArrayLike, prediction: ArrayLike, mask: ArrayLike | None = None) -> float:
    """Return the root mean square error, means removed, since lensing does not measure the mean.

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`.

    Returns
    -------
    float
        The standard deviation over pixels of prediction minus truth.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`.
    """
    truth, prediction = unmasked_values(mask, truth=truth, prediction=prediction)
    return float(np.std(prediction - truth))


def weighted_loss(
    truth: ArrayLike,
    prediction: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    exponent: float = 6,
) -> float:
    r"""Return the loss of Cha et al. 2025, with weights that rise with the true convergence.

    .. math:: L = \sum_\mathrm{pixels} w^n (\hat\kappa - \kappa)^2 ,
              \qquad w = 1 + |\kappa| / \max \kappa

    The loss depends on the small-scale power of the simulation: compare methods by it on the same
    maps, but not simulations.

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`. The maximum is that of the truth in unmasked pixels. Means are not
        removed.
    exponent : float
        The exponent n: 6 in eq. 8 of the paper; 1 in eq. 6 of the paper, the loss of Hong et al.
        2021.

    Returns
    -------
    float
        The sum, scaled from the number of unmasked pixels to 512 x 512 pixels.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`, or if no pixel of the truth is positive, so that the weight is
        undefined. (Where the truth is 0 in all pixels, the weight is 1.)

    References
    ----------
    Cha et al. 2025, ApJ, eq. 6-8; Hong et al. 2021, ApJ 923, 266.
    """
    check_number(exponent, "exponent", "finite")
    t, p = unmasked_values(mask, truth=truth, prediction=prediction)
    return _loss(t, p, exponent)


def _loss(truth, prediction, exponent):
    largest = truth.max()
    if largest <= 0 and np.any(truth != 0):
        raise ValueError(
            f"the weight of the loss needs a positive truth; its maximum is {largest:.3g}"
        )
    weight = focal_weights(truth, exponent)
    return float(np.mean(weight * (prediction - truth) ** 2)) * _PAPER_PIXELS


def ordinary_slope(
    truth: ArrayLike,
    prediction: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    above: float | None = None,
) -> float:
    r"""Return the slope of the regression of the truth on the prediction: 1 if unbiased.

    :math:`\mathrm{cov}(\kappa, \hat\kappa) / \mathrm{var}(\hat\kappa)`. The posterior mean has
    :math:`\langle \kappa | \hat\kappa \rangle = \hat\kappa` and a slope of 1 for any noise of the
    data; noise in the map makes the slope smaller. Selecting pixels by their prediction does not
    change this; selecting them by their truth would.

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`.
    above : float or None
        Only pixels with a prediction above this value count; None takes all pixels.

    Returns
    -------
    float
        NaN if the prediction is constant in these pixels, or there are fewer than two.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`.

    See Also
    --------
    mean_ratio : Ratio of the means above a threshold.

    Notes
    -----
    With ``above``, ``mean_ratio`` is the more robust statistic: here the intercept absorbs a wrong
    level, and the slope depends on the few highest pixels, the cores of a handful of clusters.
    """
    truth, prediction = unmasked_values(mask, truth=truth, prediction=prediction)
    high = _above(prediction, above)
    if np.count_nonzero(high) < 2:
        return np.nan
    return _slope(_moments(truth[high], prediction[high]))


def _slope(moments):
    variance = moments.prediction_variance
    return moments.covariance / variance if variance > 0 else np.nan


def mean_ratio(
    truth: ArrayLike,
    prediction: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    above: float = 0.1,
) -> float:
    r"""Return the mean truth over the mean prediction, of pixels with a high prediction.

    This is a robust test of high predictions: a calibrated map has :math:`\langle \kappa \rangle
    = \langle \hat\kappa \rangle` for any selection of pixels by their prediction. For several
    fields, use the ratio of sums as `lensmap.validation.summarize_scores` does: the mean of the
    ratios of fields with few such pixels is biased.

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`. Means are not removed.
    above : float
        Only pixels with a prediction above this count.

    Returns
    -------
    float
        NaN if there is no such pixel, or their mean prediction is 0.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`.
    """
    truth, prediction = unmasked_values(mask, truth=truth, prediction=prediction)
    high = _above(prediction, above)
    total = prediction[high].sum()
    return float(truth[high].sum() / total) if total != 0 else np.nan


def _above(prediction, above):
    if above is None:
        return np.ones(prediction.shape, dtype=bool)
    check_number(above, "above", "finite")
    return prediction > above


def tls_slope(
    truth: ArrayLike, prediction: ArrayLike, mask: ArrayLike | None = None
) -> float:
    r"""Return the slope of the prediction against the truth by orthogonal regression.

    This is the longest axis of the distribution of pixels (truth, prediction), with the slope

    .. math:: \tan\left(\frac12 \arctan
              \frac{2\,\mathrm{cov}}{\mathrm{var}(\kappa) - \mathrm{var}(\hat\kappa)}\right) :

    by total least squares, for equal errors of both. Cha et al. 2025 use it for their figure 3. It
    is no test of calibration: for a calibrated map it follows from the correlation alone
    (``tls_slope_of_r``), and multiplying a map by a number changes it.

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`.

    Returns
    -------
    float
        NaN if the distribution has no longest axis.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`.

    References
    ----------
    Golub & Van Loan 1980, SIAM Journal on Numerical Analysis 17, 883; Cha et al. 2025, ApJ, fig. 3.
    """
    return _tls(_moments(*unmasked_values(mask, truth=truth, prediction=prediction)))


def _tls(moments):
    return orthogonal_slope(
        moments.truth_variance, moments.prediction_variance, moments.covariance
    )


def tls_slope_of_r(r: ArrayLike) -> float | np.ndarray:
    r"""Return the orthogonal-regression slope of a calibrated map of a given correlation.

    The posterior mean has :math:`\mathrm{var}(\hat\kappa) = \mathrm{cov}(\kappa, \hat\kappa) =
    r^2 \mathrm{var}(\kappa)`, which gives the slope of `tls_slope`.

    Parameters
    ----------
    r : float or array_like
        Pearson's correlation coefficient.

    Returns
    -------
    float or `numpy.ndarray`
        From 0 to 1; NaN where ``r`` is NaN or negative, which no calibrated map has.

    Raises
    ------
    ValueError
        If ``r`` is outside -1 to 1.

    Examples
    --------
    >>> from lensmap.scores import tls_slope_of_r
    >>> print(", ".join(f"{tls_slope_of_r(r):.2f}" for r in (0.69, 0.75, 0.8, 1)))
    0.59, 0.68, 0.76, 1.00
    """
    r = np.asarray(r, dtype=float)
    if np.any(np.abs(r) > 1 + 1e-12):
        raise ParameterError("r", "from -1 to 1", str(r))
    square = np.clip(r, -1, 1) ** 2
    slope = np.where(r >= 0, np.tan(np.arctan2(2 * square, 1 - square) / 2), np.nan)
    return slope if slope.ndim else float(slope)


def score_map(
    truth: ArrayLike,
    prediction: ArrayLike,
    mask: ArrayLike | None = None,
    half_widths: ArrayLike | Mapping[int, ArrayLike] | None = None,
    *,
    above: float = 0.1,
) -> dict[str, float]:
    """Return all scores of one field.

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`.
    half_widths : array_like, dict or None
        The 68 per cent error of the prediction, ``(ny, nx)``; the 95 per cent error is 1.96 times
        as large, as for a Gaussian. Or a dict with the errors of 68 and 95 per cent. None means
        that the error is unknown.
    above : float
        The prediction above which pixels count as high.

    Returns
    -------
    dict
        - ``n_pixels``: the number of unmasked pixels;
        - ``pearson_r``, ``rmse``, ``loss`` (`weighted_loss`), ``loss_h21`` (with the exponent 1),
          ``slope`` (``ordinary_slope``), ``tls_slope``, ``tls_slope_of_r``;
        - ``bias``: the mean of prediction minus truth;
        - ``coverage_68``, ``coverage_95``: the fractions of the pixels with the truth within the
          error; NaN for an unknown error;
        - sums over pixels with a high prediction p (truth t), which
          `lensmap.validation.summarize_scores` adds up over fields: ``n_above``, ``sum_t_above``,
          ``sum_p_above``, ``sum_tp_above``, ``sum_pp_above``, and ``covered_above``, the number of
          these pixels with the truth within the 68 per cent error.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`; or if an error is negative, or of another percentage.
    """
    widths = _widths(half_widths)
    t, p, *errors = unmasked_values(mask, truth=truth, prediction=prediction, **widths)
    covered = {name: inside(t, p, error) for name, error in zip(widths, errors, strict=True)}
    moments = _moments(t, p)
    r = _r(moments)
    high = _above(p, above)
    t_high, p_high = t[high], p[high]
    covered_high = covered["half_width_68"][high].sum() if "half_width_68" in covered else np.nan
    return {
        "n_pixels": t.size,
        "pearson_r": r,
        "rmse": float(np.std(p - t)),
        "loss": _loss(t, p, 6),
        "loss_h21": _loss(t, p, 1),
        "slope": _slope(moments),
        "tls_slope": _tls(moments),
        "tls_slope_of_r": tls_slope_of_r(r),
        "bias": moments.prediction - moments.truth,
        **{
            f"coverage_{percent}": float(covered[name].mean()) if name in covered else np.nan
            for percent, name in _WIDTHS.items()
        },
        "n_above": t_high.size,
        "sum_t_above": float(t_high.sum()),
        "sum_p_above": float(p_high.sum()),
        "sum_tp_above": float((t_high * p_high).sum()),
        "sum_pp_above": float((p_high**2).sum()),
        "covered_above": float(covered_high),
    }


_WIDTHS = {68: "half_width_68", 95: "half_width_95"}


def _widths(half_widths):
    """Return the half-widths by their names in error messages."""
    if half_widths is None:
        return {}
    if not isinstance(half_widths, Mapping):
        half_widths = {68: half_widths, 95: _N_SIGMA_OF_95 * np.asanyarray(half_widths)}
    unknown = [percent for percent in half_widths if percent not in _WIDTHS]
    if unknown:
        raise ValueError(f"half_widths must be of 68 and 95 per cent, not of {unknown}")
    return {_WIDTHS[percent]: width for percent, width in half_widths.items()}
