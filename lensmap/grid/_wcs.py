# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tangent-plane WCS that cover a catalog, positions or another map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, frame_transform_graph
from astropy.wcs import WCS

from lensmap.catalog import as_shear_catalog
from lensmap.grid._sums import check_grid_memory
from lensmap.utils import (
    ParameterError,
    as_icrs,
    as_skycoord,
    celestial_frame,
    check_angle,
    chunk_slices,
    pixel_to_sky,
    thread_map,
    unit_vectors,
)

if TYPE_CHECKING:
    from lensmap.typing import AngleLike, CatalogLike

__all__ = ["make_wcs", "tangent_wcs", "tangent_wcs_of", "DEFAULT_PIXEL_SCALE"]

DEFAULT_PIXEL_SCALE = 0.4 * u.arcmin

# The gnomonic projection is strongly distorted far from its center, and not defined beyond 90 deg.
_MAX_RADIUS_DEG = 60.0

_CHUNK_GALAXIES = 500_000

# More than 10 000 x 10 000 pixels are probably a mistake. Larger maps need an explicit WCS.
_MAX_PIXELS = 1e8

# The frames that a FITS header can describe, and the names of their axes.
_AXES = {"icrs": ("RA", "DEC"), "fk5": ("RA", "DEC"), "galactic": ("GLON", "GLAT")}


def make_wcs(
    catalog: CatalogLike | SkyCoord,
    pixel_scale: AngleLike = DEFAULT_PIXEL_SCALE,
    *,
    margin: AngleLike = 0 * u.arcmin,
) -> WCS:
    """Make a tangent-plane WCS, north up and east left, that covers a catalog.

    Parameters
    ----------
    catalog : ShearCatalog, `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        The galaxies. Fields may cross RA = 0 or lie at a pole.
    pixel_scale : `~astropy.units.Quantity` or str
        The side of a pixel, an angle.
    margin : `~astropy.units.Quantity` or str
        The width of the margin around the galaxies, an angle.

    Returns
    -------
    `~astropy.wcs.WCS`
        A WCS with ``array_shape`` set, centered on the extent of the galaxies. Its frame is that of
        the catalog if this is ICRS, FK5 or Galactic, and otherwise ICRS.

    Raises
    ------
    TypeError
        If ``pixel_scale`` or ``margin`` is not an angle.
    ValueError
        If there are no galaxies, if they extend beyond 60 degrees from their center, or if the map
        would have more than 1e8 pixels.
    MemoryError
        If a grid of the map would not fit into memory.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from lensmap import make_wcs
    >>> wcs = make_wcs(SkyCoord([359.5, 0.5], [-0.5, 0.5], unit="deg"), 1 * u.arcmin)
    >>> wcs.array_shape
    (61, 61)
    """
    pixel_scale = check_angle(pixel_scale, "pixel_scale")
    margin = check_angle(margin, "margin", allow_zero=True)
    lon, lat, frame = _positions(catalog)
    if len(lon) == 0:
        raise ParameterError("catalog", "at least one position", "0", verb="hold")
    scale = pixel_scale.to_value(u.deg)
    vectors = np.concatenate(
        thread_map(lambda rows: unit_vectors(lon[rows], lat[rows]),
                   chunk_slices(len(lon), _CHUNK_GALAXIES))
    )
    # The first plane is tangent at the mean of the unit vectors, which is well defined even across
    # RA = 0 and at the poles. This mean depends on how the galaxies are distributed. The final
    # plane is therefore tangent at the center of their extent, which gives the smallest map.
    mean = vectors.mean(axis=0)
    first = _tangent(
        np.degrees(np.arctan2(mean[1], mean[0])),
        np.degrees(np.arctan2(mean[2], np.hypot(mean[0], mean[1]))),
        scale,
        frame,
    )
    low, high = _span(first, vectors)
    center_lon, center_lat = first.wcs_pix2world([(low + high) / 2], 0)[0]
    wcs = _tangent(center_lon, center_lat, scale, frame)
    low, high = _span(wcs, vectors)
    extra = margin.to_value(u.deg) / scale
    # 1e-6 keeps positions at the edge inside the map in spite of rounding errors.
    size = np.maximum(1, np.ceil(high - low + 2 * extra + 1e-6).astype(int))
    if float(size[0]) * size[1] > _MAX_PIXELS:
        raise ParameterError(
            "pixel_scale",
            "large enough for a map of at most 1e8 pixels",
            str(pixel_scale),
            f"the map would have {size[1]} x {size[0]} pixels; if this is intended, give the "
            "{wcs} of the map",
        )
    wcs.wcs.crpix = (size + 1) / 2 - (low + high) / 2
    wcs.array_shape = (int(size[1]), int(size[0]))
    check_grid_memory(wcs.array_shape)
    return wcs


def _positions(catalog: CatalogLike | SkyCoord) -> tuple[np.ndarray, np.ndarray, Any]:
    """Return the longitudes and latitudes of a catalog in degrees, and their celestial frame.

    Positions are transformed to ICRS if a WCS cannot describe the frame of the catalog.
    """
    if not isinstance(catalog, SkyCoord):
        catalog = as_shear_catalog(catalog)
        frame = frame_transform_graph.lookup_name(catalog.frame)()
        if frame.name in _AXES:  # saves the creation of a SkyCoord of all galaxies
            return catalog.ra, catalog.dec, frame
        catalog = catalog.skycoord
    if catalog.frame.name not in _AXES:
        catalog = as_icrs(catalog, "catalog")
    sky = catalog.ravel().spherical
    return sky.lon.deg, sky.lat.deg, catalog.frame.replicate_without_data()


