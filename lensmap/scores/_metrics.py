# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers that say how near a predicted map is to the truth."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lensmap.scores._coverage import inside
from lensmap.scores._focal import focal_weights
from lensmap.scores._pixels import open_values
from lensmap.scores._slopes import orthogonal_slope
from lensmap.utils import check_number

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

# The map of Cha et al. 2025, for whose number of pixels the loss is given.
_PAPER_PIXELS = 512 * 512

# 95 per cent of a Gaussian are within so many standard deviations.
_SIGMAS_OF_95 = 1.959964


class _Moments(NamedTuple):
    """First and second moments of pixels."""

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
    """Return the mean square; of a constant it is 0, and not what rounding leaves."""
    variance = float(np.mean(centered**2))
    return 0.0 if variance <= (1e-14 * mean) ** 2 else variance


def pearson_r(truth, prediction, mask=None):
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
        From -1 to 1; NaN if one of the maps is constant, as the truth of a null field is.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is no array of numbers or not finite outside of the mask, or
        every pixel is masked.
    """
    return _r(_moments(*open_values(mask, truth=truth, prediction=prediction)))


def _r(moments):
    square = moments.truth_variance * moments.prediction_variance
    return moments.covariance / np.sqrt(square) if square > 0 else np.nan


def rmse(truth, prediction, mask=None):
    """Return the root mean square error, means removed: the mass sheet is not measured.

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`.

    Returns
    -------
    float
        The standard deviation of their difference over the pixels.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`.
    """
    truth, prediction = open_values(mask, truth=truth, prediction=prediction)
    return float(np.std(prediction - truth))


def weighted_loss(truth, prediction, mask=None, *, exponent=6):
    r"""Return the loss of Cha et al. 2025, in which high convergence has a high weight.

    .. math:: L = \sum_\mathrm{pixels} w^n (\hat\kappa - \kappa)^2 ,
              \qquad w = 1 + |\kappa| / \max \kappa

    It depends on the small-scale power of the simulation: compare it between methods on the same
    maps, not between simulations.

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`. The maximum is that of the truth outside of the mask. Means are not
        removed.
    exponent : float
        n: 6 in eq. 8 of the paper; 1 is the loss of Hong et al. 2021, its eq. 6.

    Returns
    -------
    float
        The sum for 512 x 512 pixels: where another number of pixels is not masked, it is
        scaled to that.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`, or if the truth is nowhere positive without being 0 everywhere, so that
        there is no weight. (Where it is 0 everywhere, the weight is 1.)

    References
    ----------
    Cha et al. 2025, ApJ, eq. 6-8; Hong et al. 2021, ApJ 923, 266.
    """
    check_number(exponent, "exponent", "finite")
    return _loss(*open_values(mask, truth=truth, prediction=prediction), exponent)


def _loss(truth, prediction, exponent):
    largest = truth.max()
    if largest <= 0 and np.any(truth != 0):
        raise ValueError(
            f"the weight of the loss needs a positive truth; its maximum is {largest:.3g}"
        )
    weight = focal_weights(truth, exponent)
    return float(np.mean(weight * (prediction - truth) ** 2)) * _PAPER_PIXELS


def ordinary_slope(truth, prediction, mask=None, *, above=None):
    r"""Return the slope of the regression of the truth on the prediction: 1 if unbiased.

    :math:`\mathrm{cov}(\kappa, \hat\kappa) / \mathrm{var}(\hat\kappa)`. A map that is the mean of
    what the truth may be has :math:`\langle \kappa | \hat\kappa \rangle = \hat\kappa` and a slope
    of 1, however noisy the data are; noise that is left in the map takes the slope below 1. To
    choose pixels by their prediction changes nothing in this (by their truth it would).

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`.
    above : float or None
        Only pixels with a prediction above this count; None takes all.

    Returns
    -------
    float
        NaN if the prediction is constant there, or there are fewer than two such pixels.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`.

    See Also
    --------
    mean_ratio : The test of the level above a threshold.

    Notes
    -----
    With ``above``, this is the fragile one of two statistics: an intercept takes up a wrong level,
    and what is left hangs on the few highest pixels, the cores of a handful of clusters. Whether
    "predicted 0.1 or more" is right on average is a matter of `mean_ratio`.
    """
    truth, prediction = open_values(mask, truth=truth, prediction=prediction)
    high = _above(prediction, above)
    if np.count_nonzero(high) < 2:
        return np.nan
    return _slope(_moments(truth[high], prediction[high]))


def _slope(moments):
    variance = moments.prediction_variance
    return moments.covariance / variance if variance > 0 else np.nan


def mean_ratio(truth, prediction, mask=None, *, above=0.1):
    r"""Return the mean truth over the mean prediction where that is high: 1 if unbiased.

    The robust test of high predictions: a calibrated map has :math:`\langle \kappa \rangle =
    \langle \hat\kappa \rangle` among all pixels that are chosen by their prediction. Of several
    fields take the ratio of sums, as `summarize_scores` does: the mean of the ratios of fields with
    few such pixels is biased.

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
    truth, prediction = open_values(mask, truth=truth, prediction=prediction)
    high = _above(prediction, above)
    total = prediction[high].sum()
    return float(truth[high].sum() / total) if total != 0 else np.nan


