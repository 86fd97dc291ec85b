# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Regions of the `regions` package, asked on their own patch of sky.

A sky region means the same galaxies on every map. `regions` would turn it into pixels of the map
first, where a circle stays a circle however the projection stretches the sky. Here it is asked on
a plane that touches the sky at its own center, north up and east left: circles and annuli are
exact, the sides of polygons are great circles.
"""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.masks._positions import chord

__all__ = ["make_shape", "has_area", "is_exclusion"]

# The angles that describe each kind of sky region around its center, apart from its position angle.
_LENGTHS = {
    "Circle": ("radius",),
    "Ellipse": ("width", "height"),
    "Rectangle": ("width", "height"),
    "CircleAnnulus": ("inner_radius", "outer_radius"),
    "EllipseAnnulus": ("inner_width", "outer_width", "inner_height", "outer_height"),
    "RectangleAnnulus": ("inner_width", "outer_width", "inner_height", "outer_height"),
}


def has_area(region):
    """Say whether there is an inside: points, lines and words mark a place only."""
    return not type(region).__name__.startswith(("Point", "Line", "Text"))


def is_exclusion(region):
    """Say whether what is inside is cut out of other regions, as ``-circle(...)`` in DS9."""
    # A compound borrows the meta of its first part.
    return not hasattr(region, "region1") and not region.meta.get("include", True)


def make_shape(region):
    """Return an object that answers ``covers(where, of_many)`` for a region.

    The answer is about its geometry; whether it is an exclusion is the caller's matter.
    """
    from regions import PixelRegion, SkyRegion

    if hasattr(region, "region1") and isinstance(region, (PixelRegion, SkyRegion)):
        return _Compound(region)
    if isinstance(region, PixelRegion):
        return _PixelShape(region)
    if not isinstance(region, SkyRegion):
        return _SphericalShape(region)
    return _SkyShape(region)


class _Compound:
    def __init__(self, region):
        self._operator = region.operator
        self._parts = [
            (make_shape(part), is_exclusion(part)) for part in (region.region1, region.region2)
        ]

    def covers(self, where, of_many):
        return self._operator(
            *(shape.covers(where, of_many) != outside for shape, outside in self._parts)
        )


class _PixelShape:
    """In the pixels of the map."""

    def __init__(self, region):
        # Older releases of `regions` turn an exclusion inside out by themselves, newer ones do
        # not: it is asked as if it were none.
        self._region = region.copy(meta={})

    def covers(self, where, of_many):
        x, y = where.pixels("a pixel region")
        result = np.zeros(len(where), dtype=bool)
        result[where.finite] = _pixel_covers(self._region, x[where.finite], y[where.finite])
        return result


class _SphericalShape:
    """A region that answers on the sphere by itself."""

    def __init__(self, region):
        self._region = region

    def covers(self, where, of_many):
        result = np.zeros(len(where), dtype=bool)
        finite = np.flatnonzero(np.isfinite(where.sky.ra.deg))
        result[finite] = self._region.contains(where.sky[finite])
        return result


class _SkyShape:
    """On a plane of the region's own, in arcseconds."""

    def __init__(self, region):
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
        reach = np.radians(np.hypot(*corners) / 3600)
        self._reach = chord(np.arctan(reach) if self._great_circles else reach)

    def _project(self, vectors):
        """Return x (to the west) and y (to the north) in arcsec."""
        east, north, depth = (vectors @ axis for axis in self._axes)
        if self._great_circles:  # gnomonic
            with np.errstate(divide="ignore", invalid="ignore"):
                stretch = np.where(depth > 0, 1.0 / depth, np.nan)
        else:  # true distances from the center
            radius = np.hypot(east, north)
            angle = np.arctan2(radius, depth)
            stretch = np.divide(angle, radius, out=np.ones_like(radius), where=radius > 0)
        return -np.degrees(east * stretch) * 3600, np.degrees(north * stretch) * 3600

    def covers(self, where, of_many):
        result = np.zeros(len(where), dtype=bool)
        near = where.near(self._axes[2], self._reach, of_many=of_many)
        result[near] = _pixel_covers(self._plane_region, *self._project(where.vectors[near]))
        return result


def _pixel_covers(region, x, y):
    from regions import PixCoord

    return region.contains(PixCoord(x, y))


def _plane_polygon(x, y):
    from regions import PixCoord, PolygonPixelRegion

    return PolygonPixelRegion(PixCoord(x, y))


def _plane_region(region):
    """Return the pixel region of the same kind around (0, 0), with pixels of 1 arcsec.

    Its own `to_pixel` would ask a WCS, some milliseconds for each of thousands of star masks.
    """
    import regions

    kind = type(region).__name__.removesuffix("SkyRegion")
    if kind not in _LENGTHS:
        raise TypeError(
            f"a {type(region).__name__} cannot be a mask; sky regions are polygons and "
            f"{', '.join(_LENGTHS)}"
        )
    shape = {name: getattr(region, name).to_value(u.arcsec) for name in _LENGTHS[kind]}
    if hasattr(region, "angle"):
        # From the +x axis (west, with north up) counterclockwise, on the sky as in the plane.
        shape["angle"] = region.angle
    pixel_class = getattr(regions, f"{kind}PixelRegion")
    return pixel_class(regions.PixCoord(0, 0), **shape)


def _axes_at(center):
    """Return the unit vectors (ICRS) to the east, to the north of the center's frame, and out."""
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
