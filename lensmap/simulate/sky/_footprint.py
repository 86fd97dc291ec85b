# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The part of the sky that a mock survey covers."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.maps import HealpixMap
from lensmap.simulate.sky._halos import random_positions
from lensmap.simulate.sky._points import SortedPoints
from lensmap.sphere import HealpixPixels, import_ducc
from lensmap.utils import ParameterError, ParameterTypeError, as_icrs, as_skycoord, unit_vectors

__all__ = ["CELLS", "Footprint", "StarHoles"]

#: The pixels in which galaxies are drawn. Each has random numbers of its own.
CELLS = HealpixPixels(64)

_FINEST_ORDER = 29

# No point of a pixel is farther from its center than this number of square roots of its area.
_PIXEL_RADIUS = 1.05

# The radii of holes around stars: those of `lensmap.simulate.star_holes`.
_HOLE_RADII_ARCMIN = (0.3, 3.0)
_HOLE_SLOPE = 2.0


class Footprint:
    """The part of the sky that a mock survey covers.

    Parameters
    ----------
    footprint : `~astropy.units.Quantity`, str or HealpixMap
        The solid angle of a disk, or a map in ICRS whose unmasked pixels are covered.
    center : `~astropy.coordinates.SkyCoord` or None
        The center of the disk. If None, RA 180 deg, Dec 0. It must be None for a map.

    Attributes
    ----------
    area : float
        The solid angle in steradian.
    index : `numpy.ndarray`
        The nested indices of the cells (`CELLS`) with a part of the footprint, increasing,
        ``(n,)``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.
    """

    def __init__(self, footprint: Any, center: SkyCoord | None = None) -> None:
        self._map: HealpixPixels | None = None
        if isinstance(footprint, HealpixMap):
            if center is not None:
                raise ParameterError(
                    "center", "None if {footprint} is a map", str(center), "leave it out"
                )
            self._of_map(footprint)
            return
        self.area = _check_area(footprint)
        center = SkyCoord(180, 0, unit="deg") if center is None else as_skycoord(
            center, "center", scalar=True
        )
        center = as_icrs(center, "center")
        self._center = float(center.ra.deg), float(center.dec.deg)
        # 1 - cos(radius) = 2 sin^2(radius / 2)
        self._radius = 2 * math.asin(math.sqrt(min(self.area / (4 * math.pi), 1.0)))
        self.index = _in_disk(*self._center, self._radius + _radius_of(CELLS))

    def _of_map(self, footprint):
        if footprint.pixels.frame != "icrs":
            raise ParameterError(
                "footprint", "a map in the frame icrs", f"one in {footprint.pixels.frame}",
                "convert the map to ICRS",
            )
        covered = footprint.index[~footprint.mask]
        if len(covered) == 0:
            raise ParameterError(
                "footprint", "at least one unmasked pixel", "none", verb="have"
            )
        self._map, self._covered = footprint.pixels, covered
        self.area = len(covered) * self._map.area
        difference = self._map.order - CELLS.order
        if difference >= 0:
            self.index = np.unique(covered >> (2 * difference))
        else:
            children = np.arange(1 << (-2 * difference))
            self.index = ((covered[:, np.newaxis] << (-2 * difference)) + children).ravel()

    @property
    def settings(self) -> dict[str, Any]:
        """The footprint as plain values that identify it."""
        if self._map is None:
            return {
                "area": float(self.area), "center": [round(value, 10) for value in self._center]
            }
        return {"nside": self._map.nside, "covered": self._covered}

    @cached_property
    def lon_lat(self) -> tuple[np.ndarray, np.ndarray]:
        """The longitudes and latitudes of the centers of the cells, degrees, ``(n,)`` each."""
        return CELLS.centers(self.index)

    @cached_property
    def cell_radius(self) -> float:
        """The angle around the centers of cells within which the footprint lies, radians."""
        return _radius_of(CELLS)

    def contains(self, finest: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return whether the footprint contains positions.

        Parameters
        ----------
        finest : `numpy.ndarray`
            The nested HEALPix index of each position at order 29, ``(n,)``.
        lon, lat : `numpy.ndarray`
            The positions in degrees, ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            Bool, ``(n,)``.
        """
        if self._map is None:
            chord = unit_vectors(lon, lat) - unit_vectors(*self._center)
            squared = np.einsum("ij,ij->i", chord, chord)
            return squared <= 4 * math.sin(self._radius / 2) ** 2
        pixel = finest >> (2 * (_FINEST_ORDER - self._map.order))
        place = np.minimum(np.searchsorted(self._covered, pixel), len(self._covered) - 1)
        return self._covered[place] == pixel

    def around(self, pixels: HealpixPixels, margin: float) -> np.ndarray:
        """Return the nested indices of pixels within a margin of the footprint.

        Parameters
        ----------
        pixels : HealpixPixels
            The pixels, not larger than the cells.
        margin : float
            The margin, radians.

        Returns
        -------
        `numpy.ndarray`
            The indices, increasing, ``(n,)``; pixels a little farther away are included.
        """
        if self._map is None:
            return _in_disk(*self._center, self._radius + margin + _radius_of(pixels), pixels)
        reach = margin + 2 * _radius_of(CELLS)
        cells = np.unique(np.concatenate([_in_disk(*one, reach) for one in zip(*self.lon_lat)]))
        children = 2 * (pixels.order - CELLS.order)
        return ((cells[:, np.newaxis] << children) + np.arange(1 << children)).ravel()


def _check_area(value):
    try:
        area = u.Quantity(value)
    except (TypeError, ValueError):
        area = u.Quantity(np.nan)
    allowed = "a solid angle, such as 1000 * u.deg**2, or a HealpixMap"
    if not area.unit.is_equivalent(u.sr) or not area.isscalar:
        raise ParameterTypeError("footprint", allowed, repr(value))
    number = float(area.to_value(u.sr))
    if not 0 < number <= 4 * math.pi * (1 + 1e-12):
        raise ParameterError("footprint", "above 0 and at most the whole sphere", str(area))
    return number


def _radius_of(pixels):
    return _PIXEL_RADIUS * math.sqrt(pixels.area)


def _in_disk(lon, lat, radius, pixels=CELLS):
    """Return the pixels whose centers are in a disk, increasing; ``radius`` is in radians."""
    base = import_ducc().healpix.Healpix_Base(pixels.nside, "NEST")
    if radius >= math.pi:
        return np.arange(pixels.n_pixels)
    ranges = base.query_disc(
        np.array([math.radians(90 - lat), math.radians(lon % 360)]), float(radius)
    )
    return np.concatenate([np.arange(first, last) for first, last in ranges] or [np.zeros(0, int)])


class StarHoles:
    """Holes around bright stars, which have no galaxies.

    Parameters
    ----------
    density : float
        The number of stars per cell.
    seed : int
        The seed of their positions and radii.
    stream : int
        The number of the stream of random numbers.
    """

    def __init__(self, density: float, seed: int, stream: int) -> None:
        self._density, self._seed, self._stream = density, seed, stream

    def stars(self, cell: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the positions (degrees) and hole radii (radians) of the stars of a cell."""
        sequence = np.random.SeedSequence(self._seed, spawn_key=(self._stream, int(cell)))
        rng = np.random.default_rng(sequence)
        n = rng.poisson(self._density)
        _, lon, lat = random_positions(CELLS.order, np.full(n, cell), rng)
        low, high = (radius**-_HOLE_SLOPE for radius in _HOLE_RADII_ARCMIN)
        radius = (low + rng.random(n) * (high - low)) ** (-1 / _HOLE_SLOPE)
        return lon, lat, np.radians(radius / 60)

    def excluded(self, points: SortedPoints, cell: int) -> np.ndarray:
        """Return whether points of a cell lie in holes, also of stars of the cells around it.

        Parameters
        ----------
        points : SortedPoints
            The points.
        cell : int
            The nested index of the cell.

        Returns
        -------
        `numpy.ndarray`
            Bool, ``(n,)``.
        """
        base = import_ducc().healpix.Healpix_Base(CELLS.nside, "NEST")
        around = base.neighbors(np.array([cell], np.int64))[0]
        result = np.zeros(len(points), bool)
        for one in [cell, *around[around >= 0]]:
            for lon, lat, radius in zip(*self.stars(one), strict=True):
                rows = points.near(lon, lat, radius)
                squared = points.squared_chords(rows, lon, lat)
                result[rows[squared < 4 * math.sin(radius / 2) ** 2]] = True
        return result
