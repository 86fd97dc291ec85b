# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One pass over the blocks of a survey map that compares them with the true convergence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from astropy.table import QTable

from lensmap.maps import HealpixMap
from lensmap.sphere import HealpixPixels
from lensmap.survey._truth import MAX_NSIDE, MIN_SHARE
from lensmap.survey.products import Block

__all__ = ["TruthPass", "compare_blocks"]

#: The zones of a survey map: the number of tiles that contribute to a pixel.
ZONES = {"cores": (1, 1), "two tiles": (2, 2), "three or four tiles": (3, 9)}


@dataclass
class TruthPass:
    """Results of one pass over a survey map.

    Attributes
    ----------
    kappa : HealpixMap
        The map, averaged over larger pixels.
    coverage : `~astropy.table.QTable` or None
        The scatter of the map about the truth over its error, by zone; None without errors.
    values, truths, edges : `numpy.ndarray`
        The map and the truth at the given positions, and their distances from the nearest edge in
        degrees, ``(n,)``; NaN off the map.
    """

    kappa: HealpixMap
    coverage: QTable | None
    values: np.ndarray
    truths: np.ndarray
    edges: np.ndarray


def compare_blocks(
    blocks: Iterable[Block],
    nside: int,
    truth: HealpixMap,
    positions: tuple[np.ndarray, np.ndarray],
    min_edge: float,
) -> TruthPass:
    """Compare a survey map with the truth, block by block.

    Parameters
    ----------
    blocks : iterable of Block
        The map.
    nside : int
        The resolution of the map.
    truth : HealpixMap
        The true convergence as the estimator filters it, at most of the resolution of the map.
    positions : tuple of `numpy.ndarray`
        Longitudes and latitudes in degrees, ``(n,)`` each, at which the maps are compared.
    min_edge : float
        Errors are compared at least this far from edges and holes, degrees.

    Returns
    -------
    TruthPass
        The numbers.
    """
    order = HealpixPixels(nside).order
    target = HealpixPixels(min(nside, MAX_NSIDE))
    steps = 2 * (order - target.order)
    nested = HealpixPixels(nside).at(*positions)
    values, truths, edges = (np.full(len(nested), np.nan) for _ in range(3))
    coarse: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    pulls: dict[str, list[np.ndarray]] = {name: [] for name in ZONES}
    has_error = False
    for block in blocks:
        layers, first = block.layers, block.pixel << 2 * (order - block.order)
        index, mean = _means(layers["kappa"], first, steps)
        coarse[0].append(index)
        coarse[1].append(mean)
        here = np.flatnonzero((nested >> 2 * (order - block.order)) == block.pixel)
        place = nested[here] - first
        values[here], edges[here] = layers["kappa"][place], layers["edge"][place]
        truths[here] = _truth_at(truth, nested[here], order)
        if "error" not in layers:
            continue
        has_error = True
        used = np.flatnonzero(
            (layers["error"] > 0) & np.isfinite(layers["kappa"]) & (layers["edge"] >= min_edge)
        )
        expected = _truth_at(truth, first + used, order)
        pull = (layers["kappa"][used] - expected) / layers["error"][used]
        number = layers["n_tiles"][used]
        for name, (low, high) in ZONES.items():
            zone = (number >= low) & (number <= high) & np.isfinite(pull)
            pulls[name].append(pull[zone])
    index = np.concatenate(coarse[0])
    kappa = HealpixMap(np.concatenate(coarse[1]), target.nside, index=index)
    return TruthPass(kappa, _coverage(pulls) if has_error else None, values, truths, edges)


def _means(kappa: np.ndarray, first: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of a block over larger pixels, of those that are unmasked."""
    cells = kappa.reshape(-1, 1 << steps).astype(float)
    good = np.isfinite(cells)
    number = good.sum(axis=1)
    full = np.flatnonzero(number >= MIN_SHARE * cells.shape[1])
    return (first >> steps) + full, np.where(good, cells, 0).sum(axis=1)[full] / number[full]


def _truth_at(truth: HealpixMap, nested: np.ndarray, order: int) -> np.ndarray:
    """Return the truth in the pixels that hold pixels of a higher order; NaN where it is masked."""
    parent = nested >> 2 * (order - truth.pixels.order)
    place = np.searchsorted(truth.index, parent)
    place[place == len(truth.index)] = 0
    known = (truth.index[place] == parent) & ~truth.mask[place]
    return np.where(known, truth.data[place], np.nan)


def _coverage(pulls: dict[str, list[np.ndarray]]) -> QTable:
    """Return the table of the scatter over the error, by zone."""
    rows = []
    for name, parts in pulls.items():
        pull = np.concatenate(parts)
        if len(pull) == 0:
            rows.append((name, 0, np.nan, np.nan, np.nan))
            continue
        one, two = (float(np.mean(np.abs(pull) < sigma)) for sigma in (1, 2))
        rows.append((name, len(pull), float(np.sqrt(np.mean(pull**2))), one, two))
    return QTable(rows=rows, names=("zone", "n", "pull", "within_1", "within_2"))
