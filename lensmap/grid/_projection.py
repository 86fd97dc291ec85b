# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Where a galaxy falls on a map, and how the map's axes lie on the sky there."""

from copy import copy
from functools import cached_property

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, frame_transform_graph
from astropy.wcs.utils import wcs_to_celestial_frame

from lensmap.utils import check_celestial_wcs, chunk_slices, thread_map, unit_vectors

__all__ = ["PixelFrame"]

# The direction of the axes is followed on nodes this many pixels apart and interpolated as a
# vector in space, which is smooth even where the meridians meet.
_NODE_STEP = 8


class PixelFrame:
    r"""A map's pixels as seen from the sky of a catalog.

    With :math:`\phi` the angle of the pixel's +x axis from local east through north, reduced
    shear in the celestial basis becomes :math:`g_\mathrm{pix} = g_\mathrm{cel} e^{-2 i \phi}`
    where the pixel axes have the handedness of (east, north), and the complex conjugate of it
    where they have the other. Where the axes are not quite orthogonal, :math:`\phi` is that of
    the nearest rotation.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Any two-dimensional celestial WCS with its ``array_shape``.
    frame : str
        The frame of the catalog by its name in `astropy.coordinates`; its north is the one
        that ellipticities refer to.

    Raises
    ------
    TypeError, ValueError
        If the WCS is not usable, see `lensmap.utils.check_celestial_wcs`.
    """

    def __init__(self, wcs, frame="icrs"):
        check_celestial_wcs(wcs)
        self.wcs = wcs
        self.shape = wcs.array_shape
        self._frame = frame_transform_graph.lookup_name(frame)()
        self._wcs_frame = wcs_to_celestial_frame(wcs)
        self._same_frame = self._wcs_frame.is_equivalent_frame(self._frame)

    def without_directions(self):
        """Return the same frame without the directions of its axes, 12 bytes a pixel."""
        new = copy(self)
        new.__dict__.pop("_direction", None)
        return new

    # --- positions -------------------------------------------------------------------------

    def positions(self, lon, lat):
        """Project positions.

        Parameters
        ----------
        lon, lat : `numpy.ndarray`
            Degrees, in the frame of the catalog.

        Returns
        -------
        x, y : `numpy.ndarray`
            0-based pixel positions; not finite where the projection has no image.
        """
        if not self._same_frame:
            lon, lat = _transformed(
                lon, lat, self._frame, self._wcs_frame, self._rotation_to_wcs
            )
        # wcslib keeps work space in a WCS: each thread needs its own.
        wcs = self.wcs.deepcopy()
        world = np.empty((len(lon), 2))
        world[:, wcs.wcs.lng] = lon
        world[:, wcs.wcs.lat] = lat
        pixel = wcs.wcs_world2pix(world, 0)
        if wcs.has_distortion:
            pixel = self._distorted(wcs, world, pixel)
        return pixel[:, 0], pixel[:, 1]

    def _distorted(self, wcs, world, pixel):
        """Refine positions that are near the map; distortions are not defined far from it."""
        ny, nx = self.shape
        with np.errstate(invalid="ignore"):
            near = (np.abs(pixel - [nx / 2, ny / 2]) < [nx, ny]).all(axis=1)
        result = np.full_like(pixel, np.nan)
        if near.any():
            result[near] = wcs.all_world2pix(world[near], 0, quiet=True)
        return result

    # --- directions ------------------------------------------------------------------------

    @cached_property
    def _rotation_to_wcs(self):
        return _rotation_between(self._frame, self._wcs_frame)

    def _vectors(self, x, y):
        """Return unit vectors on the catalog's sky, shape (..., 3), of pixel positions."""
        flat = np.stack([np.ravel(x), np.ravel(y)], axis=-1).astype(float)
        world = self.wcs.all_pix2world(flat, 0)
        lon, lat = world[:, self.wcs.wcs.lng], world[:, self.wcs.wcs.lat]
        if not self._same_frame:
            back = None if self._rotation_to_wcs is None else self._rotation_to_wcs.T
            lon, lat = _transformed(lon, lat, self._wcs_frame, self._frame, back)
        return unit_vectors(lon, lat).reshape(*np.shape(x), 3)

    def _axes(self, x, y):
        """Return the vectors in space, per pixel, of the +x and +y axes and of the position."""
        h = 0.5
        axis_x = self._vectors(x + h, y) - self._vectors(x - h, y)
        axis_y = self._vectors(x, y + h) - self._vectors(x, y - h)
        return axis_x, axis_y, self._vectors(x, y)

    @cached_property
    def _nodes(self):
        """Node positions along y and x, and the axes there."""
        y, x = (_nodes_along(n) for n in self.shape)
        return y, x, self._axes(*np.meshgrid(x, y))

    @cached_property
    def parity(self):
        """Int: 1 if (+x, +y) has the handedness of (east, north), -1 if it is mirrored.

        Raises ValueError if the map has no pixel on the sky or if it is folded.
        """
        axis_x, axis_y, position = self._nodes[2]
        turn = np.einsum("...i,...i", np.cross(axis_x, axis_y), position)
        turn = np.sign(turn[np.isfinite(turn)])
        if turn.size == 0:
            raise ValueError("no pixel of wcs lies on the sky")
        if not np.all(turn == turn.flat[0]):
            raise ValueError(
                "wcs is folded: its pixel axes have different handedness in different places"
            )
        return int(turn.flat[0])

    @cached_property
    def _local_scales(self):
        """The smallest and the largest scale at each node, in any direction (radians per pixel)."""
        axis_x, axis_y, _ = self._nodes[2]
        xx, yy, xy = (
            np.einsum("...i,...i", a, b)
            for a, b in ((axis_x, axis_x), (axis_y, axis_y), (axis_x, axis_y))
        )
        mean, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        return np.sqrt(np.maximum(mean - spread, 0.0)), np.sqrt(mean + spread)

    @property
    def scales(self):
        """The smallest and the largest pixel scale anywhere on the map, in any direction.

        A pair of `~astropy.units.Quantity`, angles per pixel.
        """
        small, large = self._local_scales
        return np.nanmin(small) * u.rad, np.nanmax(large) * u.rad

    @property
    def scale(self):
        """The side of a pixel, an angle: the middle of what it is on the map, of `scales`."""
        low, high = self.scales
        return (low + high) / 2

    @property
    def anisotropy(self):
        """Float: how far the pixels are from squares: the largest local ratio of their scales.

        1 for a conformal map with square pixels; shear cannot be inverted where it is far from 1.
        """
        small, large = self._local_scales
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.nanmax(large / small))

    @cached_property
    def off_sky(self):
        """Bool, ``(ny, nx)``: the pixels that are not on the sky (corners of all-sky maps)."""
        if np.isfinite(self._nodes[2][2]).all():
            return np.zeros(self.shape, dtype=bool)
        y, x = np.indices(self.shape)
        return ~np.isfinite(self._vectors(x, y)).all(axis=-1)

    @cached_property
    def _direction(self):
        """Float32, ``(ny, nx, 3)``: the vector in space along the pixels' +x axis."""
        node_y, node_x, axes = self._nodes
        coarse = _direction_of(*axes, self.parity)
        if not np.isfinite(coarse).all():
            # At the edge of the sky there is nothing to interpolate with.
            y, x = np.indices(self.shape)
            return _direction_of(*self._axes(x, y), self.parity).astype(np.float32)
        if coarse.shape[:2] == self.shape:
            return coarse.astype(np.float32)
        return _interpolated(coarse, node_y, node_x, self.shape)

    def rotation(self, lon, lat, pixel):
        r"""Return the factor :math:`e^{-2 i \phi}` for galaxies.

        The direction of the axes is that of the galaxy's pixel, the direction of north that of
        the galaxy itself, so that it is right next to a pole, too.

        Parameters
        ----------
        lon, lat : `numpy.ndarray`
            Degrees, in the frame of the catalog.
        pixel : `numpy.ndarray`
            The flat index of each galaxy's pixel.

        Returns
        -------
        `numpy.ndarray`
            Complex64, one per galaxy, of modulus 1.
        """
        # Single precision is exact to 1e-7 here, and ten times as quick.
        lon = np.radians(np.remainder(lon, 360.0)).astype(np.float32)
        lat = np.radians(lat).astype(np.float32)
        direction = self._direction.reshape(-1, 3)
        tx, ty, tz = (direction[:, i][pixel] for i in range(3))
        sin_lon, cos_lon = np.sin(lon), np.cos(lon)
        east = ty * cos_lon - tx * sin_lon
        north = tz * np.cos(lat) - (tx * cos_lon + ty * sin_lon) * np.sin(lat)
        factor = np.empty(len(lon), dtype=np.complex64)
        norm = east * east + north * north
        np.divide(1.0, norm, out=norm, where=norm > 0)
        factor.real = (east * east - north * north) * norm
        factor.imag = -2.0 * east * north * norm
        return factor

    def pixel_rotation(self):
        r"""Return :math:`e^{-2 i \phi}` at the center of each pixel.

        Returns
        -------
        `numpy.ndarray`
            Complex64, ``(ny, nx)``; 0 where the pixel is not on the sky.
        """
        y, x = np.indices(self.shape)
        position = self._vectors(x, y).reshape(-1, 3)
        lon = np.degrees(np.arctan2(position[:, 1], position[:, 0]))
        lat = np.degrees(np.arcsin(np.clip(position[:, 2], -1.0, 1.0)))
        with np.errstate(invalid="ignore"):
            factor = self.rotation(lon, lat, np.arange(len(lon)))
        return np.nan_to_num(factor).reshape(self.shape)

    def to_pixel_basis(self, shear, rotation):
        """Turn shear from the celestial to the pixel basis.

        Parameters
        ----------
        shear : `numpy.ndarray`
            Complex, celestial basis.
        rotation : `numpy.ndarray`
            What `rotation` gave for the same galaxies.

        Returns
        -------
        `numpy.ndarray`
            Complex, pixel basis (+x, +y).
        """
        turned = shear * rotation
        return np.conj(turned) if self.parity < 0 else turned


