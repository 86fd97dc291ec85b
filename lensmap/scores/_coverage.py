# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Coverage of error bars, over all pixels or in bins of another quantity."""

from collections.abc import Iterable

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table
from numpy.typing import ArrayLike
from scipy import ndimage

from lensmap.scores._errors import jackknife, ratio_of_sums
from lensmap.scores._pixels import check_mask, unmasked_values
from lensmap.typing import AngleLike
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    check_angle,
    check_rising,
    set_formats,
)

__all__ = ["coverage", "coverage_in_bins", "distance_to_mask", "inside", "pool_coverage"]

#: Bin edges in predicted convergence. The last bin holds pixels of clusters.
KAPPA_EDGES = (-np.inf, -0.02, 0.0, 0.02, 0.05, 0.1, np.inf)


def inside(truth: np.ndarray, prediction: np.ndarray, half_width: np.ndarray) -> np.ndarray:
    """Return for each pixel whether the truth lies within the error bar of the prediction.

    Parameters
    ----------
    truth, prediction, half_width : `numpy.ndarray`
        True and predicted convergence and half the length of the error bar, all with the same
        shape.

    Returns
    -------
    `numpy.ndarray`
        Bool, with the same shape as ``truth``.

    Raises
    ------
    ValueError
        If a half-width is negative.
    """
    if half_width.min() < 0:
        raise ParameterError(
            "half_width", "non-negative in every unmasked pixel",
            f"as low as {half_width.min():.3g}",
        )
    return np.abs(truth - prediction) <= half_width


def coverage(
    truth: ArrayLike,
    prediction: ArrayLike,
    half_width: ArrayLike,
    mask: ArrayLike | None = None,
) -> float:
    """Return the fraction of pixels where the truth lies within the error bar of the prediction.

    Parameters
    ----------
    truth, prediction : array_like
        True and predicted convergence, ``(ny, nx)`` each.
    half_width : array_like or float
        Half the length of the error bar, ``(ny, nx)``, or one number for all pixels.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.

    Returns
    -------
    float
        The fraction, from 0 to 1. It is 0.683 for correct one-sigma errors of Gaussian noise.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a map is not an array of numbers, an unmasked pixel is not finite, every
        pixel is masked, or a half-width is negative.
    """
    values = unmasked_values(
        mask, truth=truth, prediction=prediction, half_width=_plane(half_width, truth)
    )
    return float(inside(*values).mean())


def coverage_in_bins(
    truth: ArrayLike,
    prediction: ArrayLike,
    half_width: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    by: ArrayLike | u.Quantity | None = None,
    bins: ArrayLike | u.Quantity | None = None,
) -> QTable:
    """Return the coverage of error bars, the fraction that contains the truth, in bins.

    Error bars that are correct on average may still be too short in clusters, next to masked
    holes, or in shallow parts of a survey.

    Parameters
    ----------
    truth, prediction : array_like
        True and predicted convergence, ``(ny, nx)`` each.
    half_width : array_like or float
        Half the length of the error bar, ``(ny, nx)``, or one number for all pixels.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.
    by : array_like, `~astropy.units.Quantity` or None
        The quantity to bin by, ``(ny, nx)``, such as `distance_to_mask` or the galaxy counts per
        pixel. If None, the prediction. (Do not bin by the truth: correct error bars would appear
        too short where the truth is extreme.)
    bins : array_like, `~astropy.units.Quantity` or None
        The bin edges in increasing order, with the same unit as ``by``. A bin includes its lower
        edge; the last bin also includes its upper edge. If None, which is allowed only with
        ``by=None``, the edges are -0.02, 0, 0.02, 0.05 and 0.1, and the outer bins are open.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each bin, with the edges ``bin_low`` and ``bin_high``, the number of pixels
        ``n``, the ``coverage``, the mean ``half_width``, the ``bias`` (mean of prediction minus
        truth), and the ``rms`` (root mean square of prediction minus truth). In an empty bin, all
        statistics but ``n`` are NaN.

    Raises
    ------
    TypeError, ValueError
        As for `coverage`; or if ``bins`` is missing, is not in increasing order, or has a unit
        that does not match that of ``by``.
    """
    if by is None:
        by, bins = prediction, KAPPA_EDGES if bins is None else bins
    quantity, edges, unit = _bins(by, bins, truth)
    excluded = check_mask(mask, np.shape(truth))
    t, p, width = unmasked_values(
        excluded, truth=truth, prediction=prediction, half_width=_plane(half_width, truth)
    )
    quantity = quantity[~excluded]
    if quantity.shape != t.shape:
        raise ParameterError(
            "mask", "True wherever one of the maps is masked",
            remedy="if {by} is given, combine the masks of all masked arrays in {mask}",
        )
    if np.isnan(quantity).any():
        raise ParameterError(
            "by", "a number in every unmasked pixel",
            f"NaN in {np.count_nonzero(np.isnan(quantity))} of {quantity.size}",
            "mask these pixels",
        )
    covered, error = inside(t, p, width), p - t
    rows = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        in_last = (quantity == high) & (high == edges[-1])
        in_bin = (quantity >= low) & ((quantity < high) | in_last)
        n = int(np.count_nonzero(in_bin))
        sums = (values[in_bin].sum() for values in (covered, width, error, error**2))
        fraction, mean_width, bias, square = (total / n if n else np.nan for total in sums)
        rows.append((low, high, n, fraction, mean_width, bias, np.sqrt(square)))
    table = QTable(
        rows=rows, names=("bin_low", "bin_high", "n", "coverage", "half_width", "bias", "rms")
    )
    if unit is not None:
        table["bin_low"], table["bin_high"] = table["bin_low"] * unit, table["bin_high"] * unit
    return _with_formats(table)


