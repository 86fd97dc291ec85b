# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pixel-by-pixel comparison of a map with a reference."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lensmap.maps import ConvergenceMap, check_map
from lensmap.scores import jackknife_of_sums, orthogonal_slope
from lensmap.statistics._blocks import block_sums, blocks
from lensmap.utils import ParameterError

__all__ = ["PixelRelation", "pixel_relation"]


class PixelRelation(NamedTuple):
    """Correlation and slopes of a map against a reference, with jackknife errors over blocks.

    Attributes
    ----------
    r, r_err : float
        Pearson's correlation coefficient.
    tls_slope, tls_slope_err : float
        The slope of the map against the reference by total least squares, which assumes errors of
        the same size in both.
    slope, slope_err : float
        The least-squares slope of the reference against the map. It is 1 if the map is a posterior
        mean and the reference is the truth.
    rms : float
        The root mean square of the difference of map and reference, after subtraction of their
        means.
    n_pixels : int
        The number of pixels that are unmasked in both map and reference.
    """

    r: float
    r_err: float
    tls_slope: float
    tls_slope_err: float
    slope: float
    slope_err: float
    rms: float
    n_pixels: int


def pixel_relation(
    kappa: ConvergenceMap, reference: ConvergenceMap | ArrayLike, *, n_blocks: int = 16
) -> PixelRelation:
    """Compare a map with a reference on the same pixels.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    reference : `~lensmap.ConvergenceMap` or array_like
        The reference, such as the true convergence, ``(ny, nx)``.
    n_blocks : int
        The approximate number of blocks of the map, of about equal size, for jackknife errors.

    Returns
    -------
    PixelRelation
        The correlation coefficient and the slopes, with errors.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or no pixel is unmasked in both map and reference.

    References
    ----------
    Golub & Van Loan 1980, SIAM Journal on Numerical Analysis 17, 883 (total least squares); Cha et
    al. 2025, fig. 3.
    """
    check_map(kappa)
    other = np.asarray(getattr(reference, "data", reference), dtype=float)
    if other.shape != kappa.shape:
        raise ParameterError(
            "reference",
            f"the shape (ny, nx) = {kappa.shape} of the map",
            str(other.shape),
            "reproject the reference to the pixels of the map",
            verb="have",
        )
    mask = kappa.mask | ~np.isfinite(other)
    if (reference_mask := getattr(reference, "mask", None)) is not None:
        mask = mask | np.asarray(reference_mask)
    block = blocks(kappa.replace(mask=mask), n_blocks)
    x, y = other[~mask], np.asarray(kappa.data, dtype=float)[~mask]
    x, y = x - x.mean(), y - y.mean()
    sums = block_sums(np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y]), block)
    (r, tls_slope, slope, rms), (r_err, tls_slope_err, slope_err, _) = (
        values.tolist() for values in jackknife_of_sums(_relation, sums)
    )
    return PixelRelation(
        r, r_err, tls_slope, tls_slope_err, slope, slope_err, rms, n_pixels=len(x)
    )


def _relation(sums):
    """Return Pearson's r, the two slopes and the rms difference, ``(..., 4)``, of two maps x and y.

    The slopes are those of `PixelRelation`: that of total least squares, and the least-squares
    slope. ``sums``, ``(..., 6)``, are the sums over pixels of 1, x, y, x^2, y^2 and xy.
    """
    n, *moment_sums = np.moveaxis(sums, -1, 0)
    mx, my, xx, yy, xy = (total / n for total in moment_sums)
    var_x, var_y, cov = xx - mx**2, yy - my**2, xy - mx * my
    tls_slope = np.vectorize(orthogonal_slope, otypes=[float])(var_x, var_y, cov)
    rms = np.sqrt(np.maximum(var_x + var_y - 2 * cov, 0.0))
    return np.stack([cov / np.sqrt(var_x * var_y), tls_slope, cov / var_y, rms], axis=-1)
