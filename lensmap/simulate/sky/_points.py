# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Many positions on the sphere, in the order of their HEALPix pixels, and the lensing of halos."""

from __future__ import annotations

import math

import numpy as np

from lensmap.simulate.sky._halos import SkyHalos
from lensmap.simulate.sky._profiles import DividedProfiles
from lensmap.sphere import HealpixPixels, import_ducc
from lensmap.utils import unit_vectors

__all__ = ["SortedPoints", "add_compact_lensing", "halos_near"]

_FINEST_ORDER = 29

# The side of the pixels in which points near a position are looked up, in units of the radius.
_PIXELS_PER_RADIUS = 6

_MAX_LOOKUP_ORDER = 16

# No point of a pixel is farther from its center than this number of square roots of its area.
_PIXEL_RADIUS = 1.05

_SMALL_PIXEL_ORDERS = 2

# The convergence of a halo is averaged over circles whose centers are within this number of their
# radii from the halo. Farther away, the convergence at the center of a circle is its mean to 2 per
# cent where it falls as the square of the distance.
_AVERAGED_RADII = 6.0

# The nodes of the average: rings of equal area, and directions on half of a ring.
_N_RINGS, _N_DIRECTIONS = 8, 12


class SortedPoints:
    """Positions on the sphere that can be looked up by distance from a center.

    Parameters
    ----------
    finest : `numpy.ndarray`
        The nested HEALPix index of each position at order 29, in increasing order, ``(n,)``.
    lon, lat : `numpy.ndarray`
        The positions in degrees, ``(n,)``.

    Attributes
    ----------
    finest : `numpy.ndarray`
        The nested HEALPix index of each position at order 29, ``(n,)``.
    lon, lat : `numpy.ndarray`
        The positions in degrees, ``(n,)``.
    components : `numpy.ndarray`
        The components of the unit vectors of the positions, ``(3, n)``.
    """

    def __init__(self, finest: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> None:
        self.lon, self.lat = lon, lat
        self.components = unit_vectors(lon, lat, axis=0)
        self.finest = finest

    def __len__(self) -> int:
        return len(self.finest)

    def squared_chords(self, rows: np.ndarray, lon: float, lat: float) -> np.ndarray:
        """Return the squares of the chords from a position (degrees) to some points, ``(n,)``."""
        center = unit_vectors(lon, lat)
        return sum(
            (component[rows] - one) ** 2
            for component, one in zip(self.components, center, strict=True)
        )

    def near(self, lon: float, lat: float, radius: float) -> np.ndarray:
        """Return the indices of the points near a center, and of a few that are farther away.

        Parameters
        ----------
        lon, lat : float
            The center, degrees.
        radius : float
            The angular radius, radians.

        Returns
        -------
        `numpy.ndarray`
            The indices, ``(n,)``, increasing. No point within ``radius`` is left out.
        """
        order = math.floor(math.log2(_PIXELS_PER_RADIUS / max(radius, 1e-6)))
        order = min(max(order, 0), _MAX_LOOKUP_ORDER)
        pixels = _nested(order)
        # `query_disc` finds the pixels whose centers are in a disk.
        margin = _PIXEL_RADIUS * math.sqrt(math.pi / 3) / (1 << order)
        ranges = pixels.query_disc(
            np.array([math.radians(90 - lat), math.radians(lon % 360)]),
            min(radius + margin, math.pi),
        )
        edges = np.searchsorted(
            self.finest, np.asarray(ranges, np.int64) << (2 * (_FINEST_ORDER - order))
        )
        edges = edges[edges[:, 1] > edges[:, 0]]
        if len(edges) == 0:
            return np.zeros(0, np.intp)
        lengths = edges[:, 1] - edges[:, 0]
        skipped = edges[:, 0] - np.concatenate([[0], np.cumsum(lengths)[:-1]])
        return np.arange(lengths.sum()) + np.repeat(skipped, lengths)


_NESTED: dict[int, object] = {}


def _nested(order):
    if order not in _NESTED:
        _NESTED[order] = import_ducc().healpix.Healpix_Base(1 << order, "NEST")
    return _NESTED[order]


def add_compact_lensing(
    points: SortedPoints,
    halos: SkyHalos,
    profiles: DividedProfiles,
    kappa: np.ndarray,
    gamma: np.ndarray | None = None,
    circle: float = 0.0,
) -> None:
    """Add the compact parts of halos to the convergence and the shear at positions.

    Parameters
    ----------
    points : SortedPoints
        The positions.
    halos : SkyHalos
        The halos, including those outside the area of the positions.
    profiles : DividedProfiles
        The profiles.
    kappa : `numpy.ndarray`
        The convergence at the positions, ``(n,)``, to which that of the halos is added.
    gamma : `numpy.ndarray` or None
        The shear in the celestial basis, complex, ``(n,)``, to which that of the halos is added.
        None if it is not needed.
    circle : float
        The convergence is the mean over a circle of this radius around each point, radians. The
        sum over points of a grid, one to each area of the circle, is then the mass of the halo
        wherever its center lies among them. 0 is the convergence at the point itself. The shear is
        always that at the point.
    """
    compact = profiles.compact(halos.weight, halos.scale, halos.tau)
    centers = unit_vectors(halos.lon, halos.lat)
    for i, radius in enumerate(compact.radius):
        if radius == 0:
            continue
        rows = points.near(halos.lon[i], halos.lat[i], radius)
        x, y, z = (component[rows] for component in points.components)
        x0, y0, z0 = centers[i]
        # The chord is the angle, for angles much smaller than 1.
        squared = (x - x0) ** 2 + (y - y0) ** 2 + (z - z0) ** 2
        inside = np.flatnonzero(squared <= radius**2)
        if len(inside) == 0:
            continue
        rows, squared = rows[inside], squared[inside]
        theta = np.sqrt(squared)
        lensing = profiles.compact_lensing(compact.values[i], theta)
        kappa[rows] += lensing.real
        near = np.flatnonzero(theta < _AVERAGED_RADII * circle)
        if len(near):
            mean = _mean_over_circles(profiles, compact.values[i].real, theta[near], circle)
            kappa[rows[near]] += mean - lensing.real[near]
        if gamma is None:
            continue
        x, y, z = x[inside], y[inside], z[inside]
        # The components of the halo's direction along east, (-y, x, 0) / c, and along north,
        # ((0, 0, 1) - z (x, y, z)) / c, where c is the cosine of the latitude, which cancels. The
        # product of the two unit vectors is 1 - theta^2 / 2.
        direction = x * y0 - y * x0 + 1j * (z0 - z + z * squared / 2)
        size = np.maximum(direction.real**2 + direction.imag**2, 1e-60)
        # The shear is tangential: minus the direction to the halo, as a spin-2 number.
        gamma[rows] -= lensing.imag * direction**2 / size


def _mean_over_circles(
    profiles: DividedProfiles, values: np.ndarray, theta: np.ndarray, circle: float
) -> np.ndarray:
    """Return the convergence of one profile, averaged over circles.

    Parameters
    ----------
    profiles : DividedProfiles
        The profiles.
    values : `numpy.ndarray`
        The convergence of the halo, ``(n_radii,)``.
    theta : `numpy.ndarray`
        The distances of the centers of the circles from the halo, radians, ``(n,)``.
    circle : float
        The radius of the circles, radians.

    Returns
    -------
    `numpy.ndarray`
        The means, ``(n,)``.
    """
    # Each node has the mean of ln r over its ring, so that the cusp of a halo keeps its mass.
    edge = np.arange(_N_RINGS + 1) / _N_RINGS
    integral = edge * np.log(np.maximum(edge, 1e-300)) - edge
    ring = circle * np.exp(0.5 * _N_RINGS * np.diff(integral))[:, np.newaxis]
    cosine = np.cos(np.pi * (np.arange(_N_DIRECTIONS) + 0.5) / _N_DIRECTIONS)
    center = theta[:, np.newaxis, np.newaxis]
    squared = center**2 + ring**2 + 2 * center * ring * cosine
    return profiles.compact_lensing(values, np.sqrt(squared)).mean(axis=(1, 2))


def halos_near(
    halos: SkyHalos, pixels: HealpixPixels, index: int, reach: np.ndarray
) -> SkyHalos:
    """Return the halos within a distance of a HEALPix pixel.

    Parameters
    ----------
    halos : SkyHalos
        The halos.
    pixels : HealpixPixels
        The pixels.
    index : int
        The nested index of the pixel.
    reach : `numpy.ndarray`
        The distance of each halo from the pixel at most, radians, ``(n_halos,)``.

    Returns
    -------
    SkyHalos
        The halos.
    """
    vectors = unit_vectors(halos.lon, halos.lat)
    which = np.arange(len(vectors))
    # The circle around a pixel is four times as large as the pixel, so that halos in it are
    # compared with the circles around small pixels, which cover little more than the pixel.
    for order in (0, _SMALL_PIXEL_ORDERS):
        small = HealpixPixels(pixels.nside << order)
        n = 1 << (2 * order)
        centers = unit_vectors(*small.centers(index * n + np.arange(n)))
        cosine = (vectors[which] @ centers.T).max(axis=1)
        limit = np.minimum(_PIXEL_RADIUS * math.sqrt(small.area) + reach[which], math.pi)
        which = which[cosine > np.cos(limit)]
    return halos.select(which)