def _turned(lon, lat, rotation):
    """Return longitudes and latitudes in degrees after a rotation of the sky."""
    vectors = unit_vectors(lon, lat, axis=0)
    # Not a matrix product, whose own threads would get in the way of those that call this.
    x, y, z = (row[0] * vectors[0] + row[1] * vectors[1] + row[2] * vectors[2] for row in rotation)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _transformed(lon, lat, frame, other, rotation):
    """Return longitudes and latitudes in another frame, by the rotation if there is one."""
    if rotation is not None:
        return _turned(lon, lat, rotation)
    sky = SkyCoord(lon, lat, unit=u.deg, frame=frame).transform_to(other).spherical
    return sky.lon.deg, sky.lat.deg


def _rotation_between(frame, other):
    """Return the matrix from one frame to another, None where it is more than a rotation (FK4).

    Turning vectors takes half the time of a SkyCoord of all galaxies.
    """
    axes = SkyCoord(np.eye(3), representation_type="cartesian", frame=frame)
    matrix = axes.transform_to(other).cartesian.xyz.value
    turns = np.allclose(matrix @ matrix.T, np.eye(3), rtol=0, atol=1e-12)
    return matrix if turns else None


def _nodes_along(n):
    """Return node positions from the first to the last pixel center."""
    return np.linspace(0.0, n - 1.0, min(n, 2 + (n - 1) // _NODE_STEP))


def _interpolated(coarse, node_y, node_x, shape):
    """Interpolate vectors linearly between nodes; float32, ``(ny, nx, 3)``."""
    (below, part_y), (left, part_x) = _between(node_y, shape[0]), _between(node_x, shape[1])
    part_y, part_x = part_y[:, np.newaxis, np.newaxis], part_x[:, np.newaxis]
    result = np.empty((*shape, 3), dtype=np.float32)

    def fill(rows):
        here = coarse[below[rows]]
        here += part_y[rows] * (coarse[below[rows] + 1] - here)
        step = np.diff(here, axis=1)
        result[rows] = here[:, left] + part_x * step[:, left]

    # A few rows at a time: what they need in double precision stays small.
    thread_map(fill, chunk_slices(shape[0], max(1, 100_000 // shape[1])), shape[0] * shape[1])
    return result


def _between(nodes, n):
    """Return the node before each pixel, and how far towards the next one the pixel is."""
    place = np.interp(np.arange(n), nodes, np.arange(len(nodes)))
    before = np.minimum(place.astype(int), len(nodes) - 2)
    return before, place - before


def _direction_of(axis_x, axis_y, position, parity):
    """Return the +x direction of the nearest (mirrored) square pixel, a vector in space.

    Turning the y axis back by a quarter turn gives a second opinion about +x; their sum is the
    rotation part of the polar decomposition.
    """
    return axis_x - parity * np.cross(position, axis_y)
