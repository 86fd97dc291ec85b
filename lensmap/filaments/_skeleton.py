# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The persistent ridges between the maxima of an image."""

from typing import NamedTuple

import numpy as np

from lensmap.filaments._persistence import persistence_pairs

__all__ = ["Arc", "skeleton_arcs"]

# Offsets (dy, dx) to the eight neighbors of a pixel, in order around the pixel.
_RING = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]


class Arc(NamedTuple):
    """A ridge from a maximum over a saddle to another maximum.

    Attributes
    ----------
    pixels : `numpy.ndarray`
        y and x of the pixels along the ridge, from the lower to the higher maximum, int,
        ``(n, 2)``.
    saddle : int
        The index of the saddle in ``pixels``.
    persistence : float
        The persistence of the saddle: the difference in value between the saddle and the maximum or
        minimum paired with it.
    """

    pixels: np.ndarray
    saddle: int
    persistence: float


def skeleton_arcs(
    image: np.ndarray, threshold: float, mask: np.ndarray | None = None
) -> tuple[list[Arc], np.ndarray]:
    """Find the ridges of an image whose saddles have at least a given persistence.

    These ridges are arcs of the Morse complex: the steepest paths from a saddle up to a maximum on
    either side. Pairs of a saddle and a maximum or minimum are canceled if their persistence is
    below the threshold. A path that reaches a canceled maximum continues over the saddle of this
    maximum to the next maximum.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image, ``(ny, nx)``.
    threshold : float
        The minimum persistence, in units of the image.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``, True = excluded.

    Returns
    -------
    arcs : list of Arc
        The ridges, the most persistent first.
    maxima : `numpy.ndarray`
        y and x of the persistent maxima, int, ``(n, 2)``.

    References
    ----------
    Sousbie 2011, MNRAS 414, 350, sec. 2-3 (DisPerSE); Forman 2002, Sem. Loth. Comb. 48, B48c.
    """
    ridges = _Ridges(np.asarray(image, dtype=float), mask, threshold)
    arcs = []
    for saddle, persistence in ridges.persistent_saddles().items():
        paths = sorted(ridges.paths_up(saddle), key=lambda path: ridges.key(path[-1]))
        # A saddle nearly always has two paths up. If there are more, each path to a lower maximum
        # forms an arc with the path to the highest maximum.
        for path in paths[:-1]:
            arc = path[::-1] + [saddle] + paths[-1]
            arcs.append(Arc(ridges.positions(arc), len(path), persistence))
    arcs.sort(key=lambda arc: -arc.persistence)
    return arcs, ridges.positions(ridges.persistent_maxima())


