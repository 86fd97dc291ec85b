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

# The loss is scaled to the number of pixels in the maps of Cha et al. 2025.
_PAPER_PIXELS = 512 * 512

# Half-width of the 95 per cent interval of a Gaussian, in standard deviations.
_N_SIGMA_OF_95 = 1.959964


class _Moments(NamedTuple):
    """Means, variances and covariance of the pixel values of two maps."""

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
    """Return the variance of pixel values from which their mean has been subtracted.

    ``centered`` are the values minus ``mean``. A variance at the level of the rounding errors of
    the mean is set to 0.
    """
    variance = float(np.mean(centered**2))
    return 0.0 if variance <= (1e-14 * mean) ** 2 else variance


def pearson_r(
    truth: ArrayLike, prediction: ArrayLike, mask: ArrayLike | None = None
) -> float:
    """Return Pearson's correlation coefficient between the pixels of the two maps.

    Parameters
    ----------
    truth, prediction : array_like
        True and predicted convergence, ``(ny, nx)`` each.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.

    Returns
    -------
    float
        The coefficient, from -1 to 1; NaN if one map is constant, such as the truth of a null
        (noise-only) field.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is not an array of numbers, an unmasked pixel is not finite, or
        every pixel is masked.
    """
    return _r(_moments(*unmasked_values(mask, truth=truth, prediction=prediction)))


def _r(moments):
    square = moments.truth_variance * moments.prediction_variance
    return moments.covariance / np.sqrt(square) if square > 0 else np.nan


