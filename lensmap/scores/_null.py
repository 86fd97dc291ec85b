# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scores of maps of null fields, in which the true convergence is 0."""

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike
from scipy import ndimage

from lensmap.scores._pixels import check_mask, unmasked_values
from lensmap.typing import AngleLike
from lensmap.utils import check_angle

__all__ = ["null_scores"]

# Peak thresholds: in standard deviations of the map, and in kappa, at values that a user of the
# map would take for clusters.
_SIGNAL_TO_NOISE = (3, 4, 5)
_KAPPA = (0.02, 0.05, 0.1)


def null_scores(
    prediction: ArrayLike, mask: ArrayLike | None = None, *, pixel_scale: AngleLike
) -> dict[str, float | u.Quantity]:
    """Return all scores of a map of a null field, in which the true convergence is 0.

    Parameters
    ----------
    prediction : array_like
        The map, ``(ny, nx)``.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.
    pixel_scale : `~astropy.units.Quantity` or str
        The angular side length of a pixel.

    Returns
    -------
    dict
        - ``n_pixels``: the number of unmasked pixels;
        - ``mean``, ``rms`` (after subtracting the mean), ``skewness`` (NaN for a constant map),
          ``kappa_min``, ``kappa_max``;
        - ``kappa_low``, ``kappa_high``: the 0.1 and 99.9 percentiles of the pixel values;
        - ``peaks_3``, ``peaks_4``, ``peaks_5``: the number densities, in 1 / deg2, of positive
          peaks above 3, 4 and 5 times ``rms``. A peak is a pixel with a higher value than its
          eight neighbors;
        - ``peaks_k02``, ``peaks_k05``, ``peaks_k10``: the number densities of peaks above a
          convergence of 0.02, 0.05 and 0.1.

    Raises
    ------
    TypeError, ValueError
        If the map is not an array of numbers, an unmasked pixel is not finite, every pixel is
        masked, or ``pixel_scale`` is not an angle.
    """
    scale = check_angle(pixel_scale, "pixel_scale")
    (values,) = unmasked_values(mask, prediction=prediction)
    mean, rms = float(values.mean()), float(values.std())
    low, high = np.percentile(values, [0.1, 99.9])
    area = values.size * (scale**2).to(u.deg**2)
    heights = _peak_heights(prediction, mask)

    def density(threshold):
        return np.count_nonzero(heights > max(threshold, 0.0)) / area

    return {
        "n_pixels": values.size,
        "mean": mean,
        "rms": rms,
        "skewness": float(np.mean((values - mean) ** 3)) / rms**3 if rms > 0 else np.nan,
        "kappa_min": float(values.min()),
        "kappa_max": float(values.max()),
        "kappa_low": float(low),
        "kappa_high": float(high),
        **{f"peaks_{k}": density(k * rms) for k in _SIGNAL_TO_NOISE},
        **{f"peaks_k{round(100 * kappa):02d}": density(kappa) for kappa in _KAPPA},
    }


def _peak_heights(prediction, mask):
    """Return the values of the pixels of a map that exceed all eight neighbors, ``(n,)``."""
    excluded = check_mask(mask, np.shape(prediction)) | np.ma.getmaskarray(prediction)
    values = np.where(excluded, -np.inf, np.asarray(prediction, dtype=float))
    ring = np.ones((3, 3), dtype=bool)
    ring[1, 1] = False
    around = ndimage.maximum_filter(values, footprint=ring, mode="constant", cval=-np.inf)
    return values[values > around]
