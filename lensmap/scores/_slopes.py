# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The slope of a straight line by orthogonal regression (total least squares)."""

import numpy as np

__all__ = ["orthogonal_slope"]


def orthogonal_slope(variance_x: float, variance_y: float, covariance: float) -> float:
    r"""Return the slope of y against x by total least squares, assuming equal errors of x and y.

    .. math:: \tan\left(\frac12 \arctan \frac{2\,\mathrm{cov}}{\mathrm{var}(x) -
              \mathrm{var}(y)}\right)

    Parameters
    ----------
    variance_x, variance_y, covariance : float
        The variances and the covariance of x and y.

    Returns
    -------
    float
        The slope of the major axis of the distribution of (x, y); NaN if it has no major axis.
    """
    along, across = variance_x - variance_y, 2 * covariance
    if across == 0:
        return 0.0 if along > 0 else np.inf if along < 0 else np.nan
    return float(np.tan(np.arctan2(across, along) / 2))