class _Ridges:
    """The persistent critical points of an image, and the steepest paths between them.

    Pixels are flat indices of the image, and paths are lists of them.

    Parameters
    ----------
    values : `numpy.ndarray`
        The image, ``(ny, nx)``.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``, True = excluded.
    threshold : float
        The minimum persistence of a persistent maximum or saddle; those below are canceled.
    """

    def __init__(self, values, mask, threshold):
        self._shape, self._flat, self._threshold = values.shape, values.ravel(), threshold
        excluded = np.zeros(values.shape, dtype=bool) if mask is None else np.asarray(mask, bool)
        self._unmasked = ~(excluded | ~np.isfinite(values)).ravel()
        self._pairs = persistence_pairs(values, mask)
        self._routes = self._make_routes()

    def positions(self, pixels):
        """Convert flat pixel indices to y and x, ``(n, 2)``."""
        pixels = np.array(pixels, dtype=int)
        return np.stack(np.divmod(pixels, self._shape[1]), axis=-1).reshape(-1, 2)

    def key(self, pixel):
        """Return the key by which pixels are ordered: the value, then the index for equal values.

        ``persistence_pairs`` uses the same order.
        """
        return self._flat[pixel], pixel

    def _maxima(self):
        """Yield each maximum, the saddle paired with it (-1 for none) and their persistence."""
        for maximum, saddle in zip(self._pairs.maxima.tolist(), self._pairs.joins.tolist(),
                                   strict=True):
            persistence = np.inf if saddle < 0 else self._flat[maximum] - self._flat[saddle]
            yield maximum, saddle, float(persistence)

    def persistent_maxima(self):
        """Return the maxima with a persistence of at least the threshold."""
        return [
            maximum for maximum, _, persistence in self._maxima() if persistence >= self._threshold
        ]

    def persistent_saddles(self):
        """Return a dict of the persistent saddles: their persistence, keyed by pixel index."""
        saddles = {}
        for _, saddle, persistence in self._maxima():
            if saddle >= 0 and persistence >= self._threshold:
                saddles[saddle] = max(persistence, saddles.get(saddle, 0.0))
        for minimum, saddle in zip(self._pairs.minima.tolist(), self._pairs.loops.tolist(),
                                   strict=True):
            persistence = float(self._flat[saddle] - self._flat[minimum])
            if persistence >= self._threshold:
                saddles[saddle] = max(persistence, saddles.get(saddle, 0.0))
        return saddles

    def _make_routes(self):
        """Return a dict from each maximum to the path that leads from it to a persistent maximum.

        The path excludes the maximum itself, and is empty for a persistent maximum. The saddles of
        canceled maxima link the maxima into trees. Each tree contains exactly one persistent
        maximum, where the paths of its canceled maxima end. (A canceled component cannot contain a
        component of higher persistence.)
        """
        links = {}
        for _, saddle, persistence in self._maxima():
            if saddle < 0 or persistence >= self._threshold:
                continue
            paths = [self._climb(start) for start in self._starts(saddle)]
            for path in paths:
                for other in paths:
                    if path[-1] != other[-1]:
                        # Down from one maximum to the saddle, and up to the other.
                        link = path[-2::-1] + [saddle] + other
                        links.setdefault(path[-1], {}).setdefault(other[-1], link)
        routes = {maximum: [] for maximum in self.persistent_maxima()}
        queue = list(routes)
        for maximum in queue:  # the loop appends to the queue
            for neighbor in links.get(maximum, {}):
                if neighbor not in routes:
                    routes[neighbor] = links[neighbor][maximum] + routes[maximum]
                    queue.append(neighbor)
        return routes

    def _neighbors(self, pixel):
        """Return the eight neighbors in order around a pixel, None for an excluded neighbor."""
        y, x = divmod(pixel, self._shape[1])
        neighbors = []
        for dy, dx in _RING:
            i, j = y + dy, x + dx
            inside = 0 <= i < self._shape[0] and 0 <= j < self._shape[1]
            neighbor = i * self._shape[1] + j
            neighbors.append(neighbor if inside and self._unmasked[neighbor] else None)
        return neighbors

    def _starts(self, pixel):
        """Return the pixels from which the steepest paths up from a saddle start, one on each side.

        A side is a group of adjacent neighbors that are higher than the saddle, and its path starts
        at the highest of them. A lower corner pixel between two higher neighbors does not divide a
        side.
        """
        neighbors = self._neighbors(pixel)
        higher = [n is not None and self.key(n) > self.key(pixel) for n in neighbors]
        linked = [higher[i] or (i % 2 == 0 and higher[i - 1] and higher[(i + 1) % 8])
                  for i in range(8)]
        if all(linked):
            return []
        first, sides = linked.index(False), []
        for k in range(1, 9):
            i = (first + k) % 8
            if not linked[i]:
                continue
            if not linked[i - 1]:
                sides.append([])
            if higher[i]:
                sides[-1].append(neighbors[i])
        return [max(side, key=self.key) for side in sides]

    def _climb(self, pixel):
        """Return the steepest path from a pixel up to a maximum, including both."""
        path = [pixel]
        while True:
            highest = max((n for n in self._neighbors(path[-1]) if n is not None), key=self.key,
                          default=path[-1])
            if self.key(highest) <= self.key(path[-1]):
                return path
            path.append(highest)

    def paths_up(self, saddle):
        """Return the paths from a saddle up to persistent maxima, excluding the saddle."""
        paths = [self._climb(start) for start in self._starts(saddle)]
        return [path + self._routes[path[-1]] for path in paths if path[-1] in self._routes]