def tangent_wcs(center: SkyCoord, shape: tuple[int, int], pixel_scale: AngleLike) -> WCS:
    """Make a tangent-plane WCS, north up and east left, from its center, shape and pixel scale.

    Parameters
    ----------
    center : `~astropy.coordinates.SkyCoord`
        The center of the map, a single position.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.
    pixel_scale : `~astropy.units.Quantity` or str
        The side of a pixel, an angle.

    Returns
    -------
    `~astropy.wcs.WCS`
        A WCS in ICRS, with ``array_shape`` set.

    Raises
    ------
    TypeError
        If ``pixel_scale`` is not an angle, or ``center`` is not a SkyCoord.
    ValueError
        If ``center`` is not one finite position in a frame that converts to ICRS.
    """
    scale = check_angle(pixel_scale, "pixel_scale").to_value(u.deg)
    center = as_icrs(as_skycoord(center, "center", scalar=True), "center")
    wcs = _tangent(center.ra.deg, center.dec.deg, scale, center.frame)
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.array_shape = tuple(shape)
    wcs.wcs.set()
    return wcs


def _tangent(lon: float, lat: float, scale: float, frame: Any) -> WCS:
    """Return a tangent-plane WCS whose first pixel is centered on a position.

    ``lon`` and ``lat`` are the position and ``scale`` the pixel scale, in degrees; ``frame`` is the
    celestial frame.
    """
    wcs = WCS(naxis=2)
    lon_name, lat_name = _AXES[frame.name]
    wcs.wcs.ctype = [f"{lon_name:-<5}TAN", f"{lat_name:-<5}TAN"]
    wcs.wcs.crval = [lon, lat]
    wcs.wcs.crpix = [1, 1]
    wcs.wcs.cdelt = [-scale, scale]
    wcs.wcs.cunit = ["deg", "deg"]
    if frame.name == "icrs":
        wcs.wcs.radesys = "ICRS"
    elif frame.name == "fk5":
        wcs.wcs.radesys = "FK5"
        wcs.wcs.equinox = frame.equinox.jyear
    wcs.wcs.set()
    return wcs


def _span(wcs: WCS, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest pixel position of vectors projected on a tangent plane.

    ``vectors`` are the unit vectors of sky positions, ``(n, 3)``. Both results are ``(x, y)``,
    relative to the reference pixel of ``wcs``.

    The gnomonic projection is computed from scalar products, which is faster than wcslib.
    """
    lon, lat = np.radians(wcs.wcs.crval)
    center = unit_vectors(*wcs.wcs.crval)
    depth = vectors @ center
    radius = np.degrees(np.arccos(np.clip(depth.min(), -1.0, 1.0)))
    if radius > _MAX_RADIUS_DEG:
        raise ValueError(
            f"the positions in the catalog extend to {radius:.0f} deg from their center, but a "
            f"tangent plane covers at most {_MAX_RADIUS_DEG:.0f} deg: give a wcs of another "
            "projection, or cut the catalog into smaller fields and map each of them"
        )
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    x, y = (np.degrees(vectors @ axis / depth) for axis in (east, np.cross(center, east)))
    low, high = (np.array([f(x), f(y)]) / wcs.wcs.cdelt for f in (np.min, np.max))
    return np.minimum(low, high), np.maximum(low, high)


def tangent_wcs_of(
    wcs: WCS, pixel_scale: AngleLike, *, margin: AngleLike = 0 * u.arcmin
) -> WCS:
    """Make a tangent-plane WCS that covers the same area as the map of another WCS.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The celestial WCS to cover, with its ``array_shape``, as
        ``lensmap.utils.check_celestial_wcs`` returns it.
    pixel_scale : `~astropy.units.Quantity` or str
        The side of a pixel, an angle.
    margin : `~astropy.units.Quantity` or str
        The width of the margin around the map, an angle.

    Returns
    -------
    `~astropy.wcs.WCS`
        A WCS with ``array_shape`` set. Its frame is that of ``wcs`` if this is ICRS, FK5 or
        Galactic, and otherwise ICRS.

    Raises
    ------
    ValueError
        If no pixel of ``wcs`` lies on the sky, if its map extends beyond 60 degrees from its
        center, or if the new map would have more than 1e8 pixels.
    """
    ny, nx = wcs.array_shape
    y, x = np.meshgrid(
        np.linspace(-0.5, ny - 0.5, min(ny + 1, 129)),
        np.linspace(-0.5, nx - 0.5, min(nx + 1, 129)),
        indexing="ij",
    )
    lon, lat = pixel_to_sky(wcs, x.ravel(), y.ravel())
    on_sky = np.isfinite(lon)
    if not on_sky.any():
        raise ValueError(
            "wcs must have at least one pixel on the sky, but its projection is not defined at "
            f"any of its {ny} x {nx} pixels: check CRPIX, CDELT and the array_shape of wcs"
        )
    sky = SkyCoord(lon[on_sky], lat[on_sky], unit=u.deg, frame=celestial_frame(wcs))
    return make_wcs(sky, pixel_scale, margin=margin)
