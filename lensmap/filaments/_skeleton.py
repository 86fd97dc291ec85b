# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The ridges between the maxima of an image, simplified by persistence."""

from typing import NamedTuple

import numpy as np

from lensmap.filaments._persistence import persistence_pairs

__all__ = ["Arc", "skeleton_arcs"]

# The eight neighbors of a pixel, (dy, dx), in the order around it.
_RING = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]


class Arc(NamedTuple):
    """A ridge from one maximum over a saddle to another.

    Attributes
    ----------
    pixels : `numpy.ndarray`
        The y and x of the pixels, from the lower maximum to the higher one, int, ``(n, 2)``.
    saddle : int
        The index of the saddle in ``pixels``.
    persistence : float
        The persistence of the saddle: the difference to its paired maximum or minimum.
    """

    pixels: np.ndarray
    saddle: int
    persistence: float


def skeleton_arcs(
    image: np.ndarray, threshold: float, mask: np.ndarray | None = None
) -> tuple[list[Arc], np.ndarray]:
    """Find the ridges of an image whose saddles have a minimum persistence.

    These are the arcs of the Morse complex: the steepest paths from each saddle up to a maximum on
    either side. Pairs of a saddle and a maximum or minimum with a persistence below the threshold
    are canceled. A path to a canceled maximum continues over its saddle to the next one.

    Parameters
    ----------
    image : `numpy.ndarray`
        ``(ny, nx)``.
    threshold : float
        The smallest persistence, in units of the image.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``, True = excluded.

    Returns
    -------
    arcs : list of Arc
        The ridges, the most persistent first.
    maxima : `numpy.ndarray`
        The y and x of the persistent maxima, int, ``(n, 2)``.

    References
    ----------
    Sousbie 2011, MNRAS 414, 350, sec. 2-3 (DisPerSE); Forman 2002, Sem. Loth. Comb. 48, B48c.
    """
    ridges = _Ridges(np.asarray(image, dtype=float), mask, threshold)
    arcs = []
    for saddle, persistence in ridges.persistent_saddles().items():
        paths = sorted(ridges.paths_up(saddle), key=lambda path: ridges.key(path[-1]))
        # Nearly always two; of more, each lower one forms an arc with the highest.
        for path in paths[:-1]:
            arc = path[::-1] + [saddle] + paths[-1]
            arcs.append(Arc(ridges.positions(arc), len(path), persistence))
    arcs.sort(key=lambda arc: -arc.persistence)
    return arcs, ridges.positions(ridges.persistent_maxima())


class _Ridges:
    """The steepest paths of an image, and its persistent critical points."""

    def __init__(self, values, mask, threshold):
        self._shape, self._flat, self._threshold = values.shape, values.ravel(), threshold
        excluded = np.zeros(values.shape, dtype=bool) if mask is None else np.asarray(mask, bool)
        self._unmasked = ~(excluded | ~np.isfinite(values)).ravel()
        self._pairs = persistence_pairs(values, mask)
        self._routes = self._make_routes()

    def positions(self, pixels):
        """Return the y and x of flat indices, ``(n, 2)``."""
        pixels = np.array(pixels, dtype=int)
        return np.stack(np.divmod(pixels, self._shape[1]), axis=-1).reshape(-1, 2)

    def key(self, pixel):
        """Return the sort key of a pixel, as for the pairing: value, then index."""
        return self._flat[pixel], pixel

    def _maxima(self):
        """Yield maxima, their saddles (-1 for none) and their persistence."""
        for maximum, saddle in zip(self._pairs.maxima.tolist(), self._pairs.joins.tolist(),
                                   strict=True):
            persistence = np.inf if saddle < 0 else self._flat[maximum] - self._flat[saddle]
            yield maximum, saddle, float(persistence)

    def persistent_maxima(self):
        """Return the maxima that are not canceled."""
        return [
            maximum for maximum, _, persistence in self._maxima() if persistence >= self._threshold
        ]

    def persistent_saddles(self):
        """Return the persistence of the saddles that are not canceled, by pixel."""
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
        """Return the path from each canceled maximum to a persistent one.

        The saddles of canceled maxima connect the maxima to a forest. Each tree has one persistent
        maximum, because a component of low persistence contains only components of lower
        persistence.
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
        """Return the neighbors in their order around the pixel, None for excluded ones."""
        y, x = divmod(pixel, self._shape[1])
        neighbors = []
        for dy, dx in _RING:
            i, j = y + dy, x + dx
            inside = 0 <= i < self._shape[0] and 0 <= j < self._shape[1]
            neighbor = i * self._shape[1] + j
            neighbors.append(neighbor if inside and self._unmasked[neighbor] else None)
        return neighbors

    def _starts(self, pixel):
        """Return the highest pixel of each side of a saddle.

        A side is a group of adjacent higher neighbors; a lower corner between two of them does not
        separate them.
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
        """Return the steepest path from a pixel to a maximum, both included."""
        path = [pixel]
        while True:
            highest = max((n for n in self._neighbors(path[-1]) if n is not None), key=self.key,
                          default=path[-1])
            if self.key(highest) <= self.key(path[-1]):
                return path
            path.append(highest)

    def paths_up(self, saddle):
        """Return the paths from a saddle to persistent maxima, without the saddle."""
        paths = [self._climb(start) for start in self._starts(saddle)]
        return [path + self._routes[path[-1]] for path in paths if path[-1] in self._routes]
