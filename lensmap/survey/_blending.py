# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The map of a survey from the maps of its tiles, which are blended where they overlap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lensmap.survey._tile_files import SAMPLE_STEPS, TileFiles
from lensmap.survey._tiles import neighbors
from lensmap.survey.products import Block

__all__ = ["MIN_UNMASKED", "blend", "blocks", "in_footprint"]

#: A pixel is masked if less than this fraction of it is unmasked.
MIN_UNMASKED = 0.5


def blocks(
    files: TileFiles, tiles: Sequence[int], order: int, map_order: int
) -> Iterator[Block]:
    """Yield the maps of the survey, one tile at a time.

    Parameters
    ----------
    files : TileFiles
        The files of the tiles.
    tiles : sequence of int
        The tiles that were mapped, nested indices.
    order, map_order : int
        The orders of the tiles and of the pixels of the map.

    Yields
    ------
    Block
        The pixels of one tile, in the order of the tiles.
    """
    mapped = set(tiles)
    for tile in sorted(tiles):
        sources = sorted(mapped & {tile, *map(int, neighbors(order, tile))})
        layers = blend(files, sources, tile, 4 ** (map_order - order))
        if layers is not None:
            yield Block(order, tile, layers)


def blend(
    files: TileFiles, sources: Sequence[int], tile: int, n_pixels: int
) -> dict[str, np.ndarray] | None:
    r"""Return the maps of the pixels of one tile, blended from those of several tiles.

    Values are means with the weights of the tiles. The variance of the noise of a mean is
    :math:`\sum_{ij} w_i w_j \rho_{ij} \sigma_i \sigma_j`. The correlation :math:`\rho` is that of
    the noise realizations of the tiles, and 1 without realizations, as for total errors.

    Parameters
    ----------
    files : TileFiles
        The files of the tiles.
    sources : sequence of int
        The tiles that may contribute, in the order in which they are summed.
    tile : int
        The tile to which the pixels belong.
    n_pixels : int
        The number of pixels of a tile.

    Returns
    -------
    dict or None
        Arrays ``(n_pixels,)``: float32 maps with NaN in pixels without a value, ``counts`` and
        ``mask``, True in pixels without a value. ``unmasked`` is finite in the footprint, masked
        pixels included. None if no pixel has data.
    """
    parts = [part for one in sources if (part := files.read(one, tile)) is not None]
    parts = [part for part in (_inside(part) for part in parts) if len(part["index"])]
    if not parts:
        return None
    blender = _Blender(parts, n_pixels)
    names = [
        name for name in parts[0]
        if name not in (
            "index", "weight", "counts", "unmasked", "outside", "error", "sampled", "samples"
        )
    ]
    layers = {name: blender.mean(name) for name in names}
    layers["unmasked"] = blender.mean("unmasked", everywhere=True)
    if "error" in parts[0]:
        layers["error"] = blender.error()
    layers["n_tiles"] = blender.n_tiles
    layers["counts"] = blender.counts
    layers["mask"] = ~blender.has_value
    return layers


def in_footprint(part: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return which pixels of the layers of a tile lie in the footprint, bool, ``(n,)``."""
    return (part["outside"] < 0.5) | (part["counts"] > 0)


def _inside(part: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the part of the arrays of a tile that lies in the footprint."""
    keep = in_footprint(part)
    rows = np.cumsum(keep) - 1
    kept = {
        name: values[keep] for name, values in part.items() if name not in ("sampled", "samples")
    }
    if "samples" in part:
        good = keep[part["sampled"]]
        kept["sampled"] = rows[part["sampled"][good]]
        kept["samples"] = part["samples"][good]
    return kept


class _Blender:
    """The weights of the tiles in the pixels of one of them."""

    def __init__(self, parts: list[dict[str, np.ndarray]], n_pixels: int) -> None:
        self._parts, self._n = parts, n_pixels
        self.counts = np.zeros(n_pixels, dtype=np.int32)
        self.n_tiles = np.zeros(n_pixels, dtype=np.float32)
        total = np.zeros(n_pixels)
        for part in parts:
            index = part["index"]
            self.counts[index] += part["counts"]
            self.n_tiles[index] += 1
            total[index] += self._weight(part)
        self.has_value = total > 0
        self._total = total

    @staticmethod
    def _weight(part: dict[str, np.ndarray]) -> np.ndarray:
        """Return the weights of the unmasked pixels of a tile, 0 in masked ones."""
        return np.where(part["unmasked"] >= MIN_UNMASKED, part["weight"], 0).astype(float)

    def mean(self, name: str, everywhere: bool = False) -> np.ndarray:
        """Return the weighted mean of a map, float32, NaN without a value.

        Only tiles whose map has a value in a pixel count there. With ``everywhere``, masked pixels
        count, too.
        """
        result, total = np.zeros(self._n), np.zeros(self._n)
        for part in self._parts:
            weight = part["weight"].astype(float) if everywhere else self._weight(part)
            known = np.isfinite(part[name])
            result[part["index"]] += weight * np.where(known, part[name], 0)
            total[part["index"]] += weight * known
        with np.errstate(invalid="ignore", divide="ignore"):
            result /= total
        result[total <= 0] = np.nan
        return result.astype(np.float32)

    def error(self) -> np.ndarray:
        """Return the error of the blended map, float32, NaN without a value."""
        planes = []
        for part in self._parts:
            plane = np.zeros(self._n)
            plane[part["index"]] = self._weight(part) * part["error"]
            planes.append(plane)
        variance = np.sum(planes, axis=0) ** 2
        for i, one in enumerate(planes):
            for j in range(i):
                overlap = (one > 0) & (planes[j] > 0)
                if overlap.any():
                    lost = 1 - self._correlation(i, j)
                    variance -= 2 * one * planes[j] * lost * overlap
        with np.errstate(invalid="ignore", divide="ignore"):
            result = np.sqrt(variance) / self._total
        result[~self.has_value] = np.nan
        return result.astype(np.float32)

    def _correlation(self, i: int, j: int) -> np.ndarray:
        """Return the correlation of the noise of two tiles in each pixel, ``(n,)``."""
        one, other = self._parts[i], self._parts[j]
        n_cells = max(1, self._n >> (2 * SAMPLE_STEPS))
        cells = np.arange(self._n) * n_cells // self._n
        if "samples" not in one or "samples" not in other:
            return np.ones(self._n)
        pixels = [part["index"][part["sampled"]] for part in (one, other)]
        _, first, second = np.intersect1d(*pixels, return_indices=True)
        if len(first) == 0:
            return np.ones(self._n)
        a, b = one["samples"][first].astype(float), other["samples"][second].astype(float)
        norm = np.sqrt(np.sum(a**2, axis=-1) * np.sum(b**2, axis=-1))
        found = np.divide(np.sum(a * b, axis=-1), norm, out=np.ones_like(norm), where=norm > 0)
        # Cells without a sample have the mean of the overlap.
        by_cell = np.full(n_cells, found.mean())
        by_cell[cells[pixels[0][first]]] = found
        return by_cell[cells]
