# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The plan of a survey map: its pixels and tiles, and the memory and disk that they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.estimators import Estimator
from lensmap.masks import SkyMask
from lensmap.sphere import HealpixPixels
from lensmap.survey._large_scales import NSIDE
from lensmap.survey._tiles import Tile
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from lensmap.typing import MaskLike

__all__ = [
    "Plan", "check_given", "check_margin", "default_nside", "default_order", "largest_map",
    "make_plan", "tile_pixels", "tiles_in_region",
]

# A HEALPix pixel may be larger than a pixel of a tile by this factor.
_MAX_RATIO = 1.1

# The window of pixels of side a (lensmap.sphere.pixel_window) is a half at this value of l a.
_ELL_HALF = 3.82

# The largest number of pixels along a side of a tile with its margin. The order of the tiles is
# raised until tiles are smaller.
_MAX_SIDE = 2600
_ORDERS = (3, 4, 5)

# The margin of a tile is at least this number of its pixels wide.
_MIN_MARGIN_PIXELS = 4

# A region is tested in pixels of this many orders above those of the map of the sphere.
_REGION_STEPS = 3

# HealSparse files have no coarser pixels than these within their coverage pixels.
_MIN_NSIDE = 128

# Memory of a worker, bytes: for each pixel of a tile and for each galaxy that it reads. Galaxies
# are read in chunks, and only their weights and what their rotations need is kept.
_BYTES_PER_PIXEL = 460.0
_BYTES_PER_GALAXY = 40.0

# Disk, bytes for each HEALPix pixel: in the files of the tiles, which overlap, and in the products.
_BYTES_PER_TILE_PIXEL = 110.0
_BYTES_PER_MAP_PIXEL = 60.0


@dataclass(frozen=True)
class Plan:
    """The pixels and tiles of a survey map, and what they need.

    Attributes
    ----------
    nside : int
        The resolution of the map.
    pixel_scale : `~astropy.units.Quantity`
        The side of the pixels of the tiles, an angle.
    tile_order : int
        The HEALPix order of the tiles.
    margin : `~astropy.units.Quantity`
        The margin of the tiles, an angle.
    tiles : tuple of int
        The nested indices of the tiles that hold galaxies.
    n_galaxies : int
        The number of galaxies.
    area : `~astropy.units.Quantity`
        The area that the galaxies cover, square degrees.
    density : float
        The number of galaxies per square arcminute.
    memory : float
        The memory that a worker needs, bytes.
    disk : float
        The disk space that the folder needs, bytes.
    """

    nside: int
    pixel_scale: u.Quantity
    tile_order: int
    margin: u.Quantity
    tiles: tuple[int, ...]
    n_galaxies: int
    area: u.Quantity
    density: float
    memory: float
    disk: float

    @property
    def n_pixels(self) -> float:
        """The number of pixels of the map that the galaxies cover."""
        return float(self.area / (HealpixPixels(self.nside).area * u.sr).to(u.deg**2))

    @property
    def smoothed_away(self) -> str | None:
        """One sentence about what the pixels of the map average out.

        None if these pixels are as small as those of the tiles, or smaller.
        """
        scale = HealpixPixels(self.nside).scale.to(u.arcmin)
        if scale < _MAX_RATIO * self.pixel_scale:
            return None
        half = _ELL_HALF / scale.to_value(u.rad)
        return (
            f"the pixels of nside {self.nside} are {scale.value:.2g} arcmin wide, those of the "
            f"tiles {self.pixel_scale.to_value(u.arcmin):.2g} arcmin: averaging over the larger "
            f"pixels halves the amplitude at multipole {half:.3g}; nside "
            f"{default_nside(self.pixel_scale)} keeps what the tiles resolve"
        )


