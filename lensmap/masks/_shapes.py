# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Regions of the `regions` package, each evaluated on its own tangent plane.

The `regions` package tests a sky region in the pixels of the map, where a circle stays a circle
even if the projection stretches the sky. In this module the plane is tangent to the sky at the
center of the region, with north up and east to the left, so that a region covers the same galaxies
on every map. Circles and annuli are exact, and the sides of polygons are great circles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.masks._positions import Positions, chord
from lensmap.utils import as_icrs, unit_vectors

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from regions import Region

__all__ = ["Component", "Shape", "has_area", "is_exclusion", "make_shape"]

# With more vertices than this, a polygon is not searched for sides that cross.
_MAX_VERTICES = 2000

# For each kind of sky region, the attributes that are angular lengths.
_LENGTHS = {
    "Circle": ("radius",),
    "Ellipse": ("width", "height"),
    "Rectangle": ("width", "height"),
    "CircleAnnulus": ("inner_radius", "outer_radius"),
    "EllipseAnnulus": ("inner_width", "outer_width", "inner_height", "outer_height"),
    "RectangleAnnulus": ("inner_width", "outer_width", "inner_height", "outer_height"),
}

# A polygon that is narrower, relative to its length, counts as a line.
_MIN_ASPECT_RATIO = 1e-6

_MAX_LENGTH_ARCSEC = 360 * 3600


class Shape(Protocol):
    """The interface of the shapes of regions, which test whether positions lie in a region.

    The test is the same for an excluded region, such as ``-circle(...)`` in DS9.
    """

    def covers(self, positions: Positions, use_tree: bool) -> np.ndarray:
        """Return whether each position lies in the region, bool, ``(n,)``.

        If ``use_tree`` is True, a k-d tree finds the positions near the region, which is faster for
        many regions.
        """


class Component:
    """A component of a FITS region table: several regions of which the intersection counts.

    Parameters
    ----------
    regions : list of `regions.Region`
        The regions. An excluded region stands for its outside.
    """

    def __init__(self, regions: list[Region]) -> None:
        self.regions = regions


def has_area(region: Region | Component) -> bool:
    """Return whether a region has an area; points, lines and text have none."""
    return not type(region).__name__.startswith(("Point", "Line", "Text"))


def is_exclusion(region: Region | Component) -> bool:
    """Return whether a region is cut out of the other regions, as ``-circle(...)`` in DS9."""
    # A compound region has the meta of its first part, which does not apply to the whole.
    if isinstance(region, Component) or hasattr(region, "region1"):
        return False
    return not region.meta.get("include", True)


def make_shape(region: Region | Component, wcs: WCS | None = None) -> Shape:
    """Return the shape of a region, an object that tests whether positions lie in the region.

    Parameters
    ----------
    region : `regions.Region` or Component
        The region.
    wcs : `~astropy.wcs.WCS` or None
        The WCS of the image to whose pixels a pixel region refers. None for the pixels of the map.

    Returns
    -------
    Shape
        The shape.

    Raises
    ------
    TypeError, ValueError
        If the region cannot be a mask.
    """
    from regions import PixelRegion, SkyRegion

    if isinstance(region, Component):
        return _Intersection(region, wcs)
    if hasattr(region, "region1") and isinstance(region, (PixelRegion, SkyRegion)):
        return _Compound(region, wcs)
    if isinstance(region, PixelRegion):
        return _PixelShape(region, wcs)
    if not isinstance(region, SkyRegion):
        return _SphericalShape(region)
    return _SkyShape(region)


class _Intersection:
    """The intersection of several regions, a component of a FITS region table."""

    def __init__(self, component: Component, wcs: WCS | None) -> None:
        self._parts = [(make_shape(region, wcs), is_exclusion(region))
                       for region in component.regions]

    def covers(self, positions: Positions, use_tree: bool) -> np.ndarray:
        result = positions.finite.copy()
        for shape, outside in self._parts:
            result &= shape.covers(positions, use_tree) != outside
        return result


class _Compound:
    """Two regions combined by a logical operator, such as their union or intersection."""

    def __init__(self, region: Any, wcs: WCS | None) -> None:
        self._operator = region.operator
        self._parts = [
            (make_shape(part, wcs), is_exclusion(part))
            for part in (region.region1, region.region2)
        ]

    def covers(self, positions: Positions, use_tree: bool) -> np.ndarray:
        return self._operator(
            *(shape.covers(positions, use_tree) != outside for shape, outside in self._parts)
        )


