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

if TYPE_CHECKING:
    from regions import Region

__all__ = ["Shape", "has_area", "is_exclusion", "make_shape"]

# For each kind of sky region, the attributes that are angular lengths.
_LENGTHS = {
    "Circle": ("radius",),
    "Ellipse": ("width", "height"),
    "Rectangle": ("width", "height"),
    "CircleAnnulus": ("inner_radius", "outer_radius"),
    "EllipseAnnulus": ("inner_width", "outer_width", "inner_height", "outer_height"),
    "RectangleAnnulus": ("inner_width", "outer_width", "inner_height", "outer_height"),
}


class Shape(Protocol):
    """The geometry of a region, without regard to whether the region is included or excluded."""

    def covers(self, positions: Positions, use_tree: bool) -> np.ndarray:
        """Return whether each position lies in the region, bool, ``(n,)``."""


def has_area(region: Region) -> bool:
    """Return whether a region has an inside; points, lines and text have none."""
    return not type(region).__name__.startswith(("Point", "Line", "Text"))


def is_exclusion(region: Region) -> bool:
    """Return whether a region is cut out of the other regions, as ``-circle(...)`` in DS9."""
    # A compound region has the meta of its first part, which does not apply to the whole.
    return not hasattr(region, "region1") and not region.meta.get("include", True)


def make_shape(region: Region) -> Shape:
    """Return the shape of a region."""
    from regions import PixelRegion, SkyRegion

    if hasattr(region, "region1") and isinstance(region, (PixelRegion, SkyRegion)):
        return _Compound(region)
    if isinstance(region, PixelRegion):
        return _PixelShape(region)
    if not isinstance(region, SkyRegion):
        return _SphericalShape(region)
    return _SkyShape(region)


class _Compound:
    """Two regions joined by a logical operator."""

    def __init__(self, region: Any) -> None:
        self._operator = region.operator
        self._parts = [
            (make_shape(part), is_exclusion(part)) for part in (region.region1, region.region2)
        ]

    def covers(self, positions: Positions, use_tree: bool) -> np.ndarray:
        return self._operator(
            *(shape.covers(positions, use_tree) != outside for shape, outside in self._parts)
        )


class _PixelShape:
    """A region in the pixel coordinates of the map."""

    def __init__(self, region: Any) -> None:
        # Older releases of `regions` invert an excluded region, newer ones do not.
        self._region = region.copy(meta={})

    def covers(self, positions: Positions, use_tree: bool) -> np.ndarray:
        x, y = positions.pixels("a pixel region")
        finite = positions.finite
        result = np.zeros(len(positions), dtype=bool)
        result[finite] = _pixel_covers(self._region, x[finite], y[finite])
        return result


class _SphericalShape:
    """A region that the `regions` package itself evaluates on the sphere."""

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
            vertices = region.vertices.icrs.cartesian.xyz.value.T
            x, y, z = vertices.mean(axis=0)
            lon, lat = np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))
            self._axes = _axes_at(SkyCoord(lon, lat, unit=u.rad, frame="icrs"))
            if np.any(vertices @ self._axes[2] < 0.1):
                raise ValueError("a polygon region must span less than half of the sky")
            self._plane_region = _plane_polygon(*self._project(vertices))
        else:
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
    # On the sky as in the plane, angles run counterclockwise from +x: west, where north is up.
    angle = {"angle": region.angle} if hasattr(region, "angle") else {}
    pixel_class = getattr(regions, f"{kind}PixelRegion")
    return pixel_class(regions.PixCoord(0, 0), **lengths, **angle)


def _axes_at(center: SkyCoord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the unit vectors at a center to the east, to the north, and outward.

    East and north are those of the frame of ``center``. The vectors are in ICRS, ``(3,)`` each.
    """
    if center.frame.name == "icrs":
        lon, lat = center.ra.rad, center.dec.rad
        out = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    else:
        out = center.icrs.cartesian.xyz.value
        beyond = center.directional_offset_by(0 * u.deg, 1 * u.deg).icrs.cartesian.xyz.value
        north = beyond - (beyond @ out) * out
        north /= np.linalg.norm(north)
    return np.cross(north, out), north, out
