# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Residuals of maps by distance to edges and holes, and their mean over fields."""

from collections.abc import Mapping, Sequence

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.scores import distance_to_mask, mean_and_error, ratio_and_error
from lensmap.validation.measures._base import Measure, table_of_each

__all__ = ["Residuals", "measure_residuals", "pool_residuals", "residual_map"]

# Bin edges in distance; the last bin holds the center of the field.
_DISTANCES = np.array([0, 1, 2, 4, 8, 16, 32, np.inf]) * u.arcmin

# Side of the blocks of pixels in which mean residuals are stored, in pixels.
_BLOCK = 8


class Residuals(Measure):
    """Residuals (map minus truth) by distance to the nearest masked pixel, and their mean map.

    The tables ``residuals`` and ``masked_residuals`` have a row for each bin of distance, from
    ``bin_low`` to ``bin_high``, with the number of pixels ``n``, the ``bias`` (mean residual), the
    ``rms`` residual, and ``relative``, the rms residual divided by the rms of the truth. The first
    table is for the fields of the set-up, the second for the same fields with an additional mask.
    Pixels outside the field count as masked.
    """

    name = "residuals"
    parts = ("fields", "masked")
    keys = {"residuals": ("bin_low", "bin_high"), "masked_residuals": ("bin_low", "bin_high")}

    def measure(self, field):
        distance = distance_to_mask(field.grid.mask, field.pixel_scale)
        return measure_residuals(field.truth, field.estimates, field.mask, distance)

    def pool(self, records):
        return {
            table: table_of_each(
                records.names(),
                lambda name, part=part: pool_residuals(records.each(part, name, "sums")),
            )
            for part, table in (("fields", "residuals"), ("masked", "masked_residuals"))
            if records.has(part)
        }

    def section(self, page, results):
        from lensmap.validation.report._figures_curves import plot_residuals
        from lensmap.validation.report._figures_maps import plot_residual_maps

        page.section("Edges and holes")
        page.figure("edges", plot_residuals(results.tables["residuals"], page.styles),
                    "Bias and error of maps by the distance to the edge of the field; the last "
                    "point is of all larger distances.")
        if "masked_residuals" in results.tables:
            page.figure("masked_edges", plot_residuals(results.tables["masked_residuals"],
                                                       page.styles, "the edge or a hole"),
                        "The same for masked fields, by the distance to the nearest pixel without "
                        "data.")
        if results.n_fields["fields"] > 1:
            records = results.records_of(self.name)
            pairs = {name: residual_map(records.each("fields", name, "blocks"))
                     for name in results.names}
            page.figure("residual_maps", plot_residual_maps(pairs),
                        "The mean over fields of map minus truth in blocks of 8 x 8 pixels, in "
                        "units of its error. Without a bias, one block in twenty is beyond 2.")


def measure_residuals(
    truth: np.ndarray,
    estimates: Mapping[str, np.ndarray],
    mask: np.ndarray,
    distance: u.Quantity,
) -> dict[str, dict[str, np.ndarray]]:
    """Measure the residuals of the maps of one field.

    Parameters
    ----------
    truth : `numpy.ndarray`
        The true convergence, ``(ny, nx)``.
    estimates : dict
        The map of each estimator, ``(ny, nx)``, keyed by the name of the estimator.
    mask : `numpy.ndarray`
        Bool, ``(ny, nx)``, True = excluded.
    distance : `~astropy.units.Quantity`
        The distance from each pixel to the nearest masked pixel, as returned by
        `distance_to_mask`, ``(ny, nx)``.

    Returns
    -------
    dict
        A dict with two arrays for each estimator, keyed by its name. ``sums``, ``(4, n_bins)``, has
        for each bin of distance the number of pixels and the sums over pixels of the squared true
        kappa (after subtracting its mean), of the residual, and of the squared residual.
        ``blocks``, ``(ny // 8, nx // 8)``, has the mean residual of each block of 8 x 8 pixels,
        NaN where all pixels are masked.
    """
    edges = _DISTANCES.to_value(u.arcmin)
    n_bins = len(edges) - 1
    unmasked = ~mask
    bins = np.searchsorted(edges, distance.to_value(u.arcmin)[unmasked], side="right") - 1
    bins = np.clip(bins, 0, n_bins - 1)
    square = (truth[unmasked] - truth[unmasked].mean()) ** 2
    record = {}
    for name, kappa in estimates.items():
        residual = kappa[unmasked] - truth[unmasked]
        sums = [np.bincount(bins, terms, minlength=n_bins)
                for terms in (np.ones(len(bins)), square, residual, residual**2)]
        blocks = _block_means(np.where(unmasked, kappa - truth, 0.0), unmasked)
        record[name] = {"sums": np.array(sums), "blocks": blocks.astype(np.float32)}
    return record


def _block_means(values, unmasked):
    ny, nx = (n // _BLOCK * _BLOCK for n in values.shape)

    def total(plane):
        blocks = plane[:ny, :nx].astype(float).reshape(ny // _BLOCK, _BLOCK, nx // _BLOCK, _BLOCK)
        return blocks.sum(axis=(1, 3))

    with np.errstate(invalid="ignore"):
        return total(values) / np.where(total(unmasked) > 0, total(unmasked), np.nan)


def pool_residuals(sums: Sequence[np.ndarray]) -> QTable:
    """Return the residuals of one estimator in bins of distance to the nearest masked pixel.

    Parameters
    ----------
    sums : sequence of `numpy.ndarray`
        The array ``sums`` returned by `measure_residuals` for each field.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each bin, with ``bin_low``, ``bin_high`` (arcmin), the number of pixels ``n``,
        ``bias``, the mean residual, ``rms``, the root mean square residual, and ``relative``, the
        rms divided by the rms of the truth in the same pixels. Errors in ``..._err`` are jackknife
        errors over fields.
    """
    n, truth, residual, square = np.moveaxis(np.array(sums), 1, 0)
    bias, bias_err = ratio_and_error(residual, n)
    mean_square, error = ratio_and_error(square, n)
    relative, relative_err = ratio_and_error(square, truth)
    with np.errstate(invalid="ignore", divide="ignore"):
        table = QTable({
            "bin_low": _DISTANCES[:-1], "bin_high": _DISTANCES[1:], "n": n.sum(axis=0).astype(int),
            "bias": bias, "bias_err": bias_err,
            "rms": np.sqrt(mean_square), "rms_err": error / (2 * np.sqrt(mean_square)),
            "relative": np.sqrt(relative), "relative_err": relative_err / (2 * np.sqrt(relative)),
        })
    return table[table["n"] > 0]


def residual_map(blocks: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean residual over fields in each block of pixels, and its standard error.

    Parameters
    ----------
    blocks : sequence of `numpy.ndarray`
        The array ``blocks`` returned by `measure_residuals` for each field.

    Returns
    -------
    mean, error : `numpy.ndarray`
        The mean and its standard error, ``(ny // 8, nx // 8)`` each.
    """
    stack = np.array(blocks)
    shape = stack.shape[1:]
    pairs = [mean_and_error(column) for column in stack.reshape(len(stack), -1).T]
    mean, error = np.array(pairs).T
    return mean.reshape(shape), error.reshape(shape)
