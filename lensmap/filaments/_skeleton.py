# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The significant ridges between the maxima of an image, as in the code DisPerSE.

Each saddle of the image is paired with a maximum or minimum. The difference of the two values is
the persistence of both. Ridges over saddles of low persistence are mostly due to noise.
"""

from typing import Literal, NamedTuple

import numpy as np

from lensmap.filaments._persistence import persistence_pairs

__all__ = ["Arc", "skeleton_arcs"]

# Offsets (dy, dx) to the eight neighbors of a pixel, in order around the pixel.
_RING = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]


class Arc(NamedTuple):
    """A ridge from a maximum over a saddle to another maximum, or from the border to a maximum.

    Attributes
    ----------
    pixels : `numpy.ndarray`
        y and x of the pixels along the ridge, from the lower to the higher maximum, or from the
        border to the maximum, int, ``(n, 2)``.
    saddle : int
        The index of the saddle in ``pixels``. For a ridge from the border it is 0: the first pixel
        is a maximum of the values along the border.
    persistence : float
        The persistence of the saddle: the difference in value between the saddle and the maximum or
        minimum paired with it. For a ridge from the border, the minimum is one of the values along
        the border.
    """

    pixels: np.ndarray
    saddle: int
    persistence: float


def skeleton_arcs(
    image: np.ndarray,
    threshold: float,
    mask: np.ndarray | None = None,
    *,
    border: Literal["closed", "open"] = "closed",
    connectivity: Literal["pixels", "triangles"] = "pixels",
) -> tuple[list[Arc], np.ndarray]:
    """Find the ridges of an image whose saddles have at least a given persistence.

    Each saddle is paired with a maximum or minimum, and the difference of the two values is the
    persistence of both. The ridges are arcs of the Morse complex: the steepest paths from a saddle
    up to a maximum on either side. Pairs of a saddle and a maximum or minimum are canceled if their
    persistence is below the threshold. A path that reaches a canceled maximum continues over the
    saddle of this maximum to the next maximum.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image, ``(ny, nx)``.
    threshold : float
        The minimum persistence, in units of the image.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``, True = excluded.
    border : {"closed", "open"}
        With ``"open"``, also find the ridges that lead from maxima along the border into the image.
    connectivity : {"pixels", "triangles"}
        Which pixels are neighbors, see `persistence_pairs`.

    Returns
    -------
    arcs : list of Arc
        The ridges, the most persistent first.
    maxima : `numpy.ndarray`
        y and x of the maxima with at least this persistence, int, ``(n, 2)``.

    References
    ----------
    Sousbie 2011, MNRAS 414, 350, sec. 2-3 (DisPerSE); Forman 2002, Sem. Loth. Comb. 48, B48c.
    """
    ridges = _Ridges(np.asarray(image, dtype=float), mask, threshold, border, connectivity)
    arcs = []
    for saddle, persistence in ridges.persistent_saddles().items():
        paths = sorted(ridges.paths_up(saddle), key=lambda path: ridges.key(path[-1]))
        # A saddle nearly always has two paths up. If there are more, each path to a lower maximum
        # forms an arc with the path to the highest maximum.
        for path in paths[:-1]:
            arc = path[::-1] + [saddle] + paths[-1]
            arcs.append(Arc(ridges.positions(arc), len(path), persistence))
    for start, persistence in ridges.persistent_border_maxima().items():
        # There is no ridge if the maximum along the border is a persistent maximum of the image.
        for path in ridges.paths_up(start, from_border=True):
            arcs.append(Arc(ridges.positions([start, *path]), 0, persistence))
    arcs.sort(key=lambda arc: -arc.persistence)
    return arcs, ridges.positions(ridges.persistent_maxima())


class _Ridges:
    """The significant maxima and saddles of an image, and the steepest paths between them.

    Each saddle is paired with a maximum or minimum, and the difference of the two values is the
    persistence of both. Maxima and saddles are called persistent if their persistence is at least
    the threshold; all others are canceled. Pixels are given by their index in the flattened image,
    and paths are lists of these indices.

    Parameters
    ----------
    values : `numpy.ndarray`
        The image, ``(ny, nx)``.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``, True = excluded.
    threshold : float
        The minimum persistence, in units of the image.
    border, connectivity : str
        As for `skeleton_arcs`.
    """

    def __init__(self, values, mask, threshold, border, connectivity):
        self._shape, self._flat, self._threshold = values.shape, values.ravel(), threshold
        excluded = np.zeros(values.shape, dtype=bool) if mask is None else np.asarray(mask, bool)
        self._unmasked = ~(excluded | ~np.isfinite(values)).ravel()
        self._pairs = persistence_pairs(values, mask, border=border, connectivity=connectivity)
        self._connectivity = connectivity
        self._routes = self._make_routes()

    def positions(self, pixels):
        """Convert pixel indices in the flattened image to y and x, int, ``(n, 2)``."""
        pixels = np.array(pixels, dtype=int)
        return np.stack(np.divmod(pixels, self._shape[1]), axis=-1).reshape(-1, 2)

    def key(self, pixel):
        """Return the value and the index of a pixel, by which pixels are ordered in height.

        Pixels of equal value are ordered by their index, as in ``persistence_pairs``.
        """
        return self._flat[pixel], pixel

    def _maxima(self):
        """Yield each maximum, the saddle paired with it (-1 for none) and their persistence.

        The persistence is the difference in value of the maximum and the saddle. It is infinite for
        a maximum without a saddle.
        """
        for maximum, saddle in zip(self._pairs.maxima.tolist(), self._pairs.joins.tolist(),
                                   strict=True):
            persistence = np.inf if saddle < 0 else self._flat[maximum] - self._flat[saddle]
            yield maximum, saddle, float(persistence)

    def persistent_maxima(self):
        """Return the pixel indices of the maxima whose persistence is at least the threshold."""
        return [
            maximum for maximum, _, persistence in self._maxima() if persistence >= self._threshold
        ]

    def persistent_saddles(self):
        """Return the persistence of each persistent saddle, as a dict keyed by pixel index.

        The persistence of a saddle is the difference in value between the saddle and the maximum or
        minimum paired with it. The persistence of a persistent saddle is at least the threshold.
        """
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

    def persistent_border_maxima(self):
        """Return the persistence of each persistent maximum along an open border, a dict by pixel.

        The persistence is the difference in value of this maximum and the minimum along the border
        that is paired with it.
        """
        starts = {}
        for minimum, maximum in zip(self._pairs.border_minima.tolist(),
                                    self._pairs.border_maxima.tolist(), strict=True):
            persistence = float(self._flat[maximum] - self._flat[minimum])
            if persistence >= self._threshold:
                starts[maximum] = max(persistence, starts.get(maximum, 0.0))
        return starts

    def _make_routes(self):
        """Return a dict from each maximum to the path that leads from it to a persistent maximum.

        Persistent maxima exceed the saddle paired with them by at least the threshold; all other
        maxima are canceled. The path excludes the maximum itself, and is empty for a persistent
        maximum. The saddles of canceled maxima link the maxima into trees. Each tree contains
        exactly one persistent maximum, where the paths of its canceled maxima end. (A canceled
        component cannot contain a component of higher persistence.)
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
        """Return the indices of the neighbors around a pixel in order, None for a masked neighbor.

        A pixel has eight neighbors, or four if its corners do not connect it with others.
        """
        y, x = divmod(pixel, self._shape[1])
        neighbors = []
        has_corners = self._connectivity == "pixels" or (x + y) % 2 == 0
        for dy, dx in _RING if has_corners else _RING[1::2]:
            i, j = y + dy, x + dx
            inside = 0 <= i < self._shape[0] and 0 <= j < self._shape[1]
            neighbor = i * self._shape[1] + j
            neighbors.append(neighbor if inside and self._unmasked[neighbor] else None)
        return neighbors

    def _starts(self, pixel):
        """Return the pixels from which the steepest paths up from a saddle start, one on each side.

        A side is a group of adjacent neighbors that are higher than the saddle, and its path starts
        at the highest of them. If pixels are connected by their corners, a lower corner pixel
        between two higher neighbors does not divide a side.
        """
        neighbors = self._neighbors(pixel)
        n = len(neighbors)
        higher = [other is not None and self.key(other) > self.key(pixel) for other in neighbors]
        linked = higher.copy()
        if self._connectivity == "pixels":
            for i in range(0, n, 2):
                linked[i] = higher[i] or (higher[i - 1] and higher[(i + 1) % n])
        if all(linked):
            return []
        first, sides = linked.index(False), []
        for k in range(1, n + 1):
            i = (first + k) % n
            if not linked[i]:
                continue
            if not linked[i - 1]:
                sides.append([])
            if higher[i]:
                sides[-1].append(neighbors[i])
        return [max(side, key=self.key) for side in sides]

    def _climb(self, pixel):
        """Return the steepest path from a pixel up to a maximum of the image.

        The path is a list of pixel indices, and includes the pixel and the maximum.
        """
        path = [pixel]
        while True:
            highest = max((n for n in self._neighbors(path[-1]) if n is not None), key=self.key,
                          default=path[-1])
            if self.key(highest) <= self.key(path[-1]):
                return path
            path.append(highest)

    def paths_up(self, saddle, from_border=False):
        """Return the paths from a saddle up to persistent maxima, as lists of pixel indices.

        Persistent maxima exceed the saddle paired with them by at least the threshold. The paths
        exclude the saddle. From a maximum along the border there is one path, the steepest; none if
        the maximum along the border is a persistent maximum itself.
        """
        if from_border:
            path = self._climb(saddle)
            paths = [path[1:] + self._routes[path[-1]]] if path[-1] in self._routes else []
            return [path for path in paths if path]
        paths = [self._climb(start) for start in self._starts(saddle)]
        return [path + self._routes[path[-1]] for path in paths if path[-1] in self._routes]
