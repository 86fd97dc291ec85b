# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The ridges that join the maxima of an image, simplified by persistence."""

from typing import NamedTuple

import numpy as np

from lensmap.filaments._persistence import persistence_pairs

__all__ = ["Arc", "skeleton_arcs"]

# The eight neighbors in the order of a walk around the pixel.
_RING = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]


class Arc(NamedTuple):
    """A ridge from one maximum over a saddle to another.

    Attributes
    ----------
    pixels : `numpy.ndarray`
        Int, ``(n, 2)``: y and x, from the lower maximum to the higher one.
    saddle : int
        Which of them is the saddle.
    persistence : float
        Of the saddle: the difference to the maximum or the minimum that it is paired with.
    """

    pixels: np.ndarray
    saddle: int
    persistence: float


def skeleton_arcs(image, threshold, mask=None):
    """Return the ridges of an image whose saddles live longer than a threshold.

    The arcs of the Morse complex: from each saddle up the steepest way to a maximum on either
    side. Pairs of a maximum and a saddle, or of a saddle and a minimum, whose persistence is below
    the threshold are noise and are canceled: a way that ends at such a maximum goes on over its
    saddle.

    Parameters
    ----------
    image : `numpy.ndarray`
        ``(ny, nx)``.
    threshold : float
        The smallest persistence, in units of the image.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``, True = not part of the image.

    Returns
    -------
    arcs : list of Arc
        The ridges, the most persistent first.
    maxima : `numpy.ndarray`
        Int, ``(n, 2)``: y and x of the maxima that are left.

    References
    ----------
    Sousbie 2011, MNRAS 414, 350, sec. 2-3 (DisPerSE); Forman 2002, Sem. Loth. Comb. 48, B48c.
    """
    ridges = _Ridges(np.asarray(image, dtype=float), mask, threshold)
    arcs = []
    for saddle, persistence in ridges.lasting_saddles().items():
        ways = sorted(ridges.ways_up(saddle), key=lambda way: ridges.key(way[-1]))
        # Two nearly always; of more, each lower one with the highest.
        for low in ways[:-1]:
            path = low[::-1] + [saddle] + ways[-1]
            arcs.append(Arc(ridges.positions(path), len(low), persistence))
    arcs.sort(key=lambda arc: -arc.persistence)
    return arcs, ridges.positions(ridges.lasting_maxima())


class _Ridges:
    """The steepest ways of an image, and which of its critical points last."""

    def __init__(self, values, mask, threshold):
        self._shape, self._flat, self._threshold = values.shape, values.ravel(), threshold
        closed = np.zeros(values.shape, dtype=bool) if mask is None else np.asarray(mask, bool)
        self._open = ~(closed | ~np.isfinite(values)).ravel()
        self._pairs = persistence_pairs(values, mask)
        self._routes = self._make_routes()

    def positions(self, pixels):
        """Return flat indices as y and x, ``(n, 2)``."""
        pixels = np.array(pixels, dtype=int)
        return np.stack(np.divmod(pixels, self._shape[1]), axis=-1).reshape(-1, 2)

    def key(self, pixel):
        """Order pixels as the pairing does: by value, then by index."""
        return self._flat[pixel], pixel

    def _maxima(self):
        """Yield maxima, their saddles (-1 for none) and their persistence."""
        for maximum, saddle in zip(self._pairs.maxima.tolist(), self._pairs.joins.tolist(),
                                   strict=True):
            lives = np.inf if saddle < 0 else self._flat[maximum] - self._flat[saddle]
            yield maximum, saddle, float(lives)

    def lasting_maxima(self):
        """Return the maxima that are not canceled."""
        return [maximum for maximum, _, lives in self._maxima() if lives >= self._threshold]

    def lasting_saddles(self):
        """Return the saddles that are not canceled, with their persistence."""
        found = {}
        for _, saddle, lives in self._maxima():
            if saddle >= 0 and lives >= self._threshold:
                found[saddle] = max(lives, found.get(saddle, 0.0))
        for minimum, saddle in zip(self._pairs.minima.tolist(), self._pairs.loops.tolist(),
                                   strict=True):
            lives = float(self._flat[saddle] - self._flat[minimum])
            if lives >= self._threshold:
                found[saddle] = max(lives, found.get(saddle, 0.0))
        return found

    def _make_routes(self):
        """Return, for each canceled maximum, how to go on to one that lasts.

        The saddles of canceled maxima join them to a forest, each tree of which has one maximum
        that lasts: an island that ends early is made of others that ended earlier.
        """
        next_to = {}
        for _, saddle, lives in self._maxima():
            if saddle < 0 or lives >= self._threshold:
                continue
            ways = [self._climb(start) for start in self._starts(saddle)]
            for one in ways:
                for other in ways:
                    if one[-1] != other[-1]:
                        # From the one maximum down to the saddle, up to the other.
                        step = one[-2::-1] + [saddle] + other
                        next_to.setdefault(one[-1], {}).setdefault(other[-1], step)
        routes = {maximum: [] for maximum in self.lasting_maxima()}
        queue = list(routes)
        for here in queue:  # it grows
            for neighbor in next_to.get(here, {}):
                if neighbor not in routes:
                    routes[neighbor] = next_to[neighbor][here] + routes[here]
                    queue.append(neighbor)
        return routes

    def _around(self, pixel):
        """Return the neighbors in the order of a walk, None where there is none."""
        y, x = divmod(pixel, self._shape[1])
        found = []
        for dy, dx in _RING:
            i, j = y + dy, x + dx
            inside = 0 <= i < self._shape[0] and 0 <= j < self._shape[1]
            neighbor = i * self._shape[1] + j
            found.append(neighbor if inside and self._open[neighbor] else None)
        return found

    def _starts(self, pixel):
        """Return the highest pixel of each side of a saddle.

        A side is made of higher neighbors that touch each other, across a lower corner as well.
        """
        around = self._around(pixel)
        higher = [n is not None and self.key(n) > self.key(pixel) for n in around]
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
                sides[-1].append(around[i])
        return [max(side, key=self.key) for side in sides]

    def _climb(self, pixel):
        """Return the steepest way from a pixel to a maximum, both included."""
        way = [pixel]
        while True:
            best = max((n for n in self._around(way[-1]) if n is not None), key=self.key,
                       default=way[-1])
            if self.key(best) <= self.key(way[-1]):
                return way
            way.append(best)

    def ways_up(self, saddle):
        """Return the ways from a saddle to lasting maxima, without the saddle."""
        ways = [self._climb(start) for start in self._starts(saddle)]
        return [way + self._routes[way[-1]] for way in ways if way[-1] in self._routes]
