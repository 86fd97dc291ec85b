# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How much a survey map depends on its tiles: where they overlap, and on other lattices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lensmap.survey._tile_files import TileFiles
from lensmap.survey._tiles import neighbors
from lensmap.survey.products import Block

__all__ = ["LatticeChange", "Seams", "compare_lattices", "measure_seams"]

# Both tiles must have at least this weight: elsewhere one of them counts little.
_MIN_WEIGHT = 0.1

# Pixels must be unmasked to this fraction in both tiles, as in the blended map.
_MIN_UNMASKED = 0.5

# Fewer pixels give no mean step.
_MIN_PIXELS = 50


class Seams(NamedTuple):
    """The differences of the maps of neighboring tiles in the zones where they are blended.

    Attributes
    ----------
    n_pairs : int
        The number of pairs of tiles that overlap.
    n_pixels : int
        The number of pixels in which they are compared.
    rms : float
        The root mean square of the difference of kappa.
    step : float
        The root mean square of the mean difference of a pair of tiles, weighted by the number of
        pixels.
    largest_step : float
        The largest mean difference of a pair.
    scatter : float
        The standard deviation of kappa in the cores of tiles, where one tile counts alone.
    scatter_blended : float
        That of the blended maps in the same pixels as the differences.
    """

    n_pairs: int
    n_pixels: int
    rms: float
    step: float
    largest_step: float
    scatter: float
    scatter_blended: float


class LatticeChange(NamedTuple):
    """The difference of two maps of a survey on other lattices, over the scatter of the first.

    Attributes
    ----------
    n_pixels : int
        The number of pixels that are compared.
    scatter : float
        The standard deviation of kappa of the first map in these pixels.
    rms : float
        The standard deviation of the difference.
    core, blended : float
        Those of pixels with one tile, and with several.
    most : float
        The absolute difference that 99.9 per cent of the pixels do not exceed.
    """

    n_pixels: int
    scatter: float
    rms: float
    core: float
    blended: float
    most: float


def compare_lattices(
    one: Iterable[Block], other: Iterable[Block], min_edge: float
) -> LatticeChange:
    """Compare two maps of the same survey that differ in the lattices of their tiles.

    Parameters
    ----------
    one, other : iterable of Block
        The maps, with the same tiles and resolution.
    min_edge : float
        Pixels are compared at least this far from edges and holes, degrees.

    Returns
    -------
    LatticeChange
        The differences.
    """
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for first, second in zip(one, other, strict=True):
        if first.pixel != second.pixel:
            raise ValueError("the maps have different tiles: compare maps of the same catalog")
        kappa, new = first.layers["kappa"], second.layers["kappa"]
        used = np.isfinite(kappa) & np.isfinite(new) & (first.layers["edge"] >= min_edge)
        parts.append((
            kappa[used].astype(float), new[used].astype(float), first.layers["n_tiles"][used]
        ))
    kappa, new, n_tiles = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    scatter = float(np.std(kappa))
    difference = (kappa - new) / scatter
    return LatticeChange(
        len(kappa), scatter, _std(difference), _std(difference[n_tiles == 1]),
        _std(difference[n_tiles > 1]), float(np.percentile(np.abs(difference), 99.9)),
    )


def _std(values: np.ndarray) -> float:
    return float(np.std(values)) if len(values) else np.nan


def measure_seams(files: TileFiles, tiles: Sequence[int], order: int) -> Seams:
    """Compare the maps of neighboring tiles, from the files of the tiles.

    Parameters
    ----------
    files : TileFiles
        The files.
    tiles : sequence of int
        The tiles that were mapped.
    order : int
        Their order.

    Returns
    -------
    Seams
        The differences; NaN without any overlap.
    """
    mapped = set(tiles)
    steps: dict[tuple[int, int], list[float]] = {}
    squares, core, blended = _Moments(), _Moments(), _Moments()
    for tile in sorted(tiles):
        parts = {}
        for source in sorted(mapped & {tile, *map(int, neighbors(order, tile))}):
            part = files.read(source, tile)
            if part is not None:
                good = (part["unmasked"] >= _MIN_UNMASKED) & (part["outside"] < 0.5)
                parts[source] = {
                    name: part[name][good] for name in ("index", "weight", "kappa")
                }
        if tile in parts:
            own = parts[tile]
            core.add(own["kappa"][own["weight"] == 1])
        for first, second in combinations(sorted(parts), 2):
            one, other = parts[first], parts[second]
            _, i, j = np.intersect1d(one["index"], other["index"], return_indices=True)
            both = (one["weight"][i] >= _MIN_WEIGHT) & (other["weight"][j] >= _MIN_WEIGHT)
            i, j = i[both], j[both]
            difference = (one["kappa"][i] - other["kappa"][j]).astype(float)
            squares.add(difference)
            weights = one["weight"][i], other["weight"][j]
            blended.add(
                (weights[0] * one["kappa"][i] + weights[1] * other["kappa"][j]) / sum(weights)
            )
            known = steps.setdefault((first, second), [0.0, 0.0])
            known[0] += difference.sum()
            known[1] += len(difference)
    pairs = np.array([pair for pair in steps.values() if pair[1] > 0]).reshape(-1, 2)
    step, largest = np.nan, np.nan
    total, number = pairs[pairs[:, 1] >= _MIN_PIXELS].T
    if len(total):
        step = float(np.sqrt(np.average((total / number) ** 2, weights=number)))
        largest = float(np.max(np.abs(total / number)))
    return Seams(
        len(pairs), squares.n, squares.rms, step, largest, core.scatter, blended.scatter
    )


class _Moments:
    """Sums of values and of their squares."""

    def __init__(self) -> None:
        self.n, self._sum, self._square = 0, 0.0, 0.0

    def add(self, values: np.ndarray) -> None:
        """Add values."""
        self.n += len(values)
        self._sum += float(np.sum(values, dtype=float))
        self._square += float(np.sum(np.square(values, dtype=float)))

    @property
    def rms(self) -> float:
        """The root mean square; NaN without values."""
        return float(np.sqrt(self._square / self.n)) if self.n else np.nan

    @property
    def scatter(self) -> float:
        """The standard deviation; NaN without values."""
        if self.n == 0:
            return np.nan
        return float(np.sqrt(max(self._square / self.n - (self._sum / self.n) ** 2, 0.0)))