class _PixelShape:
    """A region in the pixel coordinates of the map, or of an image with its own WCS."""

    def __init__(self, region: Any, wcs: WCS | None) -> None:
        # Older releases of `regions` invert an excluded region, newer ones do not.
        self._region = region.copy(meta={})
        self._wcs = wcs
        try:
            extent = np.array(self._region.bounding_box.extent, dtype=float)
        except (ValueError, OverflowError):  # of the conversion of NaN and infinity to integers
            raise ValueError("its position, size and angle must be finite") from None
        if hasattr(region, "vertices"):
            _check_sides(np.asarray(region.vertices.x), np.asarray(region.vertices.y))
        self._extent = extent

    def covers(self, positions: Positions, use_tree: bool) -> np.ndarray:
        if self._wcs is None:
            x, y = positions.pixels("a pixel region")
        else:
            x, y = positions.image_pixels(self._wcs)
        finite = np.isfinite(x) & np.isfinite(y) & positions.finite
        result = np.zeros(len(positions), dtype=bool)
        result[finite] = _pixel_covers(self._region, x[finite], y[finite])
        return result

    def is_off(self, shape: tuple[int, int]) -> bool:
        """Return whether a region in the pixel coordinates of the map lies outside the map.

        ``shape`` is the shape of the map, ``(ny, nx)``. A region on another image gives False.
        """
        left, right, low, high = self._extent
        ny, nx = shape
        return self._wcs is None and bool(
            right < -0.5 or left > nx - 0.5 or high < -0.5 or low > ny - 0.5
        )


class _SphericalShape:
    """A region of the `regions` package that can itself test positions on the sphere."""

    def __init__(self, region: Any) -> None:
        self._region = region

    def covers(self, positions: Positions, use_tree: bool) -> np.ndarray:
        result = np.zeros(len(positions), dtype=bool)
        finite = np.flatnonzero(np.isfinite(positions.sky.ra.deg))
        result[finite] = self._region.contains(positions.sky[finite])
        return result