def make_plan(
    estimator: Estimator,
    footprint: np.ndarray,
    *,
    n_galaxies: int,
    area: float,
    density: float,
    pixel_scale: u.Quantity,
    nside: int | None,
    tile_order: int | None,
    margin: u.Quantity,
    turn: float = 0.0,
) -> Plan:
    """Return the plan of a survey map.

    Parameters
    ----------
    estimator : Estimator
        The estimator.
    footprint : `numpy.ndarray`
        The pixels of the map of the sphere that hold galaxies, nested indices, ``(n,)``.
    n_galaxies : int
        The number of galaxies.
    area, density : float
        The area that the galaxies cover, square degrees, and their number per square arcminute.
    pixel_scale : `~astropy.units.Quantity`
        The side of the pixels of the tiles.
    nside : int or None
        The resolution of the map; None chooses it.
    tile_order : int or None
        The order of the tiles; None chooses it.
    margin : `~astropy.units.Quantity`
        The margin of the tiles.
    turn : float
        The rotation of the pixels of the tiles, degrees, which makes their maps larger.

    Returns
    -------
    Plan
        The plan.

    Raises
    ------
    ValueError
        If the tiles are smaller than the margin, or the margin does not hold the reach of the
        estimator.
    """
    scale = pixel_scale.to_value(u.deg)
    width = margin.to_value(u.deg)
    order = default_order(scale, width) if tile_order is None else tile_order
    check_margin(estimator, pixel_scale, order, margin)
    nside = default_nside(pixel_scale) if nside is None else HealpixPixels(nside).nside
    _check_nside(nside)
    tiles = tile_pixels(footprint, order)
    n_tile_pixels = largest_map(tiles, order, scale, width, turn)
    tile_area = n_tile_pixels * scale**2
    n_map_pixels = area / (HealpixPixels(nside).area * np.degrees(1) ** 2)
    size = _size(order)
    overlap = ((size + width) / size) ** 2
    per_tile = min(1.5 * area, tile_area) * 3600 * density  # galaxies may be clustered
    return Plan(
        nside, pixel_scale.to(u.arcmin), order, margin.to(u.deg), tuple(tiles), n_galaxies,
        area * u.deg**2, density,
        memory=_BYTES_PER_PIXEL * n_tile_pixels + _BYTES_PER_GALAXY * min(per_tile, n_galaxies),
        disk=n_map_pixels * (overlap * _BYTES_PER_TILE_PIXEL + _BYTES_PER_MAP_PIXEL),
    )


def largest_map(
    tiles: Sequence[int], order: int, scale: float, margin: float, turn: float
) -> int:
    """Return the number of pixels of the largest map of a tile with its margin.

    Parameters
    ----------
    tiles : sequence of int
        The tiles, nested indices.
    order : int
        Their order.
    scale, margin : float
        The side of a pixel and the margin, degrees.
    turn : float
        The rotation of the pixels, degrees.

    Returns
    -------
    int
        The largest number of pixels, of one tile at each latitude: the others hardly differ.
    """
    _, lat = HealpixPixels(1 << order).centers(np.asarray(tiles))
    _, first = np.unique(np.abs(lat).round(6), return_index=True)
    shapes = [Tile(order, tiles[i], margin).lattice(scale, turn=turn).shape for i in first]
    return max(ny * nx for ny, nx in shapes)


def tile_pixels(footprint: np.ndarray, order: int) -> list[int]:
    """Return the tiles that hold galaxies, nested indices, increasing.

    ``footprint`` has the pixels of the map of the sphere that hold galaxies.
    """
    steps = HealpixPixels(NSIDE).order - order
    return [int(pixel) for pixel in np.unique(footprint >> (2 * steps))]


