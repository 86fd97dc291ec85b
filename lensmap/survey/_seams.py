# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How much the maps of neighboring tiles differ where they overlap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lensmap.survey._tile_files import TileFiles
from lensmap.survey._tiles import neighbors

__all__ = ["Seams", "measure_seams"]

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
        The root mean square of the mean difference of a pair of tiles.
    scatter : float
        The standard deviation of kappa in the cores of tiles, where one tile counts alone.
    scatter_blended : float
        That of the blended maps in the same pixels as the differences.
    """

    n_pairs: int
    n_pixels: int
    rms: float
    step: float
    scatter: float
    scatter_blended: float


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
    means = pairs[pairs[:, 1] >= _MIN_PIXELS]
    means = means[:, 0] / means[:, 1]
    return Seams(
        len(pairs), squares.n, squares.rms,
        float(np.sqrt(np.mean(means**2))) if len(means) else np.nan, core.scatter,
        blended.scatter,
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