def rmse(truth: ArrayLike, prediction: ArrayLike, mask: ArrayLike | None = None) -> float:
    """Return the root mean square error after subtracting the mean of each map.

    The means are subtracted because shear does not constrain the mean convergence.

    Parameters
    ----------
    truth, prediction : array_like
        True and predicted convergence, ``(ny, nx)`` each.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.

    Returns
    -------
    float
        The standard deviation over pixels of prediction minus truth.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is not an array of numbers, an unmasked pixel is not finite, or
        every pixel is masked.
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
    r"""Return the loss of Cha et al. 2025, with weights that increase with the true convergence.

    .. math:: L = \sum_\mathrm{pixels} w^n (\hat\kappa - \kappa)^2 ,
              \qquad w = 1 + |\kappa| / \max \kappa

    The loss depends on the small-scale power of the simulation. Use it to compare methods on the
    same maps, but not to compare results from different simulations.

    Parameters
    ----------
    truth, prediction : array_like
        True and predicted convergence, ``(ny, nx)`` each. Their means are not subtracted.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded. The maximum in the
        weight is taken over the unmasked pixels of the truth.
    exponent : float
        The exponent n: 6 in eq. 8 of Cha et al.; 1 in their eq. 6, the loss of Hong et al. 2021.

    Returns
    -------
    float
        The loss, scaled from the number of unmasked pixels to 512 x 512 pixels.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is not an array of numbers, an unmasked pixel is not finite, or
        every pixel is masked; or if no unmasked pixel of the truth is positive, so that
        the weight is undefined. (A truth that is 0 everywhere is allowed, with a weight of 1.)

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
        raise ParameterError(
            "truth", "positive in at least one unmasked pixel",
            f"0 or negative in all (the maximum is {largest:.3g})",
            "the weight of the loss is relative to the maximum of {truth}",
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
    r"""Return the slope of the regression of the truth on the prediction: 1 for calibrated maps.

    The slope is :math:`\mathrm{cov}(\kappa, \hat\kappa) / \mathrm{var}(\hat\kappa)`. A posterior
    mean satisfies :math:`\langle \kappa | \hat\kappa \rangle = \hat\kappa`, so its slope is 1
    at any noise level of the data. Noise in the map lowers the slope. A slope of 1 remains 1 if
    pixels are selected by their predicted convergence, but not if they are selected by their true
    convergence.

    Parameters
    ----------
    truth, prediction : array_like
        True and predicted convergence, ``(ny, nx)`` each.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.
    above : float or None
        Use only pixels where the prediction is above this value. If None, all unmasked pixels.

    Returns
    -------
    float
        The slope; NaN if fewer than two pixels are used, or the prediction is constant in them.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is not an array of numbers, an unmasked pixel is not finite, or
        every pixel is masked.

    See Also
    --------
    mean_ratio : Ratio of the means above a threshold.

    Notes
    -----
    With ``above``, ``mean_ratio`` is the more robust statistic. In a regression of so few pixels,
    the intercept absorbs a constant bias, and the slope depends on the very highest pixels, which
    are the cores of a handful of clusters.
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
    r"""Return the mean truth divided by the mean prediction, in pixels with a high prediction.

    This is a robust calibration test of high predictions: a calibrated map has
    :math:`\langle \kappa \rangle = \langle \hat\kappa \rangle` for any selection of pixels by
    their prediction. For several fields, use the ratio of sums over fields, as
    `lensmap.validation.summarize_scores` does. The mean of the ratios of single fields is biased
    where fields have few high pixels.

    Parameters
    ----------
    truth, prediction : array_like
        True and predicted convergence, ``(ny, nx)`` each. Their means are not subtracted.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.
    above : float
        Use only pixels where the prediction is above this value.

    Returns
    -------
    float
        The ratio; NaN if no pixel is above the threshold, or the mean prediction is 0.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is not an array of numbers, an unmasked pixel is not finite, or
        every pixel is masked.
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

    Orthogonal regression, or total least squares, assumes equal errors of truth and prediction. It
    returns the slope of the major axis of the pixel distribution (truth, prediction),

    .. math:: \tan\left(\frac12 \arctan
              \frac{2\,\mathrm{cov}}{\mathrm{var}(\kappa) - \mathrm{var}(\hat\kappa)}\right) .

    Cha et al. 2025 use it in their figure 3. A slope of 1 does not mean that a map is calibrated:
    a calibrated map has a slope below 1, which follows from its correlation with the truth
    (``tls_slope_of_r``), and rescaling a map can bring its slope to 1.

    Parameters
    ----------
    truth, prediction : array_like
        True and predicted convergence, ``(ny, nx)`` each.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.

    Returns
    -------
    float
        The slope; NaN if the distribution has no major axis.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is not an array of numbers, an unmasked pixel is not finite, or
        every pixel is masked.

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
    r"""Return the ``tls_slope`` of a calibrated map that has a given correlation with the truth.

    A posterior mean has :math:`\mathrm{var}(\hat\kappa) = \mathrm{cov}(\kappa, \hat\kappa) =
    r^2 \mathrm{var}(\kappa)`, from which the slope follows.

    Parameters
    ----------
    r : float or array_like
        Pearson's correlation coefficient.

    Returns
    -------
    float or `numpy.ndarray`
        The slope, from 0 to 1. It is NaN where ``r`` is NaN, or negative, since no calibrated map
        has a negative correlation.

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
        raise ParameterError("r", "a correlation coefficient from -1 to 1", str(r))
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
    """Return all scores of the predicted map of one field against the true convergence.

    Parameters
    ----------
    truth, prediction : array_like
        True and predicted convergence, ``(ny, nx)`` each.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.
    half_widths : array_like, dict or None
        Half the length of the 68 per cent error bar of the prediction, ``(ny, nx)``. The 95 per
        cent error bar is then 1.96 times as long, as for a Gaussian. A dict with the keys 68 and 95
        gives both half-widths. If None, no coverage is computed.
    above : float
        The predicted convergence above which pixels count as high.

    Returns
    -------
    dict
        - ``n_pixels``: the number of unmasked pixels;
        - ``pearson_r``: the correlation coefficient; ``rmse``: the standard deviation of prediction
          minus truth;
        - ``loss``: the `weighted_loss`; ``loss_h21``: the same with exponent 1, as in Hong et al.
          2021;
        - ``slope``: the slope of the truth as a function of the prediction (``ordinary_slope``);
          ``tls_slope``: the slope of the prediction against the truth by total least squares;
          ``tls_slope_of_r``: the ``tls_slope`` of a calibrated map with this correlation;
        - ``bias``: the mean of prediction minus truth;
        - ``coverage_68``, ``coverage_95``: the fractions of pixels where the truth lies within the
          68 and 95 per cent error bars; NaN without error bars;
        - sums over the high pixels, which `lensmap.validation.summarize_scores` adds up over
          fields: with truth t and prediction p, ``n_above``, ``sum_t_above``, ``sum_p_above``,
          ``sum_tp_above`` and ``sum_pp_above``; and ``covered_above``, the number of high pixels
          where the truth lies within the 68 per cent error bar.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is not an array of numbers, an unmasked pixel is not finite, or
        every pixel is masked; or if a half-width is negative, or a key is not 68 or 95.
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
    """Return a dict of the half-widths of error bars.

    The keys are ``"half_width_68"`` and ``"half_width_95"``. ``half_widths`` is the half-width of
    the 68 per cent error bar, a dict with the keys 68 and 95, or None, which gives an empty dict.
    """
    if half_widths is None:
        return {}
    if not isinstance(half_widths, Mapping):
        half_widths = {68: half_widths, 95: _N_SIGMA_OF_95 * np.asanyarray(half_widths)}
    unknown = [percent for percent in half_widths if percent not in _WIDTHS]
    if unknown:
        raise ParameterError(
            "half_widths", "only the keys 68 and 95 (per cent)", str(unknown), verb="have"
        )
    return {_WIDTHS[percent]: width for percent, width in half_widths.items()}
