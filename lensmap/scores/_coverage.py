# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Whether error bars are as long as they should be, on the whole and where it matters."""

import numpy as np
from astropy import units as u
from astropy.table import QTable
from scipy import ndimage

from lensmap.scores._errors import jackknife, ratio_of_sums
from lensmap.scores._pixels import check_mask, open_values
from lensmap.utils import check_angle, set_formats

__all__ = ["coverage", "coverage_in_bins", "distance_to_mask", "inside", "pool_coverage"]

#: Bins of the predicted convergence; the last one holds clusters.
KAPPA_EDGES = (-np.inf, -0.02, 0.0, 0.02, 0.05, 0.1, np.inf)


def inside(truth, prediction, half_width):
    """Return which values are within an error of the truth.

    Parameters
    ----------
    truth, prediction, half_width : `numpy.ndarray`
        Of one shape.

    Returns
    -------
    `numpy.ndarray`
        Bool.

    Raises
    ------
    ValueError
        If a half-width is negative.
    """
    if half_width.min() < 0:
        raise ValueError(f"half_width must not be negative; its least is {half_width.min():.3g}")
    return np.abs(truth - prediction) <= half_width


def coverage(truth, prediction, half_width, mask=None):
    """Return the part of the pixels in which the truth is within the error of the prediction.

    Parameters
    ----------
    truth, prediction : array_like
        Convergence, ``(ny, nx)`` each.
    half_width : array_like or float
        Half the length of the error bar, ``(ny, nx)`` or one for all.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded; None excludes nothing.

    Returns
    -------
    float
        From 0 to 1; standard deviations of Gaussian errors have 0.683.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is no array of numbers or not finite outside of the mask, every
        pixel is masked, or a half-width is negative.
    """
    values = open_values(
        mask, truth=truth, prediction=prediction, half_width=_plane(half_width, truth)
    )
    return float(inside(*values).mean())


def coverage_in_bins(truth, prediction, half_width, mask=None, *, by=None, bins=None):
    """Return the coverage in bins of another quantity.

    Error bars that are right on average may still be too short for clusters, next to holes, or
    where the data are shallow.

    Parameters
    ----------
    truth, prediction, half_width, mask
        As for `coverage`.
    by : array_like, `~astropy.units.Quantity` or None
        What is binned, ``(ny, nx)``, such as `distance_to_mask` or the number of galaxies; None
        is the prediction. (Bins of the truth would show errors of the right length as too short
        where the truth is extreme.)
    bins : array_like, `~astropy.units.Quantity` or None
        The edges of the bins, rising, with the unit of ``by``. The lower edge belongs to a bin,
        and the last one to the last. None, for the prediction only, has the last bin above 0.1.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each bin: ``bin_low``, ``bin_high``, the number of pixels ``n``, ``coverage``, the
        mean error bar ``half_width``, the mean ``bias`` of prediction less truth and ``rms``, the
        root of its mean square; NaN where the bin is empty.

    Raises
    ------
    TypeError, ValueError
        As for `coverage`; or if the bins are missing, do not rise, or have another unit.
    """
    if by is None:
        by, bins = prediction, KAPPA_EDGES if bins is None else bins
    by, edges, unit = _bins(by, bins, truth)
    mask = check_mask(mask, np.shape(truth))
    truth, prediction, half_width = open_values(
        mask, truth=truth, prediction=prediction, half_width=_plane(half_width, truth)
    )
    by = by[~mask]
    if by.shape != truth.shape or np.isnan(by).any():
        raise ValueError("by must be known in every pixel that is not masked, but has NaN")
    covered, error = inside(truth, prediction, half_width), prediction - truth
    rows = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        there = (by >= low) & ((by < high) | ((by == high) & (high == edges[-1])))
        n = int(np.count_nonzero(there))
        sums = (part[there].sum() for part in (covered, half_width, error, error**2))
        part, width, bias, square = (total / n if n else np.nan for total in sums)
        rows.append((low, high, n, part, width, bias, np.sqrt(square)))
    table = QTable(
        rows=rows, names=("bin_low", "bin_high", "n", "coverage", "half_width", "bias", "rms")
    )
    if unit is not None:
        table["bin_low"], table["bin_high"] = table["bin_low"] * unit, table["bin_high"] * unit
    return _shown(table)


def _shown(table):
    return set_formats(table, {"coverage coverage_err": ".3f"}, others=".4g")


