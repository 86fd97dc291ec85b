# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Multipoles of elliptical halos in Fourier space, as combinations of a few radial functions.

Each multipole of a halo is a function of the wave number. For halos of all sizes, truncations and
ellipticities, it is closely approximated by a linear combination of a few radial functions. These
are the first singular vectors of a table of multipoles.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lensmap.halos import truncated_nfw_fourier
from lensmap.utils import chunk_slices

if TYPE_CHECKING:
    from lensmap.simulate.halo_model._painting import Halos

__all__ = ["MAX_ELLIPTICITY", "N_ALIAS_ZONES", "MultipoleTable", "multipole_tables"]

# The number of nodes of the tables in scale radius, truncation radius and ellipticity, and the
# range of the truncation radius in scale radii.
_N_SCALES, _N_TAUS, _N_ELLIPTICITIES = 110, 24, 6
_TAU_RANGE = (1.0, 120.0)

#: The largest ellipticity (a - b) / (a + b) in the tables.
MAX_ELLIPTICITY = 0.6

# The number of radial functions, keyed by the order of the multipole.
_RANKS = {0: 15, 2: 11, 4: 7}
_UNRESOLVED_RANKS = {0: 5}

# The limits of the truncation radius, in pixels, in the tables of unresolved and resolved halos.
_MAX_UNRESOLVED_RADIUS = 8.0
_MIN_RESOLVED_RADIUS = 0.8

#: The number of aliased zones, each as wide as the sampling frequency, on each side of the first.
N_ALIAS_ZONES = 3

# ln of the wave number in radians per pixel, from the fundamental mode of a box of 20 000 pixels to
# the corner of the last aliased zone.
_LOG_K = np.linspace(
    np.log(2 * np.pi / 20_000), np.log((2 * N_ALIAS_ZONES + 1) * np.pi * np.sqrt(2)), 190
)

# The number of halos whose coefficients are computed at a time, so that the intermediate arrays fit
# into the processor's cache.
_HALOS_PER_CHUNK = 4096


@lru_cache(maxsize=2)
def multipole_tables(*, resolved: bool = True) -> dict[int, MultipoleTable]:
    """Return tables of the multipoles of elliptical halos in Fourier space.

    The tables are computed at the first call.

    Parameters
    ----------
    resolved : bool
        Whether the tables are for resolved halos, which span several pixels. Unresolved halos are
        round, so they have the monopole only.

    Returns
    -------
    dict
        The `MultipoleTable` of each multipole, keyed by the order of the multipole: 0, 2 and 4
        for resolved halos, 0 for unresolved halos.
    """
    ranks = _RANKS if resolved else _UNRESOLVED_RANKS
    nodes = _table_nodes(resolved)
    # Only truncation radii that can occur enter the singular vectors.
    radius = np.exp(nodes.log_scale)[:, None] * np.exp(nodes.log_tau)[None, :]
    occurring = radius > _MIN_RESOLVED_RADIUS if resolved else radius < _MAX_UNRESOLVED_RADIUS
    return {
        m: MultipoleTable(nodes, profiles, occurring, ranks[m])
        for m, profiles in _multipoles(nodes, tuple(ranks)).items()
    }


class _Nodes(NamedTuple):
    """The halo parameters at which multipoles are tabulated, each in increasing order.

    Attributes
    ----------
    log_scale : `numpy.ndarray`
        ln of the scale radius in pixels.
    log_tau : `numpy.ndarray`
        ln of the truncation radius in scale radii.
    ellipticity : `numpy.ndarray`
        The ellipticity (a - b) / (a + b).
    """

    log_scale: np.ndarray
    log_tau: np.ndarray
    ellipticity: np.ndarray


def _table_nodes(resolved):
    low, high = 1e-3, _MAX_UNRESOLVED_RADIUS / _TAU_RANGE[0]
    if resolved:
        low, high = _MIN_RESOLVED_RADIUS / _TAU_RANGE[1], 600.0
    return _Nodes(
        np.linspace(np.log(low), np.log(high), _N_SCALES),
        np.linspace(*np.log(_TAU_RANGE), _N_TAUS),
        np.linspace(0.0, MAX_ELLIPTICITY, _N_ELLIPTICITIES) if resolved else np.zeros(1),
    )


