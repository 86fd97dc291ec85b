# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Projection of galaxies onto a map, and the orientation of its pixel axes on the sky."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, frame_transform_graph

from lensmap.grid._gnomonic import Gnomonic
from lensmap.grid._sums import check_grid_memory
from lensmap.utils import (
    celestial_frame,
    check_celestial_wcs,
    chunk_slices,
    pixel_to_sky,
    sky_to_pixel,
    thread_map,
    unit_vectors,
)

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["PixelFrame"]

# The direction of the pixel axes is computed on nodes this far apart, and interpolated between the
# nodes. It is interpolated as a three-dimensional vector, which is smooth even at the poles.
_NODE_STEP_PIXELS = 8


class PixelFrame:
    r"""The pixels of a map, with positions and directions in the celestial frame of a catalog.

    Let :math:`\phi` be the angle from local east, through north, to the +x axis of a pixel. If the
    pixel axes have the handedness of (east, north), a reduced shear :math:`g_\mathrm{cel}` in the
    celestial basis is :math:`g_\mathrm{pix} = g_\mathrm{cel} e^{-2 i \phi}` in the pixel basis. If
    the axes are mirrored, it is the complex conjugate of this expression. For axes that are not
    orthogonal, :math:`\phi` is the angle of the nearest rotation.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS` or other WCS
        Any two-dimensional celestial WCS with its ``array_shape``, of FITS or of Astropy's common
        interface.
    frame : str
        The name in `astropy.coordinates` of the frame of the catalog. Ellipticities are measured
        with respect to the north of this frame.

    Attributes
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of the map, as ``lensmap.utils.check_celestial_wcs`` returns it.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Raises
    ------
    TypeError
        If ``wcs`` is not a WCS.
    ValueError
        If ``wcs`` is not two-dimensional and celestial, or has no ``array_shape``.
    """

    def __init__(self, wcs: WCS, frame: str = "icrs") -> None:
        self.wcs = check_celestial_wcs(wcs)
        self.shape = self.wcs.array_shape
        self._frame = frame_transform_graph.lookup_name(frame)()
        self._wcs_frame = celestial_frame(self.wcs)
        self._same_frame = self._wcs_frame.is_equivalent_frame(self._frame)

    def without_directions(self) -> PixelFrame:
        """Return a copy without the cached axis directions, which take 12 bytes per pixel."""
        new = copy(self)
        new.__dict__.pop("_direction", None)
        return new

    # --- positions -------------------------------------------------------------------------

    def positions(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Convert positions on the sky to pixel positions.

        Parameters
        ----------
        lon, lat : `numpy.ndarray`
            Longitudes and latitudes in the frame of the catalog, in degrees, ``(n,)``.

        Returns
        -------
        x, y : `numpy.ndarray`
            Pixel positions, 0-based, ``(n,)``. They are not finite where the projection is not
            defined.
        """
        if not self._same_frame:
            lon, lat = _transform(lon, lat, self._frame, self._wcs_frame, self._rotation_to_wcs)
        if self._gnomonic is not None:
            return self._gnomonic.positions(lon, lat)
        return sky_to_pixel(self.wcs, lon, lat)

    @cached_property
    def _gnomonic(self) -> Gnomonic | None:
        """The projection of the WCS, if it is a plain tangent plane."""
        return Gnomonic.of(self.wcs)

    # --- directions ------------------------------------------------------------------------

    @cached_property
    def _rotation_to_wcs(self) -> np.ndarray | None:
        return _rotation_between(self._frame, self._wcs_frame)

    def _vectors(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the unit vectors that point to pixel positions, ``(..., 3)``.

        The three components are Cartesian coordinates in the celestial frame of the catalog.
        """
        lon, lat = pixel_to_sky(self.wcs, np.ravel(x), np.ravel(y))
        if not self._same_frame:
            back = None if self._rotation_to_wcs is None else self._rotation_to_wcs.T
            lon, lat = _transform(lon, lat, self._wcs_frame, self._frame, back)
        return unit_vectors(lon, lat).reshape(*np.shape(x), 3)

    def _axes(
        self, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the pixel axes at pixel positions, as vectors in the frame of the catalog.

        Returns
        -------
        axis_x, axis_y, position : `numpy.ndarray`
            ``position`` is the unit vector that points to the pixel position. ``axis_x`` and
            ``axis_y`` are the changes of this vector over one pixel along +x and along +y. The
            shapes are ``(..., 3)``; the values are NaN off the sky.
        """
        h = 0.5
        axis_x = self._vectors(x + h, y) - self._vectors(x - h, y)
        axis_y = self._vectors(x, y + h) - self._vectors(x, y - h)
        return axis_x, axis_y, self._vectors(x, y)

    @cached_property
    def _nodes(self) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """The nodes between which positions on the sky and the pixel axes are interpolated.

        The value is ``(y, x, (axis_x, axis_y, position))``: the pixel coordinates of the nodes
        along y and along x and, for each node, three vectors in the frame of the catalog, as
        `_axes` returns them. ``position`` is the unit vector that points to the node; ``axis_x``
        and ``axis_y`` are its changes over one pixel along x and along y.
        """
        # Callers make arrays of the whole map next, so check first that these fit into memory.
        check_grid_memory(self.shape)
        y, x = (_nodes_along(n) for n in self.shape)
        return y, x, self._axes(*np.meshgrid(x, y))

    @cached_property
    def parity(self) -> int:
        """The handedness of the pixel axes (+x, +y): 1 for that of (east, north), -1 if mirrored.

        An image with north up and east to the left has -1.

        A ValueError is raised if no pixel lies on the sky, or if the handedness is not the same on
        the whole map.
        """
        axis_x, axis_y, position = self._nodes[2]
        signs = np.einsum("...i,...i", np.cross(axis_x, axis_y), position)
        signs = np.sign(signs[np.isfinite(signs)])
        if signs.size == 0:
            raise ValueError(
                "wcs must have at least one pixel on the sky, but its projection is not defined "
                f"at any of its {self.shape[0]} x {self.shape[1]} pixels: check CRPIX, CDELT and "
                "the array_shape of wcs"
            )
        if not np.all(signs == signs.flat[0]):
            raise ValueError(
                "wcs must be mirrored in all of its pixels or in none, but is mirrored in some of "
                "them: reduce the size of the map, or use a WCS from make_wcs"
            )
        return int(signs.flat[0])

    @cached_property
    def _local_scales(self) -> tuple[np.ndarray, np.ndarray]:
        """The smallest and the largest pixel scale over all directions, at points of the map.

        The two arrays are in radians. The points are the nodes of an interpolation grid,
        ``(n_node_y, n_node_x)``.
        """
        axis_x, axis_y, _ = self._nodes[2]
        xx, yy, xy = (
            np.einsum("...i,...i", a, b)
            for a, b in ((axis_x, axis_x), (axis_y, axis_y), (axis_x, axis_y))
        )
        mean, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        return np.sqrt(np.maximum(mean - spread, 0.0)), np.sqrt(mean + spread)

    @property
    def scales(self) -> tuple[u.Quantity, u.Quantity]:
        """The smallest and the largest angular pixel scale on the map, over all directions."""
        small, large = self._local_scales
        return np.nanmin(small) * u.rad, np.nanmax(large) * u.rad

    @property
    def scale(self) -> u.Quantity:
        """The mean of the smallest and the largest angular pixel scale on the map."""
        low, high = self.scales
        return (low + high) / 2

    @property
    def anisotropy(self) -> float:
        """The largest ratio of the pixel scales in two directions at the same point of the map.

        The ratio is 1 for a conformal map with square pixels. Shear cannot be inverted on a map
        with a much larger ratio.
        """
        small, large = self._local_scales
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.nanmax(large / small))

    @cached_property
    def off_sky(self) -> np.ndarray:
        """Bool, ``(ny, nx)``: True for pixels off the sky, such as corners of all-sky maps."""
        if np.isfinite(self._nodes[2][2]).all():
            return np.zeros(self.shape, dtype=bool)
        y, x = np.indices(self.shape)
        return ~np.isfinite(self._vectors(x, y)).all(axis=-1)

    @cached_property
    def _direction(self) -> np.ndarray:
        """The vector along the +x axis of each pixel, float32, ``(ny, nx, 3)``.

        The three components are Cartesian coordinates in the celestial frame of the catalog.
        """
        node_y, node_x, axes = self._nodes
        coarse = _direction_of(*axes, self.parity)
        if not np.isfinite(coarse).all():
            # Some nodes are off the sky and have no direction, so compute all pixels directly.
            y, x = np.indices(self.shape)
            return _direction_of(*self._axes(x, y), self.parity).astype(np.float32)
        if coarse.shape[:2] == self.shape:
            return coarse.astype(np.float32)
        return _interpolate(coarse, node_y, node_x, self.shape)

    def rotation(self, lon: np.ndarray, lat: np.ndarray, pixel: np.ndarray) -> np.ndarray:
        r"""Return the factor :math:`e^{-2 i \phi}` that rotates the shear of each galaxy.

        The angle :math:`\phi` is measured from east at the galaxy, through north, to the +x axis of
        the galaxy's pixel. East at the galaxy differs from east at the center of the pixel, which
        matters next to a pole.

        Parameters
        ----------
        lon, lat : `numpy.ndarray`
            Longitudes and latitudes in the frame of the catalog, in degrees, ``(n,)``.
        pixel : `numpy.ndarray`
            The flat index of each galaxy's pixel, ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            The factors, of modulus 1, complex64, ``(n,)``.
        """
        # Single precision is accurate to 1e-7 here, and ten times faster.
        lon = np.radians(np.remainder(lon, 360.0)).astype(np.float32)
        lat = np.radians(lat).astype(np.float32)
        tx, ty, tz = np.take(self._direction.reshape(-1, 3), pixel, axis=0).T
        sin_lon, cos_lon = np.sin(lon), np.cos(lon)
        east = ty * cos_lon - tx * sin_lon
        north = tz * np.cos(lat) - (tx * cos_lon + ty * sin_lon) * np.sin(lat)
        factor = np.empty(len(lon), dtype=np.complex64)
        norm = east * east + north * north
        np.divide(1.0, norm, out=norm, where=norm > 0)
        factor.real = (east * east - north * north) * norm
        factor.imag = -2.0 * east * north * norm
        return factor

    def pixel_rotation(self) -> np.ndarray:
        r"""Return the factor :math:`e^{-2 i \phi}` that rotates shear at the center of each pixel.

        The angle :math:`\phi` is measured from local east, through north, to the +x axis of the
        pixel.

        Returns
        -------
        `numpy.ndarray`
            The factors, complex64, ``(ny, nx)``; 0 in pixels off the sky.
        """
        y, x = np.indices(self.shape)
        position = self._vectors(x, y).reshape(-1, 3)
        lon = np.degrees(np.arctan2(position[:, 1], position[:, 0]))
        lat = np.degrees(np.arcsin(np.clip(position[:, 2], -1.0, 1.0)))
        with np.errstate(invalid="ignore"):
            factor = self.rotation(lon, lat, np.arange(len(lon)))
        return np.nan_to_num(factor).reshape(self.shape)

    def to_pixel_basis(self, shear: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """Rotate shear from the celestial basis to the basis of the pixel axes.

        Parameters
        ----------
        shear : `numpy.ndarray`
            The complex shear in the celestial basis, ``(n,)``.
        rotation : `numpy.ndarray`
            The complex rotation factors of the same galaxies, as returned by the method `rotation`,
            ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            The complex shear in the pixel basis (+x, +y), ``(n,)``.
        """
        rotated = shear * rotation
        return np.conj(rotated) if self.parity < 0 else rotated


def _rotate(lon: np.ndarray, lat: np.ndarray, matrix: np.ndarray) -> tuple[Any, Any]:
    """Rotate longitudes and latitudes, in degrees, by a rotation matrix."""
    vectors = unit_vectors(lon, lat, axis=0)
    # A matrix product would start further threads, although this function already runs in threads.
    x, y, z = (row[0] * vectors[0] + row[1] * vectors[1] + row[2] * vectors[2] for row in matrix)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _transform(
    lon: np.ndarray, lat: np.ndarray, frame: Any, other: Any, matrix: np.ndarray | None
) -> tuple[Any, Any]:
    """Transform longitudes and latitudes, in degrees, from one frame to another.

    ``matrix`` is the rotation between the frames. If it is None, astropy transforms the positions.
    """
    if matrix is not None:
        return _rotate(lon, lat, matrix)
    sky = SkyCoord(lon, lat, unit=u.deg, frame=frame).transform_to(other).spherical
    return sky.lon.deg, sky.lat.deg


def _rotation_between(frame: Any, other: Any) -> np.ndarray | None:
    """Return the rotation matrix from one frame to another.

    The result is None if the transformation is not a rotation, as for FK4. Rotating vectors takes
    half the time of transforming a SkyCoord.
    """
    axes = SkyCoord(np.eye(3), representation_type="cartesian", frame=frame)
    matrix = axes.transform_to(other).cartesian.xyz.value
    is_rotation = np.allclose(matrix @ matrix.T, np.eye(3), rtol=0, atol=1e-12)
    return matrix if is_rotation else None


def _nodes_along(n: int) -> np.ndarray:
    """Return the pixel positions of the interpolation nodes along an axis of ``n`` pixels.

    The first and the last pixel are nodes, and the spacing of the nodes is at most
    `_NODE_STEP_PIXELS` pixels.
    """
    return np.linspace(0.0, n - 1.0, min(n, 2 + (n - 1) // _NODE_STEP_PIXELS))


def _interpolate(
    coarse: np.ndarray, node_y: np.ndarray, node_x: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Interpolate vectors linearly from nodes to all pixels of a map.

    Parameters
    ----------
    coarse : `numpy.ndarray`
        The vectors at the nodes, ``(n_node_y, n_node_x, 3)``.
    node_y, node_x : `numpy.ndarray`
        The pixel positions of the nodes along y and x.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        The vectors at the pixel centers, float32, ``(ny, nx, 3)``.
    """
    (below, offset_y), (left, offset_x) = _locate(node_y, shape[0]), _locate(node_x, shape[1])
    offset_y, offset_x = offset_y[:, np.newaxis, np.newaxis], offset_x[:, np.newaxis]
    result = np.empty((*shape, 3), dtype=np.float32)

    def fill(rows: slice) -> None:
        values = coarse[below[rows]]
        values += offset_y[rows] * (coarse[below[rows] + 1] - values)
        step = np.diff(values, axis=1)
        result[rows] = values[:, left] + offset_x * step[:, left]

    # Blocks of rows limit the memory for intermediate arrays in double precision.
    thread_map(fill, chunk_slices(shape[0], max(1, 100_000 // shape[1])), shape[0] * shape[1])
    return result


def _locate(nodes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the interpolation node before each pixel of an axis, and the distance from it.

    Parameters
    ----------
    nodes : `numpy.ndarray`
        The pixel positions of the nodes along the axis.
    n : int
        The number of pixels along the axis.

    Returns
    -------
    before : `numpy.ndarray`
        The index of the last node at or before each pixel, ``(n,)``.
    offset : `numpy.ndarray`
        The distance of each pixel from this node, as a fraction of the node spacing, ``(n,)``.
    """
    position = np.interp(np.arange(n), nodes, np.arange(len(nodes)))
    before = np.minimum(position.astype(int), len(nodes) - 2)
    return before, position - before


def _direction_of(
    axis_x: np.ndarray, axis_y: np.ndarray, position: np.ndarray, parity: int
) -> np.ndarray:
    """Return the direction of the +x axis of each pixel, for axes that may not be orthogonal.

    ``axis_x``, ``axis_y`` and ``position`` are three-dimensional vectors, ``(..., 3)``: the pixel
    axes on the sky and the unit vector that points to the pixel. ``parity`` is -1 on a mirrored map
    and otherwise 1. The result, ``(..., 3)``, is the sum of the +x axis and of the +y axis rotated
    by -90 degrees (+90 degrees on a mirrored map). It is along the +x axis of the square pixel that
    is closest to the distorted pixel, by the polar decomposition of the two axes.
    """
    return axis_x - parity * np.cross(position, axis_y)