def pool_coverage(tables):
    """Put the coverage of several fields together.

    Parameters
    ----------
    tables : sequence of `~astropy.table.Table`
        What `coverage_in_bins` gave for each field, in the same bins.

    Returns
    -------
    `~astropy.table.QTable`
        The same columns over all pixels, with ``coverage_err`` and ``bias_err`` by the jackknife
        over fields: pixels of one field are not independent. They are NaN for a bin that less than
        two fields fill.

    Raises
    ------
    ValueError
        If there is none, or they have other bins.
    """
    tables = list(tables)
    if not tables:
        raise ValueError("tables must hold at least one table, but is empty")
    pooled = QTable(tables[0], copy=True)
    if not all(
        len(table) == len(pooled)
        and all(np.array_equal(table[name], pooled[name]) for name in ("bin_low", "bin_high"))
        for table in tables
    ):
        raise ValueError("the tables must have the same bins")
    n = np.array([table["n"] for table in tables], dtype=float)
    pooled["n"] = n.sum(axis=0).astype(int)
    for name in ("coverage", "half_width", "bias", "rms"):
        values = np.array([table[name] for table in tables], dtype=float)
        sums = n * np.nan_to_num(values**2 if name == "rms" else values)
        means, errors = zip(
            *(_pooled_mean(sums[:, i], n[:, i]) for i in range(len(pooled))), strict=True
        )
        pooled[name] = np.sqrt(means) if name == "rms" else means
        if name in ("coverage", "bias"):
            pooled.add_column(errors, name=f"{name}_err", index=pooled.index_column(name) + 1)
    return _shown(pooled)


def _pooled_mean(sums, n):
    filled = n > 0  # a field without such pixels says nothing of their scatter
    if not filled.any():
        return np.nan, np.nan
    return jackknife(ratio_of_sums, sums[filled], n[filled])


def distance_to_mask(mask, pixel_scale, edges=True):
    """Return how far each pixel is from what is masked.

    Parameters
    ----------
    mask : array_like
        Bool, ``(ny, nx)``, True = excluded.
    pixel_scale : `~astropy.units.Quantity` or str
        The side of a pixel, an angle.
    edges : bool
        Whether what lies outside of the map counts as masked.

    Returns
    -------
    `~astropy.units.Quantity`
        From the center of each pixel to that of the nearest masked one, in arcmin, ``(ny, nx)``:
        0 in masked pixels, one pixel at the edge; infinite if nothing is masked.

    Raises
    ------
    TypeError
        If the mask is not boolean, or ``pixel_scale`` no angle.
    ValueError
        If the mask is not two-dimensional.
    """
    mask = check_mask(mask, np.shape(mask))
    if mask.ndim != 2:
        raise ValueError(f"mask must be two-dimensional (ny, nx), not of shape {mask.shape}")
    scale = check_angle(pixel_scale, "pixel_scale").to(u.arcmin)
    if not edges:
        if not mask.any():
            return np.full(mask.shape, np.inf) * u.arcmin
        return ndimage.distance_transform_edt(~mask) * scale
    closed = np.pad(mask, 1, constant_values=True)
    return ndimage.distance_transform_edt(~closed)[1:-1, 1:-1] * scale


def _plane(half_width, truth):
    """Return half-widths as a plane; one number is that of all pixels."""
    return np.full(np.shape(truth), half_width) if np.ndim(half_width) == 0 else half_width


def _bins(by, edges, truth):
    """Return what is binned and the edges as plain arrays, and their unit."""
    if edges is None:
        raise ValueError("bins must be given with by")
    unit = by.unit if isinstance(by, u.Quantity) else None
    if (unit is None) == isinstance(edges, u.Quantity):
        raise TypeError("by and bins must both have a unit, or neither")
    if unit is not None:
        if not edges.unit.is_equivalent(unit):
            raise ValueError(f"bins have the unit {edges.unit}, but by has {unit}")
        unit, by, edges = edges.unit, by.to_value(edges.unit), edges.value
    by, edges = np.asarray(by, dtype=float), np.asarray(edges, dtype=float)
    if by.shape != np.shape(truth):
        raise ValueError(f"by has the shape {by.shape}, but truth has {np.shape(truth)} (ny, nx)")
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError("bins must be at least two rising numbers")
    return by, edges, unit