def tiles_in_region(region: MaskLike, footprint: np.ndarray, order: int) -> list[int]:
    """Return the tiles that hold galaxies in a region, nested indices, increasing.

    Parameters
    ----------
    region : mask-like
        Anything that `lensmap.masks.SkyMask` accepts, except arrays on the pixels of a map.
    footprint : `numpy.ndarray`
        The pixels of the map of the sphere that hold galaxies, nested indices, ``(n,)``.
    order : int
        The order of the tiles.

    Raises
    ------
    ValueError
        If there is no such tile.
    """
    mask = region if isinstance(region, SkyMask) else SkyMask(region)
    # Pixels of 1.7 arcmin, so that a small region does not fall between their centers.
    n = 4**_REGION_STEPS
    fine = HealpixPixels(NSIDE << _REGION_STEPS)
    steps = 2 * (fine.order - order)
    tiles: set[int] = set()
    for coarse in np.array_split(footprint, 1 + len(footprint) // 4096):
        pixels = (coarse[:, np.newaxis] * n + np.arange(n)).ravel()
        lon, lat = fine.centers(pixels)
        inside = mask.excluded_sky(SkyCoord(lon, lat, unit="deg"))
        tiles |= {int(pixel) for pixel in np.unique(pixels[inside] >> steps)}
    if not tiles:
        raise ParameterError(
            "only", "a region with galaxies of the survey", "one without",
            "check the region, and its frame",
        )
    return sorted(tiles)


def default_nside(pixel_scale: u.Quantity) -> int:
    """Return the lowest resolution whose pixels are below 1.1 times those of the tiles."""
    for order in range(30):
        if HealpixPixels(1 << order).scale < _MAX_RATIO * pixel_scale:
            return 1 << order
    raise ParameterError("pixel_scale", "at least 1e-3 arcsec", str(pixel_scale))


def default_order(scale: float, margin: float) -> int:
    """Return the order of tiles of pixels with a side of ``scale`` degrees."""
    orders = [order for order in _ORDERS if _size(order) > margin] or [_ORDERS[0]]
    for order in orders:
        if (1.25 * _size(order) + 2 * margin) / scale <= _MAX_SIDE:
            return order
    return orders[-1]


def check_given(
    estimator: Estimator,
    nside: int | None,
    pixel_scale: u.Quantity | None,
    tile_order: int | None,
    margin: u.Quantity,
) -> None:
    """Check parameters before any galaxy is read, as far as they are given.

    Parameters
    ----------
    estimator, nside, pixel_scale, tile_order, margin
        As for `make_plan`; ``pixel_scale`` may be None, too.

    Raises
    ------
    ValueError
        As for `make_plan`.
    """
    if nside is not None:
        _check_nside(nside)
    order = _ORDERS[0] if tile_order is None else tile_order  # the largest tiles
    _check_width(order, margin)
    if pixel_scale is not None:
        default_nside(pixel_scale)  # raises an error if it is too small
        check_margin(estimator, pixel_scale, order, margin)


def _check_nside(nside: int) -> None:
    if nside < _MIN_NSIDE:
        raise ParameterError("nside", f"at least {_MIN_NSIDE} for a survey map", str(nside))


def _check_width(order: int, margin: u.Quantity) -> None:
    size = _size(order) * u.deg
    if not margin < size:
        raise ParameterError(
            "margin", f"smaller than a tile of order {order}, which is {size:.2f} wide",
            str(margin), "use larger tiles, of a lower order",
        )


def check_margin(
    estimator: Estimator, pixel_scale: u.Quantity, order: int, margin: u.Quantity
) -> None:
    """Raise a ValueError if the margin of tiles is too wide or too narrow."""
    _check_width(order, margin)
    if not pixel_scale <= margin / _MIN_MARGIN_PIXELS:
        raise ParameterError(
            "pixel_scale", f"at most {(margin / _MIN_MARGIN_PIXELS).to(u.arcmin):.3g}, so that the "
            f"margin of {margin:.3g} has {_MIN_MARGIN_PIXELS} pixels", f"{pixel_scale:.3g}",
        )
    reach = estimator.reach(pixel_scale)
    if reach is not None and margin < reach:
        raise ParameterError(
            "margin", f"at least {reach.to(u.arcmin):.1f}, the distance from which galaxies "
            f"contribute to a pixel of {type(estimator).__name__}", str(margin),
        )


def _size(order: int) -> float:
    """Return the square root of the area of a tile, degrees."""
    return float(HealpixPixels(1 << order).scale.to_value(u.deg))
