# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Where maps are wrong: by distance to edges and holes, and on the field."""

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.scores import mean_and_error, ratio_and_error

__all__ = ["DISTANCES", "measure_residuals", "pool_residuals", "residual_map"]

#: Edges of the bins of distance; the last one holds the middle of the field.
DISTANCES = np.array([0, 1, 2, 4, 8, 16, 32, np.inf]) * u.arcmin

# The pixels on a side of which the mean is kept.
_BLOCK = 8


def measure_residuals(truth, maps, mask, distance):
    """Return what is kept of the residuals of a field.

    Parameters
    ----------
    truth : `numpy.ndarray`
        ``(ny, nx)``.
    maps : list of `numpy.ndarray`
        ``(ny, nx)`` each.
    mask : `numpy.ndarray`
        Bool, ``(ny, nx)``, True = excluded.
    distance : `~astropy.units.Quantity`
        Of each pixel to the nearest that has no data, as of `distance_to_mask`.

    Returns
    -------
    dict
        ``sums``: of 1, the true kappa squared (its mean removed), the residual and its square by
        bin of distance, ``(n_maps, 4, n_bins)``; ``blocks``: mean residuals of blocks of pixels,
        ``(n_maps, ny // 8, nx // 8)``, NaN where all is masked.
    """
    edges = DISTANCES.to_value(u.arcmin)
    open_ = ~mask
    bins = np.searchsorted(edges, distance.to_value(u.arcmin)[open_], side="right") - 1
    n_bins = len(edges) - 1
    bins = np.clip(bins, 0, n_bins - 1)
    square = (truth[open_] - truth[open_].mean()) ** 2
    sums, blocks = [], []
    for values in maps:
        residual = values[open_] - truth[open_]
        sums.append([
            np.bincount(bins, part, minlength=n_bins)
            for part in (np.ones(len(bins)), square, residual, residual**2)
        ])
        blocks.append(_block_means(np.where(open_, values - truth, 0.0), open_))
    return {"sums": np.array(sums), "blocks": np.array(blocks, dtype=np.float32)}


def _block_means(values, open_):
    ny, nx = (n // _BLOCK * _BLOCK for n in values.shape)

    def total(plane):
        blocks = plane[:ny, :nx].astype(float).reshape(ny // _BLOCK, _BLOCK, nx // _BLOCK, _BLOCK)
        return blocks.sum(axis=(1, 3))

    with np.errstate(invalid="ignore"):
        return total(values) / np.where(total(open_) > 0, total(open_), np.nan)


def pool_residuals(records, which):
    """Return the residuals of one of the maps by distance to what has no data, over all fields.

    Parameters
    ----------
    records : list of dict
        What `measure_residuals` gave for each field.
    which : int
        The map, from 0.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each bin: ``bin_low``, ``bin_high`` (arcmin), ``n`` pixels, ``bias``, the mean of
        map less truth, ``rms``, the root of its mean square, and ``relative``, that over the
        standard deviation of the truth there; ``..._err`` by the jackknife over fields.
    """
    n, truth, residual, square = np.moveaxis(np.array([r["sums"][which] for r in records]), 1, 0)
    bias, bias_err = ratio_and_error(residual, n)
    mean_square, error = ratio_and_error(square, n)
    relative, relative_err = ratio_and_error(square, truth)
    with np.errstate(invalid="ignore", divide="ignore"):
        table = QTable({
            "bin_low": DISTANCES[:-1], "bin_high": DISTANCES[1:], "n": n.sum(axis=0).astype(int),
            "bias": bias, "bias_err": bias_err,
            "rms": np.sqrt(mean_square), "rms_err": error / (2 * np.sqrt(mean_square)),
            "relative": np.sqrt(relative), "relative_err": relative_err / (2 * np.sqrt(relative)),
        })
    return table[table["n"] > 0]


def residual_map(records, which):
    """Return the mean residual over fields on the blocks of the map, and its standard error.

    Parameters
    ----------
    records, which : object
        As for `pool_residuals`.

    Returns
    -------
    mean, error : `numpy.ndarray`
        ``(ny // 8, nx // 8)``.
    """
    blocks = np.array([record["blocks"][which] for record in records])
    shape = blocks.shape[1:]
    pairs = [mean_and_error(column) for column in blocks.reshape(len(records), -1).T]
    mean, error = np.array(pairs).T
    return mean.reshape(shape), error.reshape(shape)
