# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Segmentation of a map into connected regions above a threshold, with deblending."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import QTable
from photutils.segmentation import SourceCatalog, deblend_sources, detect_sources
from photutils.utils.exceptions import NoDetectionsWarning
from scipy.ndimage import maximum

from lensmap.maps import check_map, has_total_error
from lensmap.peaks._finder import detection_image
from lensmap.utils import check_count, check_number, set_formats

if TYPE_CHECKING:
    from lensmap.maps import ConvergenceMap

__all__ = ["Segments", "find_segments"]


class Segments(NamedTuple):
    """The segments of a map.

    Attributes
    ----------
    table : `~astropy.table.QTable`
        One row for each segment, the largest ``kappa_sum`` first, with the columns

        - ``id``: the value of the segment's pixels in ``labels``;
        - ``ra``, ``dec`` (ICRS, degrees), ``x``, ``y`` (0-based pixel coordinates): the centroid,
          weighted by kappa;
        - ``area`` (arcmin2); ``kappa_sum``: the integral of kappa over the segment (arcmin2);
          ``kappa_max`` and ``snr_max``: the highest kappa and signal-to-noise ratio;
          ``snr_max`` is NaN for a map without an uncertainty, and for one whose uncertainty is a
          total error, which has the column ``kappa_over_error_max``;
        - ``semimajor``, ``semiminor``: the standard deviations of kappa along the major and the
          minor axis (arcmin); ``orientation``: the angle of the major axis from the +x axis of the
          pixel grid (degrees).
    labels : `numpy.ndarray`
        The ``id`` of the segment that contains each pixel, int, ``(ny, nx)``; 0 for pixels in no
        segment.
    """

    table: QTable
    labels: np.ndarray


def find_segments(
    kappa: ConvergenceMap,
    threshold: float = 3.0,
    *,
    by: str = "snr",
    n_pixels: int = 5,
    deblend: bool = True,
    contrast: float = 0.01,
) -> Segments:
    """Find connected regions of a map above a threshold, and deblend those with several peaks.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    threshold : float
        The minimum value of the pixels in a segment, in units of ``by``.
    by : {"snr", "kappa", "kappa_over_error"}
        The image in which segments are detected, as for `~lensmap.peaks.find_peaks`.
    n_pixels : int
        The minimum number of pixels in a segment.
    deblend : bool
        Whether to split segments with several peaks, by multiple thresholds and watershed.
    contrast : float
        The minimum fraction of the sum over a segment that a peak must contain to be split off,
        from 0 to 1.

    Returns
    -------
    Segments
        The table of segments, without rows if there are none, and the labels of the pixels.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or ``by`` is ``"snr"`` for a map without an uncertainty.

    References
    ----------
    Bertin & Arnouts 1996, A&AS 117, 393 (deblending by multiple thresholds).
    """
    check_map(kappa, pixels="square")
    check_number(threshold, "threshold", "positive", low=1e-300)
    check_count(n_pixels, "n_pixels", minimum=1)
    check_number(contrast, "contrast", "from 0 to 1", low=0, high=1)
    values = detection_image(kappa, by)
    bad = kappa.mask | ~np.isfinite(values)
    values = np.where(bad, 0.0, values)
    image = None
    if not bad.all():  # photutils refuses an image without data
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoDetectionsWarning)
            image = detect_sources(values, threshold, n_pixels, mask=bad)
    if image is None:
        return Segments(_segment_table(kappa, None), np.zeros(kappa.shape, dtype=int))
    if deblend:
        with warnings.catch_warnings():
            # photutils warns where it replaces exponential levels by linear ones.
            warnings.simplefilter("ignore")
            image = deblend_sources(values, image, n_pixels, contrast=contrast,
                                    progress_bar=False)
    data = np.where(bad, 0.0, kappa.data)
    catalog = SourceCatalog(data, image, mask=bad)
    table = _segment_table(kappa, catalog)
    if kappa.uncertainty is not None:
        snr = np.where(bad, 0.0, kappa.snr)
        name = "kappa_over_error_max" if has_total_error(kappa) else "snr_max"
        table[name] = maximum(snr, image.data, np.asarray(table["id"]))
    order = np.argsort(-table["kappa_sum"].value, kind="stable")
    labels = np.zeros(len(table) + 1, dtype=int)
    labels[np.asarray(table["id"])[order]] = np.arange(1, len(table) + 1)
    table = table[order]
    table["id"] = np.arange(1, len(table) + 1)
    return Segments(table, labels[image.data])


def _segment_table(kappa: ConvergenceMap, catalog: SourceCatalog | None) -> QTable:
    """Return the table of the segments of a map, with the columns described in `Segments`.

    ``catalog`` holds the segments that photutils has measured. The table has the same order. None
    gives a table without rows.
    """
    side = kappa.pixel_scale.to(u.arcmin)
    if catalog is None:
        x = y = total = top = area = snr = np.zeros(0)
        labels = np.zeros(0, dtype=int)
        axes = [x, x, x]
    else:
        labels = np.atleast_1d(catalog.labels)
        x, y = np.atleast_2d(np.asarray(catalog.centroid)).T
        total = np.atleast_1d(catalog.segment_flux)
        top = np.atleast_1d(catalog.max_value)
        area = np.atleast_1d(u.Quantity(catalog.area).value)
        # photutils 3 renames the properties from sigma to axis.
        kind = "axis" if hasattr(SourceCatalog, "semimajor_axis") else "sigma"
        axes = [np.atleast_1d(u.Quantity(getattr(catalog, name)).value)
                for name in (f"semimajor_{kind}", f"semiminor_{kind}", "orientation")]
        snr = np.full(len(labels), np.nan)
    sky = kappa.wcs.pixel_to_world(x, y).icrs
    table = QTable({
        "id": labels, "ra": sky.ra.deg * u.deg, "dec": sky.dec.deg * u.deg, "x": x, "y": y,
        "area": area * side**2, "kappa_sum": total * side**2, "kappa_max": top, "snr_max": snr,
        "semimajor": axes[0] * side, "semiminor": axes[1] * side,
        "orientation": axes[2] * u.deg,
    })
    return set_formats(table, {
        "ra dec": ".5f", "x y area semimajor semiminor snr_max": ".2f", "kappa_sum": ".4g",
        "kappa_max": ".4f", "orientation": ".1f",
    })
