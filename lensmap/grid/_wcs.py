# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tangent-plane WCS that cover what they shall cover."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, frame_transform_graph
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

from lensmap.catalog import as_shear_catalog
from lensmap.utils import check_angle, chunk_slices, thread_map, unit_vectors

__all__ = ["make_wcs", "tangent_wcs", "tangent_wcs_of", "DEFAULT_PIXEL_SCALE"]

DEFAULT_PIXEL_SCALE = 0.4 * u.arcmin

# The gnomonic projection has no image beyond 90 degrees, and is far from flat long before.
_MAX_RADIUS = 60.0  # deg

_CHUNK = 500_000

# 10 000 x 10 000: more is a typo, or a thing to be said on purpose.
_MAX_PIXELS = 1e8

_AXES = {"icrs": ("RA", "DEC"), "fk5": ("RA", "DEC"), "galactic": ("GLON", "GLAT")}


def make_wcs(catalog, pixel_scale=DEFAULT_PIXEL_SCALE, *, margin=0 * u.arcmin):
    """Make a tangent-plane WCS, north up and east left, that covers a catalog.

    Parameters
    ----------
    catalog : ShearCatalog, `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        The galaxies; fields across RA = 0 and at the poles are fields like any other.
    pixel_scale : `~astropy.units.Quantity` or str
        The size of a pixel, an angle.
    margin : `~astropy.units.Quantity` or str
        What is added on each side, an angle.

    Returns
    -------
    `~astropy.wcs.WCS`
        With ``array_shape`` set. Its center is the center of what the galaxies span; it is in
        the frame of the catalog (ICRS, FK5 or Galactic; ICRS for others).

    Raises
    ------
    TypeError
        If ``pixel_scale`` or ``margin`` is not an angle.
    ValueError
        If the galaxies span more than one tangent plane can hold.

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
        raise ValueError("catalog holds no positions to make a wcs for")
    scale = pixel_scale.to_value(u.deg)
    vectors = np.concatenate(
        thread_map(lambda rows: unit_vectors(lon[rows], lat[rows]), chunk_slices(len(lon), _CHUNK))
    )
    # The first plane touches the mean of the unit vectors, which no meridian or pole disturbs;
    # the second one the center of what they span there, so that the map is not larger than
    # needed. The mean alone would follow the density of the galaxies.
    mean = vectors.mean(axis=0)
    first = _tangent(
        np.degrees(np.arctan2(mean[1], mean[0])),
        np.degrees(np.arctan2(mean[2], np.hypot(mean[0], mean[1]))),
        scale,
        frame,
    )
    low, high = _span(first, vectors)
    wcs = _tangent(*first.wcs_pix2world([(low + high) / 2], 0)[0], scale, frame)
    low, high = _span(wcs, vectors)
    extra = margin.to_value(u.deg) / scale
    # Positions at the very edge of a pixel shall not fall out by rounding.
    size = np.maximum(1, np.ceil(high - low + 2 * extra + 1e-6).astype(int))
    if float(size[0]) * size[1] > _MAX_PIXELS:
        raise ValueError(
            f"pixel_scale={pixel_scale} would make a map of {size[1]} x {size[0]} pixels; make it "
            "larger, or give a wcs of your own"
        )
    wcs.wcs.crpix = (size + 1) / 2 - (low + high) / 2
    wcs.array_shape = (int(size[1]), int(size[0]))
    return wcs


def _positions(catalog):
    """Return longitudes and latitudes in degrees, and a frame that a WCS can name."""
    if not isinstance(catalog, SkyCoord):
        catalog = as_shear_catalog(catalog)
        frame = frame_transform_graph.lookup_name(catalog.frame)()
        if frame.name in _AXES:  # spares a large SkyCoord
            return catalog.ra, catalog.dec, frame
        catalog = catalog.skycoord
    if catalog.frame.name not in _AXES:
        catalog = catalog.icrs
    sky = catalog.ravel().spherical
    return sky.lon.deg, sky.lat.deg, catalog.frame.replicate_without_data()


def tangent_wcs(center, shape, pixel_scale):
    """Make a tangent-plane WCS, north up and east left, that touches the middle of its pixels.

    Parameters
    ----------
    center : `~astropy.coordinates.SkyCoord`
        Where the middle is, one position.
    shape : tuple of int
        ``(ny, nx)``.
    pixel_scale : `~astropy.units.Quantity` or str
        The size of a pixel, an angle.

    Returns
    -------
    `~astropy.wcs.WCS`
        In ICRS, with ``array_shape`` set.
    """
    scale = check_angle(pixel_scale, "pixel_scale").to_value(u.deg)
    center = center.icrs
    wcs = _tangent(center.ra.deg, center.dec.deg, scale, center.frame)
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.array_shape = tuple(shape)
    wcs.wcs.set()
    return wcs


def _tangent(lon, lat, scale, frame):
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


def _span(wcs, vectors):
    """Return the smallest and largest pixel positions (x, y) of unit vectors on a tangent plane.

    The gnomonic projection is a ratio of scalar products, which is quicker than wcslib.
    """
    lon, lat = np.radians(wcs.wcs.crval)
    center = unit_vectors(*wcs.wcs.crval)
    depth = vectors @ center
    radius = np.degrees(np.arccos(np.clip(depth.min(), -1.0, 1.0)))
    if radius > _MAX_RADIUS:
        raise ValueError(
            f"the positions reach {radius:.0f} deg from their center, which is more than one "
            "tangent plane can show: give a wcs, or map the field in parts"
        )
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    x, y = (np.degrees(vectors @ axis / depth) for axis in (east, np.cross(center, east)))
    low, high = (np.array([f(x), f(y)]) / wcs.wcs.cdelt for f in (np.min, np.max))
    return np.minimum(low, high), np.maximum(low, high)


def tangent_wcs_of(wcs, pixel_scale, *, margin=0 * u.arcmin):
    """Make a tangent-plane WCS that covers the map of another WCS.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with its ``array_shape``.
    pixel_scale, margin : `~astropy.units.Quantity`
        As for `make_wcs`.

    Returns
    -------
    `~astropy.wcs.WCS`
        In the frame of ``wcs`` where that is ICRS, FK5 or Galactic.

    Raises
    ------
    ValueError
        If the map spans more than one tangent plane can hold.
    """
    ny, nx = wcs.array_shape
    y, x = np.meshgrid(
        np.linspace(-0.5, ny - 0.5, min(ny + 1, 129)),
        np.linspace(-0.5, nx - 0.5, min(nx + 1, 129)),
        indexing="ij",
    )
    sky = wcs.pixel_to_world(x.ravel(), y.ravel())
    sky = sky[np.isfinite(sky.spherical.lon)]
    if len(sky) == 0:
        raise ValueError("no pixel of wcs lies on the sky")
    if wcs_to_celestial_frame(wcs).name not in _AXES:
        sky = sky.icrs
    return make_wcs(sky, pixel_scale, margin=margin)