class _SkyShape:
    """A sky region, evaluated on its own tangent plane in arcseconds."""

    def __init__(self, region: Any) -> None:
        self._great_circles = hasattr(region, "vertices")
        if self._great_circles:
            vertices = _vectors(region.vertices)
            if not np.all(np.isfinite(vertices)):
                raise ValueError("its vertices must be finite")
            x, y, z = vertices.mean(axis=0)
            lon, lat = np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))
            self._axes = _axes_at(SkyCoord(lon, lat, unit=u.rad, frame="icrs"))
            if np.any(vertices @ self._axes[2] < 0.1):
                raise ValueError("a polygon region must span less than half of the sky")
            plane = self._project(vertices)
            _check_sides(*plane)
            self._plane_region = _plane_polygon(*plane)
        else:
            center = region.center.spherical
            if not np.isfinite(center.lon.deg + center.lat.deg):
                raise ValueError("its center must be finite")
            if not np.isfinite(getattr(region, "angle", 0 * u.deg)):
                raise ValueError("its angle must be finite")
            self._axes = _axes_at(region.center)
            self._plane_region = _plane_region(region)
        corners = np.abs(self._plane_region.bounding_box.extent).reshape(2, 2).max(axis=1)
        radius = np.radians(np.hypot(*corners) / 3600)
        self._max_chord = float(chord(np.arctan(radius) if self._great_circles else radius))

    def _project(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project unit vectors to the tangent plane; return x (west) and y (north) in arcsec."""
        east, north, depth = (vectors @ axis for axis in self._axes)
        if self._great_circles:  # gnomonic projection
            with np.errstate(divide="ignore", invalid="ignore"):
                stretch = np.where(depth > 0, 1.0 / depth, np.nan)
        else:  # zenithal equidistant projection
            radius = np.hypot(east, north)
            angle = np.arctan2(radius, depth)
            stretch = np.divide(angle, radius, out=np.ones_like(radius), where=radius > 0)
        return -np.degrees(east * stretch) * 3600, np.degrees(north * stretch) * 3600

    def covers(self, positions: Positions, use_tree: bool) -> np.ndarray:
        result = np.zeros(len(positions), dtype=bool)
        near = positions.near(self._axes[2], self._max_chord, use_tree=use_tree)
        result[near] = _pixel_covers(self._plane_region, *self._project(positions.vectors[near]))
        return result


def _pixel_covers(region: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from regions import PixCoord

    return region.contains(PixCoord(x, y))


def _check_sides(x: np.ndarray, y: np.ndarray) -> None:
    """Raise a ValueError if a polygon has no area, or if two of its sides cross."""
    n = len(x)
    if n < 3:
        raise ValueError(f"a polygon needs at least 3 vertices, not {n}")
    x, y = x - x.mean(), y - y.mean()
    # The singular values are the lengths along and across the longest direction.
    longest, across = np.linalg.svd(np.stack([x, y]), compute_uv=False)
    if not across > _MIN_ASPECT_RATIO * longest:
        raise ValueError("its vertices lie on one line, so that the polygon has no area")
    if n < 4 or n > _MAX_VERTICES:
        return
    start = np.stack([x, y], axis=-1)
    end = np.roll(start, -1, axis=0)

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Return on which side of line i, from a[i] to b[i], the point c[j] lies, ``(n, n)``.

        The value is 1 to the left of the line, -1 to the right, and 0 on the line.
        """
        d, e = (b - a)[:, np.newaxis], c[np.newaxis] - a[:, np.newaxis]
        cross = d[..., 0] * e[..., 1] - d[..., 1] * e[..., 0]
        # Rounding errors must not turn vertices that touch a side into crossings.
        scale = np.abs(d).max(axis=-1) * np.abs(e).max(axis=-1)
        return np.where(np.abs(cross) <= 1e-9 * scale, 0, np.sign(cross))

    apart = side(start, end, start) * side(start, end, end) < 0
    first, second = np.nonzero(np.triu(apart & apart.T))
    if len(first) > 0:
        raise ValueError(
            f"sides {first[0] + 1} and {second[0] + 1} of the polygon cross: give its vertices in "
            "their order along the border"
        )


def _plane_polygon(x: np.ndarray, y: np.ndarray) -> Any:
    from regions import PixCoord, PolygonPixelRegion

    return PolygonPixelRegion(PixCoord(x, y))


def _plane_region(region: Any) -> Any:
    """Convert a sky region to a pixel region around (0, 0), with pixels of 1 arcsec.

    The method ``to_pixel`` of the region calls a WCS and takes milliseconds, which is too slow
    for thousands of star masks.
    """
    import regions

    kind = type(region).__name__.removesuffix("SkyRegion")
    if kind not in _LENGTHS:
        raise TypeError(
            f"a {type(region).__name__} cannot be a mask; sky regions are polygons and "
            f"{', '.join(_LENGTHS)}"
        )
    lengths = {name: getattr(region, name).to_value(u.arcsec) for name in _LENGTHS[kind]}
    for name, length in lengths.items():
        if not 0 < length < _MAX_LENGTH_ARCSEC:
            raise ValueError(
                f"its {name} must be positive and less than 360 deg, not {getattr(region, name)}"
            )
    # On the sky as in the plane, angles run counterclockwise from +x: west, where north is up.
    angle = {"angle": region.angle} if hasattr(region, "angle") else {}
    pixel_class = getattr(regions, f"{kind}PixelRegion")
    return pixel_class(regions.PixCoord(0, 0), **lengths, **angle)


def _axes_at(center: SkyCoord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return unit vectors that point east, north and outward at a position on the sky.

    East and north are those of the frame of ``center``. The vectors are in ICRS, ``(3,)`` each.
    """
    if center.frame.name == "icrs":
        lon, lat = center.ra.rad, center.dec.rad
        out = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    else:
        out = _vectors(center)
        beyond = _vectors(center.directional_offset_by(0 * u.deg, 1 * u.deg))
        north = beyond - (beyond @ out) * out
        north /= np.linalg.norm(north)
    return np.cross(north, out), north, out


def _vectors(sky: SkyCoord) -> np.ndarray:
    """Return the unit vectors of positions in ICRS, ``(n, 3)`` or ``(3,)``."""
    icrs = as_icrs(sky, "the position")
    return unit_vectors(icrs.ra.deg, icrs.dec.deg)
