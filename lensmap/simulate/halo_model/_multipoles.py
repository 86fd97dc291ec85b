# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The radial functions of halos in Fourier space, and how much of each a halo has.

The multipoles of halos of all sizes, truncations and ellipticities, as functions of the wave
number, are spanned by a few: the first singular vectors of a table of them.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lensmap.halos import truncated_nfw_fourier
from lensmap.utils import chunk_slices

__all__ = ["FOLDS", "MultipoleTable", "multipole_tables"]

# The tables of coefficients: sizes (scale radius times wave number), truncations, ellipticities.
_N_SIZES, _N_TAUS, _N_ELLIPTICITIES = 110, 24, 6
_TAU_RANGE = (1.0, 120.0)
_MAX_ELLIPTICITY = 0.6

# How many radial functions each multipole has, for halos that pixels resolve and for others.
_RANKS = {0: 15, 2: 11, 4: 7}
_RANKS_POINTS = {0: 5}

# What pixels do not resolve is truncated within so many pixels at most, and what they do resolve
# not within so many: the tables hold no more.
_LARGEST_POINT = 8.0
_SMALLEST_RESOLVED = 0.8

# How many zones beyond the first fold back to it, on each side.
FOLDS = 3

# Wave numbers times pixels: from a box of 20 000 pixels to the corner of the last zone.
_LOG_K = np.linspace(
    np.log(2 * np.pi / 20_000), np.log((2 * FOLDS + 1) * np.pi * np.sqrt(2)), 190
)


@lru_cache(maxsize=2)
def multipole_tables(*, points=False):
    """Return the tables of halos by multipole.

    Parameters
    ----------
    points : bool
        Of those that pixels do not resolve, which are round.

    Returns
    -------
    dict
        From the multipole, 0, 2 and 4, or 0 alone, to its `MultipoleTable`.
    """
    ranks = _RANKS_POINTS if points else _RANKS
    nodes = _nodes(points)
    # Which sizes and truncations occur, so that rank is spent on them.
    size = np.exp(nodes.log_scale)[:, None] * np.exp(nodes.log_tau)[None, :]
    possible = size < _LARGEST_POINT if points else size > _SMALLEST_RESOLVED
    return {
        m: MultipoleTable(nodes, profiles, possible, ranks[m])
        for m, profiles in _multipoles(nodes, tuple(ranks)).items()
    }


class _Nodes(NamedTuple):
    """Where the tables have values: scale radii in pixels, truncations in those, ellipticities."""

    log_scale: np.ndarray
    log_tau: np.ndarray
    ellipticity: np.ndarray


def _nodes(points):
    # Resolved halos: from those that are cut at their scale radius.
    low, high = 1e-3, _LARGEST_POINT / _TAU_RANGE[0]
    if not points:
        low, high = _SMALLEST_RESOLVED / _TAU_RANGE[1], 600.0
    return _Nodes(
        np.linspace(np.log(low), np.log(high), _N_SIZES),
        np.linspace(*np.log(_TAU_RANGE), _N_TAUS),
        np.zeros(1) if points else np.linspace(0.0, _MAX_ELLIPTICITY, _N_ELLIPTICITIES),
    )


def _multipoles(nodes, which):
    r"""Return the multipoles of the transforms of elliptical halos.

    The transform at the angle phi from the long axis is the circular one at
    :math:`k \sqrt{\cos^2\phi / q + q \sin^2\phi}`.

    Parameters
    ----------
    nodes : _Nodes
        Of which halos.
    which : tuple of int
        Which multipoles.

    Returns
    -------
    dict
        From the multipole to its values, ``(n_sizes, n_taus, n_ellipticities, n_k)``.
    """
    n_angles = 16  # of a quarter: the trapezoidal rule is exact far beyond the multipoles used
    phi = (np.arange(n_angles) + 0.5) * np.pi / (2 * n_angles)
    fine = np.linspace(np.log(1e-7), np.log(1e6), 4000)
    weights = {m: np.cos(m * phi) * (2 if m else 1) / n_angles for m in which}
    shape = (*map(len, nodes), len(_LOG_K))
    result = {m: np.empty(shape) for m in which}
    for j, tau in enumerate(np.exp(nodes.log_tau)):
        profile = truncated_nfw_fourier(np.exp(fine), tau)
        for n, e in enumerate(nodes.ellipticity):
            q = (1 - e) / (1 + e)
            stretch = np.log(np.cos(phi) ** 2 / q + q * np.sin(phi) ** 2) / 2
            place = nodes.log_scale[:, None, None] + _LOG_K[:, None] + stretch
            values = np.interp(place, fine, profile)
            for m in which:
                result[m][:, j, n] = values @ weights[m]
    return result


class MultipoleTable:
    """The radial functions of one multipole, and the coefficients by a halo's parameters."""

    def __init__(self, nodes, profiles, possible, rank):
        self._nodes = nodes
        flat = profiles[possible].reshape(-1, len(_LOG_K))
        _, _, rows = np.linalg.svd(flat, full_matrices=False)
        self.functions = rows[:rank]
        values = profiles.reshape(-1, len(_LOG_K)) @ self.functions.T
        self._values = values.reshape(*profiles.shape[:3], rank).astype(np.float32)

    def function(self, r, k):
        """Return a radial function at wave numbers (times pixels)."""
        place = np.log(np.maximum(k, np.exp(_LOG_K[0])))
        return np.interp(place, _LOG_K, self.functions[r])

    def coefficients(self, halos):
        """Return the coefficients of halos for each radial function, ``(n_functions, n)``.

        By linear interpolation between the nodes of the table.
        """
        i, fi = _place(np.log(halos.scale), self._nodes.log_scale)
        j, fj = _place(np.log(halos.tau), self._nodes.log_tau)
        n_sizes, n_taus, n_e, rank = self._values.shape
        corners = [
            ((i + di) * n_taus + j + dj, (fi if di else 1 - fi) * (fj if dj else 1 - fj))
            for di in (0, 1)
            for dj in (0, 1)
        ]
        if n_e > 1:
            n, fn = _place(halos.ellipticity, self._nodes.ellipticity)
            corners = [
                (row * n_e + n + dn, share * (fn if dn else 1 - fn))
                for row, share in corners
                for dn in (0, 1)
            ]
        rows = self._values.reshape(-1, rank)
        result = np.empty((rank, len(halos.x)), dtype=np.float32)
        # A few thousand at a time, so that what is added up stays near the processor.
        for part in chunk_slices(len(halos.x), 4096):
            total = 0.0
            for row, share in corners:
                total = total + rows[row[part]] * share[part, np.newaxis].astype(np.float32)
            result[:, part] = total.T
        return result


def _place(values, nodes):
    """Return the node below each value and how far it is from it to the next (evenly spaced)."""
    place = (values - nodes[0]) / (nodes[1] - nodes[0])
    place = np.clip(place, 0.0, len(nodes) - 1.000001)
    below = place.astype(np.intp)
    return below, place - below
