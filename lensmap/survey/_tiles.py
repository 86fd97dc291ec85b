# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Tile`: a HEALPix pixel that is mapped by itself, with a margin around it on a tangent plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy.wcs import WCS
from scipy.interpolate import RegularGridInterpolator
from scipy.spatial import cKDTree

from lensmap.sphere import HealpixPixels
from lensmap.utils import import_optional, unit_vectors

__all__ = ["Tile", "TileLattice", "neighbors"]

# The number of points on each side of the boundary of a tile.
_POINTS_PER_SIDE = 256

# Distances from the boundary are computed at this many steps across a tile, and interpolated.
_DISTANCE_STEPS = 200

# The blending weight is computed for pixels of this many orders above that of the tile, and only
# those that have a weight are divided further.
_COARSE_STEPS = 5

# The shapes of lattices, and the shifts of their parts, are multiples of this number of pixels.
_STEP = 16


@dataclass(frozen=True)
class Tile:
    """A HEALPix pixel of low resolution, and the margin that is mapped with it.

    Attributes
    ----------
    order : int
        The order of the HEALPix pixel.
    pixel : int
        Its nested index.
    margin : float
        The width of the margin, degrees. Half of it is blended with the neighboring tiles.
    """

    order: int
    pixel: int
    margin: float

    @cached_property
    def center(self) -> tuple[float, float]:
        """The longitude and latitude of the center, degrees."""
        lon, lat = HealpixPixels(1 << self.order).centers([self.pixel])
        return float(lon[0]), float(lat[0])

    @cached_property
    def _axes(self) -> np.ndarray:
        """The unit vectors to the east, to the north and to the center, ``(3, 3)``."""
        lon, lat = np.radians(self.center)
        east = np.array([-np.sin(lon), np.cos(lon), 0.0])
        center = unit_vectors(*self.center)
        return np.stack([east, np.cross(center, east), center])

    def project(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return positions on the plane that is tangent to the sky at the center of the tile.

        Parameters
        ----------
        lon, lat : `numpy.ndarray`
            Longitude and latitude, degrees, ``(n,)``.

        Returns
        -------
        xi, eta : `numpy.ndarray`
            The gnomonic coordinates to the east and to the north, degrees, ``(n,)``. NaN for
            positions 90 degrees away and more.
        """
        vectors = unit_vectors(lon, lat, axis=0)
        east, north, depth = (
            axis[0] * vectors[0] + axis[1] * vectors[1] + axis[2] * vectors[2]
            for axis in self._axes
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = np.where(depth > 0, np.degrees(1 / depth), np.nan)
        return east * depth, north * depth

    @cached_property
    def boundary(self) -> np.ndarray:
        """Points on the boundary of the tile in the tangent plane, degrees, ``(n, 2)``."""
        from astropy_healpix import HEALPix

        lon, lat = HEALPix(1 << self.order, order="nested").boundaries_lonlat(
            [self.pixel], _POINTS_PER_SIDE
        )
        return np.stack(self.project(lon.deg.ravel(), lat.deg.ravel()), axis=-1)

    @cached_property
    def _distance(self) -> RegularGridInterpolator:
        """The distance beyond the boundary in the tangent plane, by interpolation."""
        low, high = self.boundary.min(axis=0), self.boundary.max(axis=0)
        room = 1.1 * self.margin + 0.05 * (high - low)
        axes = [
            np.linspace(first, last, _DISTANCE_STEPS)
            for first, last in zip(low - room, high + room, strict=True)
        ]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        tree = cKDTree(self.boundary)
        distance, nearest = tree.query(points)
        # The boundary runs around the tile. The sign is that of the side on which a point lies.
        following = np.roll(self.boundary, -1, axis=0)
        step = (following - np.roll(self.boundary, 1, axis=0))[nearest]
        away = points - self.boundary[nearest]
        side = step[..., 0] * away[..., 1] - step[..., 1] * away[..., 0]
        area = np.sum(self.boundary[:, 0] * following[:, 1] - following[:, 0] * self.boundary[:, 1])
        outside = side * np.sign(area) < 0
        return RegularGridInterpolator(
            axes, np.where(outside, distance, -distance), bounds_error=False, fill_value=np.inf
        )

    def weight(self, xi: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """Return the weight with which the map of the tile counts at positions.

        It is 1 in the core of the tile, 1/2 at its boundary and 0 beyond half of the margin, with
        the shape of a squared cosine.

        Parameters
        ----------
        xi, eta : `numpy.ndarray`
            Positions in the tangent plane, degrees, ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            The weights, from 0 to 1, ``(n,)``.
        """
        half = 0.5 * self.margin
        distance = self._distance(np.stack([xi, eta], axis=-1))
        phase = np.clip((distance + half) / (2 * half), 0.0, 1.0)
        return np.where(phase < 1, np.cos(0.5 * np.pi * phase) ** 2, 0.0)

    def blended_pixels(self, order: int) -> np.ndarray:
        """Return the HEALPix pixels of a map in which the tile may have a weight.

        Parameters
        ----------
        order : int
            The order of the pixels of the map.

        Returns
        -------
        `numpy.ndarray`
            The nested indices, increasing, int64, ``(n,)``.
        """
        tiles = np.append(neighbors(self.order, self.pixel), self.pixel)
        steps = min(_COARSE_STEPS, order - self.order)
        coarse = HealpixPixels(1 << (self.order + steps))
        index = (np.unique(tiles)[:, np.newaxis] * 4**steps + np.arange(4**steps)).ravel()
        xi, eta = self.project(*coarse.centers(index))
        reach = 0.5 * self.margin + 1.5 * coarse.scale.to_value("deg")
        index = index[self._distance(np.stack([xi, eta], axis=-1)) < reach]
        finer = 4 ** (order - coarse.order)
        return (index[:, np.newaxis] * finer + np.arange(finer)).ravel()

    def lattice(
        self, scale: float, offset: tuple[float, float] = (0.0, 0.0), turn: float = 0.0
    ) -> TileLattice:
        """Return the pixels on which the tile and its margin are mapped.

        The lattice is turned to the smallest rectangle around the tile and its margin.

        Parameters
        ----------
        scale : float
            The side of a pixel, degrees.
        offset : tuple of float
            The shift of the lattice along x and y, pixels.
        turn : float
            A further rotation of the lattice, degrees.

        Returns
        -------
        TileLattice
            The pixels.
        """
        angles = np.arange(90.0)
        areas = [np.prod(np.ptp(self.boundary @ _matrix(angle).T, axis=0)) for angle in angles]
        angle = float(angles[np.argmin(areas)]) + turn
        corners = self.boundary @ _matrix(angle).T / scale
        # Far from the center, an angle on the sky is longer in the tangent plane.
        radius = np.radians(np.hypot(*self.boundary.T).max())
        room = self.margin / scale * (1 + radius**2)
        low, high = corners.min(axis=0) - room, corners.max(axis=0) + room
        first = np.floor(low)
        # So that a part of the lattice of `TileLattice.cropped` lies within it.
        shape = -(-(np.ceil(high - first).astype(int) + 1) // _STEP) * _STEP
        return TileLattice(
            self, scale, angle, (float(first[0] + offset[0]), float(first[1] + offset[1])),
            (int(shape[1]), int(shape[0])),
        )


@dataclass(frozen=True)
class TileLattice:
    """Square pixels on the tangent plane of a tile.

    Attributes
    ----------
    tile : Tile
        The tile.
    scale : float
        The side of a pixel at the center of the tile, degrees.
    angle : float
        The rotation of the lattice, degrees.
    first : tuple of float
        The position of the center of the first pixel along x and y, in pixels from the center of
        the tile.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.
    """

    tile: Tile
    scale: float
    angle: float
    first: tuple[float, float]
    shape: tuple[int, int]

    @property
    def wcs(self) -> WCS:
        """The WCS of the lattice, with its ``array_shape``."""
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.radesys = "ICRS"
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.crval = self.tile.center
        wcs.wcs.cd = self.scale * _matrix(self.angle)  # its own inverse, but for the scale
        wcs.wcs.crpix = [1 - self.first[0], 1 - self.first[1]]
        wcs.array_shape = self.shape
        wcs.wcs.set()
        return wcs

    def pixel_positions(self, xi: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixel positions of points of the tangent plane.

        Parameters
        ----------
        xi, eta : `numpy.ndarray`
            Positions in the tangent plane, degrees, ``(n,)``.

        Returns
        -------
        x, y : `numpy.ndarray`
            The positions in pixels, from 0 at the center of the first pixel, ``(n,)``.
        """
        (a, b), (c, d) = _matrix(self.angle) / self.scale
        return a * xi + b * eta - self.first[0], c * xi + d * eta - self.first[1]

    def cropped(self, x: np.ndarray, y: np.ndarray, room: int) -> TileLattice:
        """Return the part of the lattice around positions.

        Parameters
        ----------
        x, y : `numpy.ndarray`
            Positions in pixels, ``(n,)``, of which those on the lattice count.
        room : int
            The number of pixels to keep around the positions, on each side.

        Returns
        -------
        TileLattice
            The smaller lattice, whose pixels are pixels of this one. It is moved by, and its shape
            is, a multiple of 16.
        """
        ny, nx = self.shape
        with np.errstate(invalid="ignore"):
            on = (x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5)
        if not on.any():
            return self
        first, shape = [], []
        for values, size in ((x[on], nx), (y[on], ny)):
            low = max(0, int((values.min() - room) // _STEP) * _STEP)
            high = min(int(np.ceil(values.max())) + room, size)
            first.append(low)
            shape.append(int(np.ceil((high - low) / _STEP)) * _STEP)
        return TileLattice(
            self.tile, self.scale, self.angle,
            (self.first[0] + first[0], self.first[1] + first[1]), (shape[1], shape[0]),
        )

    def part_of(self, other: TileLattice) -> tuple[slice, slice]:
        """Return the rows and the columns of this lattice in another that holds its pixels."""
        x, y = (round(mine - theirs) for mine, theirs in zip(self.first, other.first, strict=True))
        return slice(y, y + self.shape[0]), slice(x, x + self.shape[1])

    def covering_pixels(self, order: int) -> np.ndarray:
        """Return HEALPix pixels that cover the lattice, nested indices, increasing, ``(n,)``."""
        pixels = HealpixPixels(1 << order)
        step = 0.25 * pixels.scale.to_value("deg") / self.scale
        ny, nx = self.shape
        x, y = (np.linspace(-1, n, 2 + int(np.ceil((n + 1) / step))) for n in (nx, ny))
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        lon, lat = self.wcs.wcs_pix2world(grid, 0).T
        return np.unique(pixels.at(lon, lat))


def neighbors(order: int, pixel: int) -> np.ndarray:
    """Return the nested indices of the pixels that touch a HEALPix pixel, increasing, int64."""
    hpgeom = import_optional("hpgeom", purpose="a survey map", install="'lensmap[survey]'")
    found = hpgeom.neighbors(1 << order, pixel, nest=True)
    return np.unique(found[found >= 0]).astype(np.int64)


def _matrix(angle: float) -> np.ndarray:
    """Return the matrix from (east, north) to pixel axes, mirrored as images of the sky are."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[-cos, sin], [sin, cos]])
