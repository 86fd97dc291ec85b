# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How one map follows another, pixel by pixel."""

from typing import NamedTuple

import numpy as np

from lensmap.maps import check_map
from lensmap.scores import orthogonal_slope
from lensmap.statistics._one_point import blocks, jackknife_blocks

__all__ = ["PixelRelation", "pixel_relation"]


class PixelRelation(NamedTuple):
    """How a map follows a reference, with errors from a jackknife over blocks of the sky.

    Attributes
    ----------
    r, r_err : float
        Pearson's correlation coefficient.
    tls_slope, tls_slope_err : float
        Of the map against the reference by total least squares, for errors of the same size in
        both.
    slope, slope_err : float
        Of the reference on the map, by least squares: 1 for a map that is a mean of what may be.
    rms : float
        Root mean square difference, the means removed.
    n_pixels : int
        Pixels that are open in both.
    """

    r: float
    r_err: float
    tls_slope: float
    tls_slope_err: float
    slope: float
    slope_err: float
    rms: float
    n_pixels: int


def pixel_relation(kappa, reference, *, n_blocks=16):
    """Compare a map with another one on the same pixels.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    reference : `~lensmap.ConvergenceMap` or array_like
        What it is compared with, such as the truth; ``(ny, nx)``.
    n_blocks : int
        Into how many blocks of the sky the map is cut for the errors.

    Returns
    -------
    PixelRelation
        Correlation, slopes and their errors.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or no pixel is open in both.

    References
    ----------
    Golub & Van Loan 1980, SIAM Journal on Numerical Analysis 17, 883 (total least squares); Cha et
    al. 2025, fig. 3.
    """
    check_map(kappa)
    other = np.asarray(getattr(reference, "data", reference), dtype=float)
    if other.shape != kappa.shape:
        raise ValueError(
            f"reference must have the shape of the map, {kappa.shape} (ny, nx), not {other.shape}: "
            "reproject one of them"
        )
    closed = kappa.mask | ~np.isfinite(other)
    if getattr(reference, "mask", None) is not None:
        closed = closed | np.asarray(reference.mask)
    block = blocks(kappa.replace(mask=closed), n_blocks)
    x, y = other[~closed], np.asarray(kappa.data, dtype=float)[~closed]
    x, y = x - x.mean(), y - y.mean()
    terms = np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y])
    sums = np.array([terms[:, block == b].sum(axis=1) for b in range(block.max() + 1)])

    def numbers(keep):
        n, *raw = sums[keep].sum(axis=0)
        mx, my, xx, yy, xy = (total / n for total in raw)
        var_x, var_y, cov = xx - mx**2, yy - my**2, xy - mx * my
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.array([
                cov / np.sqrt(var_x * var_y), orthogonal_slope(var_x, var_y, cov), cov / var_y,
                np.sqrt(max(var_x + var_y - 2 * cov, 0.0)),
            ])

    found, error = jackknife_blocks(numbers, len(sums))
    pairs = [float(v) for pair in zip(found[:3], error[:3], strict=True) for v in pair]
    return PixelRelation(*pairs, float(found[3]), len(x))