def _above(prediction, above):
    if above is None:
        return np.ones(prediction.shape, dtype=bool)
    check_number(above, "above", "finite")
    return prediction > above


def tls_slope(truth, prediction, mask=None):
    r"""Return the slope of the prediction against the truth by orthogonal regression.

    The axis along which the cloud of pixels (truth, prediction) is longest, with the slope

    .. math:: \tan\left(\frac12 \arctan
              \frac{2\,\mathrm{cov}}{\mathrm{var}(\kappa) - \mathrm{var}(\hat\kappa)}\right) :

    total least squares, for errors of the same size in both. This is how the paper's figure is
    read, but it is no test of calibration: for a calibrated map it follows from the correlation
    alone (`tls_slope_of_r`), and multiplying a map by a number moves it at will.

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`.

    Returns
    -------
    float
        NaN if there is no longest axis.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`.

    References
    ----------
    Golub & Van Loan 1980, SIAM Journal on Numerical Analysis 17, 883; Cha et al. 2025, ApJ, fig. 3.
    """
    return _tls(_moments(*open_values(mask, truth=truth, prediction=prediction)))


def _tls(moments):
    return orthogonal_slope(
        moments.truth_variance, moments.prediction_variance, moments.covariance
    )


def tls_slope_of_r(r):
    r"""Return the orthogonal-regression slope of a calibrated map of a given correlation.

    The mean of what the truth may be has :math:`\mathrm{var}(\hat\kappa) = \mathrm{cov}(\kappa,
    \hat\kappa) = r^2 \mathrm{var}(\kappa)`; see `tls_slope` for what follows.

    Parameters
    ----------
    r : float or array_like
        Pearson's correlation coefficient.

    Returns
    -------
    float or `numpy.ndarray`
        From 0 to 1; NaN where ``r`` is NaN or negative, as it is for no calibrated map.

    Raises
    ------
    ValueError
        If ``r`` is beyond -1 or 1.

    Examples
    --------
    >>> from lensmap.scores import tls_slope_of_r
    >>> print(", ".join(f"{tls_slope_of_r(r):.2f}" for r in (0.69, 0.75, 0.8, 1)))
    0.59, 0.68, 0.76, 1.00
    """
    r = np.asarray(r, dtype=float)
    if np.any(np.abs(r) > 1 + 1e-12):
        raise ValueError(f"r must be from -1 to 1, not {r}")
    square = np.clip(r, -1, 1) ** 2
    slope = np.where(r >= 0, np.tan(np.arctan2(2 * square, 1 - square) / 2), np.nan)
    return slope if slope.ndim else float(slope)


def score_map(truth, prediction, mask=None, half_widths=None, *, above=0.1):
    """Return all numbers of one field.

    Parameters
    ----------
    truth, prediction, mask
        As for `pearson_r`.
    half_widths : array_like, dict or None
        The error of the prediction, ``(ny, nx)``, within which the truth is in 68 per cent of
        the cases; 95 per cent are expected within 1.96 of them then, as of a Gaussian. Or a dict
        from 68 and 95 to half-widths of these. None: not known.
    above : float
        The prediction above which pixels count as high.

    Returns
    -------
    dict
        - ``n_pixels``: how many are not masked;
        - ``pearson_r``, ``rmse``, ``loss`` (`weighted_loss`), ``loss_h21`` (with the exponent 1),
          ``slope`` (`ordinary_slope`), ``tls_slope``, ``tls_slope_of_r``;
        - ``bias``: the mean of prediction less truth;
        - ``coverage_68``, ``coverage_95``: the parts of the pixels within the error; NaN where
          it is not known;
        - over pixels with a high prediction (p; truth t), which `summarize_scores` adds up over
          fields: ``n_above``, ``sum_t_above``, ``sum_p_above``, ``sum_tp_above``, ``sum_pp_above``
          and ``covered_above``, the number within the error of 68 per cent.

    Raises
    ------
    TypeError, ValueError
        As for `pearson_r`; or if an error is negative, or of other percentages.
    """
    widths = _widths(half_widths)
    t, p, *errors = open_values(mask, truth=truth, prediction=prediction, **widths)
    errors = dict(zip(widths, errors, strict=True))
    covered = {name: inside(t, p, error) for name, error in errors.items()}
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
    """Return the half-widths by the names that messages have for them."""
    if half_widths is None:
        return {}
    if not isinstance(half_widths, Mapping):
        half_widths = {68: half_widths, 95: _SIGMAS_OF_95 * np.asanyarray(half_widths)}
    unknown = [percent for percent in half_widths if percent not in _WIDTHS]
    if unknown:
        raise ValueError(f"half_widths must be of 68 and 95 per cent, not of {unknown}")
    return {_WIDTHS[percent]: width for percent, width in half_widths.items()}