def _with_formats(table):
    return set_formats(table, {"coverage coverage_err": ".3f"}, others=".4g")


def pool_coverage(tables: Iterable[Table]) -> QTable:
    """Combine the coverage of error bars in bins, measured in several fields.

    Parameters
    ----------
    tables : iterable of `~astropy.table.Table`
        The table returned by `coverage_in_bins` for each field, all with the same bins.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin, with the columns of `coverage_in_bins` for the pixels of all fields
        together, and the errors ``coverage_err`` and ``bias_err``. These are jackknife errors over
        fields, since the pixels of one field are not independent. They are NaN for a bin that has
        pixels in fewer than two fields.

    Raises
    ------
    ValueError
        If ``tables`` is empty, or the bins differ.
    """
    tables = list(tables)
    if not tables:
        raise ParameterError("tables", "at least one table", "an empty sequence", verb="hold")
    pooled = QTable(tables[0], copy=True)
    if not all(
        len(table) == len(pooled)
        and all(np.array_equal(table[name], pooled[name]) for name in ("bin_low", "bin_high"))
        for table in tables
    ):
        raise ParameterError(
            "tables", "the same bins", remedy="give the same {bins} to coverage_in_bins for all "
            "fields",
            verb="all have",
        )
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
    return _with_formats(pooled)


def _pooled_mean(sums, n):
    filled = n > 0  # a field with no pixels in the bin carries no information on the scatter
    if not filled.any():
        return np.nan, np.nan
    return jackknife(ratio_of_sums, sums[filled], n[filled])


def distance_to_mask(mask: ArrayLike, pixel_scale: AngleLike, edges: bool = True) -> u.Quantity:
    """Return the distance from each pixel to the nearest masked pixel.

    Parameters
    ----------
    mask : array_like
        Bool, ``(ny, nx)``, True = excluded.
    pixel_scale : `~astropy.units.Quantity` or str
        The angular side length of a pixel.
    edges : bool
        Whether the sky outside the map counts as masked.

    Returns
    -------
    `~astropy.units.Quantity`
        The distance between pixel centers in arcmin, ``(ny, nx)``. It is 0 in masked pixels. With
        ``edges``, it is one pixel along the edge of the map. Without ``edges``, it is infinite if
        no pixel is masked.

    Raises
    ------
    TypeError
        If the mask is not boolean, or ``pixel_scale`` is not an angle.
    ValueError
        If the mask is not two-dimensional.
    """
    mask = check_mask(mask, np.shape(mask))
    if mask.ndim != 2:
        raise ValueError(f"mask must be two-dimensional (ny, nx), not of the shape {mask.shape}")
    scale = check_angle(pixel_scale, "pixel_scale").to(u.arcmin)
    if not edges:
        if not mask.any():
            return np.full(mask.shape, np.inf) * u.arcmin
        return ndimage.distance_transform_edt(~mask) * scale
    framed = np.pad(mask, 1, constant_values=True)
    return ndimage.distance_transform_edt(~framed)[1:-1, 1:-1] * scale


def _plane(half_width, truth):
    """Return the half-widths as an array ``(ny, nx)``, repeating a scalar in every pixel."""
    return np.full(np.shape(truth), half_width) if np.ndim(half_width) == 0 else half_width


def _bins(by, edges, truth):
    """Check the quantity to bin by and the bin edges; return two arrays of floats, and the unit.

    Both arrays are in the unit of ``edges``; the unit is None if ``by`` and ``edges`` have none.
    ``truth``, ``(ny, nx)``, gives the shape that ``by`` must have.
    """
    if edges is None:
        raise ParameterError("bins", "given if {by} is given", "None")
    unit = by.unit if isinstance(by, u.Quantity) else None
    if (unit is None) == isinstance(edges, u.Quantity):
        raise ParameterTypeError(
            "bins", "a Quantity if {by} is one" if unit is not None else
            "numbers without a unit if {by} has no unit",
            f"a Quantity in {edges.unit}" if unit is None else "numbers without a unit",
        )
    if unit is not None:
        if not edges.unit.is_equivalent(unit):
            raise ParameterError(
                "bins", f"in a unit that can be converted to that of {{by}}, {unit}",
                str(edges.unit),
            )
        unit, by, edges = edges.unit, by.to_value(edges.unit), edges.value
    by, edges = np.asarray(by, dtype=float), np.asarray(edges, dtype=float)
    if by.shape != np.shape(truth):
        raise ParameterError(
            "by", f"the shape of {{truth}}, {np.shape(truth)} (ny, nx)", str(by.shape), verb="have"
        )
    check_rising(edges, "bins", "at least two edges in strictly increasing order")
    return by, edges, unit