def _multipoles(nodes, orders):
    r"""Compute the multipoles of the Fourier transforms of elliptical halos.

    The Fourier transform of a halo with axis ratio q, at the wave number k and the angle
    :math:`\phi` from the long axis, is the transform of the circular halo at the wave number
    :math:`k \sqrt{\cos^2\phi / q + q \sin^2\phi}`.

    Parameters
    ----------
    nodes : _Nodes
        The halo parameters at which the multipoles are computed.
    orders : tuple of int
        The orders of the multipoles.

    Returns
    -------
    dict
        The multipoles, keyed by their order, each ``(n_scales, n_taus, n_ellipticities, n_k)``: the
        axes are scale radius, truncation radius, ellipticity and wave number.
    """
    n_angles = 16  # in a quadrant: the trapezoidal rule is exact far beyond the orders used
    phi = (np.arange(n_angles) + 0.5) * np.pi / (2 * n_angles)
    fine = np.linspace(np.log(1e-7), np.log(1e6), 4000)
    weights = {m: np.cos(m * phi) * (2 if m else 1) / n_angles for m in orders}
    shape = (*map(len, nodes), len(_LOG_K))
    result = {m: np.empty(shape) for m in orders}
    for j, tau in enumerate(np.exp(nodes.log_tau)):
        profile = truncated_nfw_fourier(np.exp(fine), tau)
        for n, e in enumerate(nodes.ellipticity):
            q = (1 - e) / (1 + e)
            log_stretch = np.log(np.cos(phi) ** 2 / q + q * np.sin(phi) ** 2) / 2
            log_k = nodes.log_scale[:, None, None] + _LOG_K[:, None] + log_stretch
            values = np.interp(log_k, fine, profile)
            for m in orders:
                result[m][:, j, n] = values @ weights[m]
    return result


class MultipoleTable:
    """A table of one multipole of elliptical halos in Fourier space.

    The multipole of any halo is a sum of a few radial functions of the wave number. The table holds
    the coefficients of the sum for a grid of halo parameters.

    Parameters
    ----------
    nodes : _Nodes
        The halo parameters of the table.
    profiles : `numpy.ndarray`
        The multipole, ``(n_scales, n_taus, n_ellipticities, n_k)``.
    occurring : `numpy.ndarray`
        Bool, ``(n_scales, n_taus)``, True for parameters that halos can have. Only these determine
        the radial functions.
    rank : int
        The number of radial functions.
    """

    def __init__(
        self, nodes: _Nodes, profiles: np.ndarray, occurring: np.ndarray, rank: int
    ) -> None:
        self._nodes = nodes
        flat = profiles[occurring].reshape(-1, len(_LOG_K))
        _, _, rows = np.linalg.svd(flat, full_matrices=False)
        self.functions = rows[:rank]
        values = profiles.reshape(-1, len(_LOG_K)) @ self.functions.T
        self._values = values.reshape(*profiles.shape[:3], rank).astype(np.float32)

    def function(self, r: int, k: np.ndarray) -> np.ndarray:
        """Return the radial function with index r at wave numbers k (radians per pixel)."""
        log_k = np.log(np.maximum(k, np.exp(_LOG_K[0])))
        return np.interp(log_k, _LOG_K, self.functions[r])

    def coefficients(self, halos: Halos) -> np.ndarray:
        """Return the coefficients of the radial functions for each halo, ``(n_functions, n)``."""
        i, fi = _node_and_fraction(np.log(halos.scale), self._nodes.log_scale)
        j, fj = _node_and_fraction(np.log(halos.tau), self._nodes.log_tau)
        _, n_taus, n_e, rank = self._values.shape
        corners = [
            ((i + di) * n_taus + j + dj, (fi if di else 1 - fi) * (fj if dj else 1 - fj))
            for di in (0, 1)
            for dj in (0, 1)
        ]
        if n_e > 1:
            n, fn = _node_and_fraction(halos.ellipticity, self._nodes.ellipticity)
            corners = [
                (row * n_e + n + dn, weight * (fn if dn else 1 - fn))
                for row, weight in corners
                for dn in (0, 1)
            ]
        rows = self._values.reshape(-1, rank)
        result = np.empty((rank, len(halos.x)), dtype=np.float32)
        for chunk in chunk_slices(len(halos.x), _HALOS_PER_CHUNK):
            total = np.float32(0.0)
            for row, weight in corners:
                total = total + rows[row[chunk]] * weight[chunk, np.newaxis].astype(np.float32)
            result[:, chunk] = total.T
        return result


def _node_and_fraction(values, nodes):
    """Return the index of the node below each value, and the fraction of the step to the next.

    The nodes must be equally spaced. Values outside the table are moved to its edges.
    """
    place = (values - nodes[0]) / (nodes[1] - nodes[0])
    place = np.clip(place, 0.0, len(nodes) - 1.000001)
    below = place.astype(np.intp)
    return below, place - below
