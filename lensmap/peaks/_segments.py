# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`find_segments`: extended peaks, and what of them belongs to which."""

import warnings
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import QTable
from photutils.segmentation import SourceCatalog, deblend_sources, detect_sources
from photutils.utils.exceptions import NoDetectionsWarning
from scipy.ndimage import maximum

from lensmap.maps import check_map
from lensmap.peaks._finder import heights
from lensmap.utils import check_count, check_number, set_formats

__all__ = ["Segments", "find_segments"]


class Segments(NamedTuple):
    """The segments of a map.

    Attributes
    ----------
    table : `~astropy.table.QTable`
        One row for each, the largest sum of kappa first, with the columns

        - ``id``: the number of its pixels in ``labels``; ``ra``, ``dec`` (ICRS, degrees), ``x``,
          ``y``: the centroid, weighted with kappa;
        - ``area`` (arcmin2), ``kappa_sum`` (kappa times solid angle, arcmin2), ``kappa_max``,
          ``snr_max`` (NaN in a map without uncertainty);
        - ``semimajor``, ``semiminor`` (standard deviations along the axes, arcmin) and
          ``orientation`` (of the long one, from the +x axis of the pixels, degrees).
    labels : `numpy.ndarray`
        Int, ``(ny, nx)``: which segment each pixel belongs to; 0 for none.
    """

    table: QTable
    labels: np.ndarray


def find_segments(kappa, threshold=3.0, *, by="snr", n_pixels=5, deblend=True, contrast=0.01):
    """Find connected areas of a map above a threshold, and take apart those of several peaks.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    threshold : float
        What each pixel of a segment exceeds, in units of ``by``.
    by : {"snr", "kappa"}
        Kappa over the map's own uncertainty, or kappa.
    n_pixels : int
        The smallest number of connected pixels.
    deblend : bool
        Whether segments with several peaks are taken apart, by levels and watershed.
    contrast : float
        The smallest part of a segment's sum that makes a peak one of its own, 0 to 1.

    Returns
    -------
    Segments
        A table and the labels of pixels; without rows if there is none.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or S/N is asked of a map without uncertainty.

    References
    ----------
    Bertin & Arnouts 1996, A&AS 117, 393 (deblending by levels).
    """
    check_map(kappa)
    check_number(threshold, "threshold", "positive", low=1e-300)
    check_count(n_pixels, "n_pixels", minimum=1)
    check_number(contrast, "contrast", "from 0 to 1", low=0, high=1)
    values = heights(kappa, by, "segments")
    bad = kappa.mask | ~np.isfinite(values)
    values = np.where(bad, 0.0, values)
    found = None
    if not bad.all():  # which photutils refuses
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoDetectionsWarning)
            found = detect_sources(values, threshold, n_pixels, mask=bad)
    if found is None:
        return Segments(_table(kappa, None), np.zeros(kappa.shape, dtype=int))
    if deblend:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of levels, where a linear scale serves as well
            found = deblend_sources(values, found, n_pixels, contrast=contrast,
                                    progress_bar=False)
    data = np.where(bad, 0.0, kappa.data)
    catalog = SourceCatalog(data, found, mask=bad)
    table = _table(kappa, catalog)
    if kappa.uncertainty is not None:
        snr = np.where(bad, 0.0, kappa.snr)
        table["snr_max"] = maximum(snr, found.data, np.asarray(table["id"]))
    order = np.argsort(-table["kappa_sum"].value, kind="stable")
    labels = np.zeros(len(table) + 1, dtype=int)
    labels[np.asarray(table["id"])[order]] = np.arange(1, len(table) + 1)
    table = table[order]
    table["id"] = np.arange(1, len(table) + 1)
    return Segments(table, labels[found.data])


def _table(kappa, catalog):
    """Return the table of segments, in photutils' order."""
    side = kappa.pixel_scale.to(u.arcmin)
    if catalog is None:
        x = y = numbers = np.zeros(0)
        labels = np.zeros(0, dtype=int)
        shape = [numbers] * 3
        total, top, area, best = numbers, numbers, numbers, numbers
    else:
        labels = np.atleast_1d(catalog.labels)
        x, y = np.atleast_2d(np.asarray(catalog.centroid)).T
        total = np.atleast_1d(catalog.segment_flux)
        top = np.atleast_1d(catalog.max_value)
        area = np.atleast_1d(u.Quantity(catalog.area).value)
        # photutils 3 calls them axes.
        kind = "axis" if hasattr(SourceCatalog, "semimajor_axis") else "sigma"
        shape = [np.atleast_1d(u.Quantity(getattr(catalog, name)).value)
                 for name in (f"semimajor_{kind}", f"semiminor_{kind}", "orientation")]
        best = np.full(len(labels), np.nan)
    sky = kappa.wcs.pixel_to_world(x, y).icrs
    table = QTable({
        "id": labels, "ra": sky.ra.deg * u.deg, "dec": sky.dec.deg * u.deg, "x": x, "y": y,
        "area": area * side**2, "kappa_sum": total * side**2, "kappa_max": top, "snr_max": best,
        "semimajor": shape[0] * side, "semiminor": shape[1] * side,
        "orientation": shape[2] * u.deg,
    })
    return set_formats(table, {
        "ra dec": ".5f", "x y area semimajor semiminor snr_max": ".2f", "kappa_sum": ".4g",
        "kappa_max": ".4f", "orientation": ".1f",
    })
