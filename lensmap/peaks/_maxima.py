# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Local maxima of an image, and the choice of those that are far enough from each other."""

import warnings

import numpy as np
from astropy import units as u
from photutils.detection import find_peaks as local_maxima
from photutils.utils.exceptions import NoDetectionsWarning
from scipy import ndimage
from scipy.spatial import KDTree

from lensmap.maps import ConvergenceMap

__all__ = ["apart", "apart_on_sky", "edge_pixels", "least_separation", "maxima_above"]

# A little more than the distance to diagonal neighbors, sqrt(2).
_MIN_SEPARATION_PIXELS = 1.5


def maxima_above(
    values: np.ndarray, mask: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and the columns, ``(n,)`` each, of the local maxima of an image.

    A local maximum is a pixel above the threshold with none of its eight neighbors higher. Masked
    pixels are ignored.
    """
    bad = mask | ~np.isfinite(values)
    if bad.all():
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    lowest = values[~bad].min()
    # photutils takes pixels outside the image as 0, and lets masked pixels exceed their neighbors.
    # The data are therefore shifted to be positive, and masked pixels are set to 0.
    filled = np.where(bad, 0.0, values - lowest + 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        maxima = local_maxima(filled, threshold - lowest + 1.0, box_size=3, mask=bad)
    if maxima is None:
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    return np.asarray(maxima["y_peak"]), np.asarray(maxima["x_peak"])


def apart(
    kappa: ConvergenceMap,
    y: np.ndarray,
    x: np.ndarray,
    separation: u.Quantity,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Return which peaks to keep so that no two of them are within ``separation``, bool, ``(n,)``.

    A peak is discarded if a higher peak of the same group that is kept lies within ``separation``.
    ``y`` and ``x`` are the rows and the columns of the peaks, ``(n,)``, the highest peak of each
    group first, and ``groups`` the numbers of their groups; with None, all are one group. A
    separation of less than 1.5 pixels counts as 1.5 pixels.
    """
    if len(y) == 0:
        return np.zeros(0, dtype=bool)
    points = kappa.wcs.pixel_to_world(x, y).cartesian.xyz.value.T
    return apart_on_sky(points, least_separation(separation, kappa.pixel_scale), groups)


def least_separation(separation: u.Quantity, pixel_scale: u.Quantity) -> u.Quantity:
    """Return the separation of peaks that holds on pixels: at least 1.5 pixels."""
    return max(separation, _MIN_SEPARATION_PIXELS * pixel_scale)


def apart_on_sky(
    points: np.ndarray, separation: u.Quantity, groups: np.ndarray | None = None
) -> np.ndarray:
    """Return which peaks to keep so that no two of them are within ``separation``, bool, ``(n,)``.

    As `apart`, for unit vectors ``points``, ``(n, 3)``, the highest peak of each group first.
    """
    chord = 2 * np.sin(min(separation.to_value(u.rad), np.pi) / 2)
    if groups is not None:  # in a fourth dimension, they are farther apart than any two points
        points = np.column_stack([points, 3.0 * groups])
    pairs = KDTree(points).query_pairs(chord, output_type="ndarray")
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    starts = np.searchsorted(pairs[:, 0], np.arange(len(points) + 1))
    keep = np.ones(len(points), dtype=bool)
    for i in np.unique(pairs[:, 0]):
        if keep[i]:
            keep[pairs[starts[i] : starts[i + 1], 1]] = False
    return keep


def edge_pixels(mask: np.ndarray) -> np.ndarray:
    """Return whether each pixel is at the map's edge, is masked, or has a masked neighbor."""
    return ndimage.binary_dilation(mask, np.ones((3, 3), dtype=bool), border_value=1)
