# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Projections whose pixels pass the meridian 180 degrees from the reference point.

In cylindrical, pseudo-cylindrical and conic projections the sky is cut along the native meridian of
180 degrees. Pixels beyond the cut continue the sky: a plate carree with CRVAL1 = 0 may have columns
from RA 0 to 360. wcslib returns positions within 180 degrees only (Calabretta & Greisen 2002, A&A
395, 1077, section 5), so that half of such an image would be off the sky.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.wcs import WCS, WcsError

from lensmap.utils._exceptions import ParameterError
from lensmap.utils._plane_wcs import PlaneWCS

__all__ = ["ContinuedWCS", "unwrapped"]

# The categories of projections in wcslib. The other ones are not cut, or do not continue.
_CYLINDRICAL, _CUT = 2, (2, 3, 4, 5, 6, 8)

_MAX_BORDER_POINTS = 2000

# Positions in pixels that count as equal.
_TOLERANCE_PIXELS = 1e-4


def unwrapped(wcs: WCS, name: str = "wcs") -> WCS | PlaneWCS:
    """Return an equivalent WCS for images that extend beyond native longitudes of +-180 degrees.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS with its ``array_shape``.
    name : str
        The parameter's name for the error message.

    Returns
    -------
    `~astropy.wcs.WCS` or ContinuedWCS
        ``wcs`` itself, unless a part of the sky is shown only by pixels more than 180 degrees in
        native longitude from the reference point. In this case, in a cylindrical projection, the
        same projection with its reference point at the longitude of the center of the image; in
        other projections, a `ContinuedWCS`. Both convert all pixels of the image to the sky and
        back.

    Raises
    ------
    ValueError
        If pixels of a projection with distortions lie more than 180 degrees in native longitude
        from the reference point.
    """
    if wcs.wcs.cel.prj.category not in _CUT:
        return wcs
    x, y = _sample(wcs.array_shape)
    phi, world = _continued(wcs, x, y)
    with np.errstate(invalid="ignore"):
        beyond = np.abs(phi) > 180.0
    if not beyond.any() or not _is_lost(wcs, world[beyond]).any():
        return wcs
    if wcs.has_distortion:
        raise ParameterError(
            name,
            "of pixels within 180 deg from the reference point",
            "one with distortions whose pixels pass it",
            "move CRVAL to the center of the image",
        )
    if wcs.wcs.cel.prj.category == _CYLINDRICAL:
        for turn_pole in (False, True):
            moved = _recentered(wcs, turn_pole)
            if moved is not None and _same_sky(moved, x, y, world):
                return moved
    return ContinuedWCS(wcs)


class ContinuedWCS(PlaneWCS):
    """A projection that is continued beyond the native meridian of 180 degrees.

    The plain projection covers native longitudes from -180 to 180 degrees. Each sky position
    has one pixel position. If the plain projection puts a sky position off the image, the pixel
    position is the one in the image whose native longitude differs by 360 degrees, if there is one.
    Otherwise, the pixel position is that of the plain projection.
    """

    has_distortion = False

    @property
    def projection(self) -> WCS:
        """The FITS WCS of the projection, which ends at 180 degrees, with the image's shape."""
        wcs = self._wcs.deepcopy()
        wcs.array_shape = self._shape
        return wcs

    def pixel_to_world_values(self, *pixel_arrays: Any) -> Any:
        """Convert pixel positions (x, y) to celestial coordinates in degrees.

        The coordinates are in the order of the axes of the WCS.
        """
        x, y = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in pixel_arrays))
        phi, world = _continued(self._wcs, x.ravel(), y.ravel())
        with np.errstate(invalid="ignore"):
            beyond = np.flatnonzero(np.abs(phi) > 180.0)
        if len(beyond) > 0:
            repeated = ~_is_lost(self._wcs, world[beyond], self.array_shape)
            world[beyond[repeated]] = np.nan
        return tuple(axis.reshape(x.shape) for axis in world.T)

    def world_to_pixel_values(self, *world_arrays: Any) -> Any:
        """Convert celestial coordinates in degrees to pixel positions (x, y).

        The coordinates are in the order of the axes of the WCS.
        """
        arrays = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in world_arrays))
        assert self._shape is not None, "a projection is continued for an image"
        pixel = _find(self._wcs, np.stack([v.ravel() for v in arrays], axis=-1), self._shape)
        return tuple(axis.reshape(arrays[0].shape) for axis in pixel.T)

    def deepcopy(self) -> ContinuedWCS:
        """Return a copy of the WCS that shares no data with it."""
        return ContinuedWCS(self._wcs.deepcopy(), self._shape)

    def slice(self, view: Any) -> WCS | PlaneWCS:
        """Return the WCS of a part of the image.

        ``view`` has the slices ``(y, x)``. The result is a FITS WCS if no pixel of the part lies
        beyond a native longitude of 180 degrees.
        """
        return unwrapped(self.projection.slice(view))

    def to_header(self, *args: Any, **kwargs: Any) -> Any:
        """Return the FITS header of the projection; the continuation does not change it."""
        return self._wcs.to_header(*args, **kwargs)

    def to_header_string(self, *args: Any, **kwargs: Any) -> Any:
        """Return the FITS header of the projection as text."""
        return self._wcs.to_header_string(*args, **kwargs)


def _sample(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixel positions x and y of points along the border of an image and inside it."""
    ny, nx = shape
    along_x, along_y = (
        np.linspace(-0.5, n - 0.5, min(n + 1, _MAX_BORDER_POINTS)) for n in (nx, ny)
    )
    inner_y, inner_x = np.meshgrid(
        np.linspace(0, ny - 1, min(ny, 33)), np.linspace(0, nx - 1, min(nx, 33)), indexing="ij"
    )
    low, left, right, top = (np.full_like(v, f) for v, f in (
        (along_x, -0.5), (along_y, -0.5), (along_y, nx - 0.5), (along_x, ny - 0.5)
    ))
    return (
        np.concatenate([along_x, along_x, left, right, inner_x.ravel()]),
        np.concatenate([low, top, along_y, along_y, inner_y.ravel()]),
    )


def _continued(wcs: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the native longitudes and the sky positions of pixel positions, in degrees.

    Native longitudes, ``(n,)``, may lie beyond +-180 degrees. Sky positions, ``(n, 2)``, are in the
    order of the axes of the WCS. Both are NaN for pixels that are off the sky or beyond native
    longitudes of +-540 degrees.
    """
    wcs = wcs.deepcopy()
    wcs.wcs.bounds_check(False, False)  # a copy of a WCS loses this setting
    result = wcs.wcs.p2s(np.stack([x, y], axis=-1), 0)
    phi, world, failed = result["phi"], result["world"], result["stat"] != 0
    if wcs.wcs.cel.prj.code == "AIT" and failed.any():
        phi[failed], world[failed] = _aitoff(wcs, x[failed], y[failed])
        failed[failed] = np.isnan(phi[failed])
    with np.errstate(invalid="ignore"):
        bad = failed | ~(np.abs(phi) <= 540.0) | ~(np.abs(world[:, wcs.wcs.lat]) <= 90.0)
    return np.where(bad, np.nan, phi), np.where(bad[:, np.newaxis], np.nan, world)


def _aitoff(wcs: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the native longitudes and sky positions of pixels of an Aitoff projection, in degrees.

    wcslib inverts this projection for native longitudes within 180 degrees only, but its equations
    hold up to 360 degrees (Calabretta & Greisen 2002, equations 107 to 111). The results, ``(n,)``
    and ``(n, 2)``, are NaN off the sky.
    """
    offset = np.stack([x + 1, y + 1], axis=-1) - wcs.wcs.crpix
    plane = np.radians(offset @ wcs.pixel_scale_matrix.T)
    u, v = plane[:, wcs.wcs.lng], plane[:, wcs.wcs.lat]
    square = 1 - (u / 4) ** 2 - (v / 2) ** 2
    with np.errstate(invalid="ignore"):
        z = np.sqrt(np.where(square > 0, square, np.nan))
        phi = 2 * np.degrees(np.arctan2(z * u / 2, 2 * square - 1))
        theta = np.degrees(np.arcsin(np.where(np.abs(v * z) <= 1, v * z, np.nan)))
    # In a plate carree with the same poles, native coordinates are those of the plane.
    twin = WCS(naxis=2)
    twin.wcs.ctype = [str(axis).replace("-AIT", "-CAR") for axis in wcs.wcs.ctype]
    twin.wcs.crval, twin.wcs.cdelt, twin.wcs.crpix = wcs.wcs.crval, [1, 1], [0, 0]
    twin.wcs.lonpole, twin.wcs.latpole = wcs.wcs.lonpole, wcs.wcs.latpole
    twin.wcs.set_pv(wcs.wcs.get_pv())
    twin.wcs.bounds_check(False, False)
    native = np.full((len(phi), 2), np.nan)
    native[:, wcs.wcs.lng], native[:, wcs.wcs.lat] = phi, theta
    known = np.isfinite(native).all(axis=-1)
    world = np.full((len(phi), 2), np.nan)
    if known.any():
        world[known] = twin.wcs.p2s(native[known], 1)["world"]
    return np.where(known, phi, np.nan), world


def _inside(pixel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    ny, nx = shape
    with np.errstate(invalid="ignore"):
        inside = (pixel >= -0.5 - 1e-6) & (pixel <= np.array([nx, ny]) - 0.5 + 1e-6)
    return inside[..., 0] & inside[..., 1]


def _is_lost(wcs: WCS, world: np.ndarray, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return which sky positions the plain projection, without continuation, puts off the image.

    ``world`` are the positions in degrees, ``(n, 2)``. The result is bool, ``(n,)``, and False for
    positions that are not finite. ``shape`` is the shape of the image; None takes that of ``wcs``.
    """
    pixel = wcs.deepcopy().wcs_world2pix(world, 0)
    return np.isfinite(world).all(axis=-1) & ~_inside(pixel, shape or wcs.array_shape)


def _find(wcs: WCS, world: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the pixel positions ``(n, 2)`` of sky positions ``(n, 2)`` in degrees.

    If the plain projection puts a position off the image, the pixel position is the one in the
    image whose native longitude differs by 360 degrees, if there is one.
    """
    wcs = wcs.deepcopy()
    native = wcs.wcs.s2p(world, 0)
    pixel = np.where((native["stat"] != 0)[:, np.newaxis], np.nan, native["pixcrd"])
    prj, to_pixels = wcs.wcs.cel.prj, np.linalg.inv(wcs.pixel_scale_matrix)
    phi, theta = native["phi"], native["theta"]
    for turn in (-360.0, 360.0):
        rest = np.flatnonzero(np.isfinite(pixel).all(axis=-1) & ~_inside(pixel, shape))
        if len(rest) == 0:
            break
        step = np.zeros((len(rest), 2))
        here = prj.prjs2x(phi[rest], theta[rest])
        there = prj.prjs2x(phi[rest] + turn, theta[rest])
        step[:, wcs.wcs.lng], step[:, wcs.wcs.lat] = there[0] - here[0], there[1] - here[1]
        new = pixel[rest] + step @ to_pixels.T
        back_phi, _ = _continued(wcs, new[:, 0], new[:, 1])
        with np.errstate(invalid="ignore"):
            right = _inside(new, shape) & (np.abs(back_phi - phi[rest] - turn) < 1e-6)
        pixel[rest[right]] = new[right]
    return pixel


def _recentered(wcs: WCS, turn_pole: bool) -> WCS | None:
    """Return a cylindrical WCS with the reference point at the longitude of the image center.

    ``turn_pole`` sets whether LONPOLE changes with the reference point, as it must if the native
    pole is not the celestial pole. With the right ``turn_pole``, which the caller finds by trying
    both, the result has the same pixels as ``wcs``. The result is None if no WCS has this reference
    point.
    """
    ny, nx = wcs.array_shape
    shift = _continued(wcs, np.array([(nx - 1) / 2]), np.array([(ny - 1) / 2]))[0][0]
    if not np.isfinite(shift):
        return None
    moved = wcs.deepcopy()
    cel = wcs.wcs.cel
    here, there = (cel.prj.prjs2x([cel.phi0 + turn], [cel.theta0]) for turn in (0.0, shift))
    step = np.zeros(2)
    step[wcs.wcs.lng], step[wcs.wcs.lat] = (there[0] - here[0])[0], (there[1] - here[1])[0]
    moved.wcs.crpix = wcs.wcs.crpix + np.linalg.inv(wcs.pixel_scale_matrix) @ step
    x, y = moved.wcs.crpix - 1
    moved.wcs.crval = _continued(wcs, np.array([x]), np.array([y]))[1][0]
    if turn_pole:
        moved.wcs.lonpole = (wcs.wcs.lonpole - shift + 180.0) % 360.0 - 180.0
        moved.wcs.latpole = 90.0 - cel.euler[1]
    try:
        moved.wcs.set()
    except WcsError:  # no pole belongs to this reference point
        return None
    return moved


def _same_sky(wcs: WCS, x: np.ndarray, y: np.ndarray, world: np.ndarray) -> bool:
    """Return whether a WCS puts positions on the sky at the given pixel positions.

    ``world`` are the positions in degrees, ``(n, 2)``; ``x`` and ``y`` are the pixel positions,
    ``(n,)``.
    """
    known = np.isfinite(world).all(axis=-1)
    pixel = wcs.wcs_world2pix(world[known], 0)
    ny, nx = wcs.array_shape
    off = np.abs(pixel - np.stack([x, y], axis=-1)[known]).max(axis=-1)
    # The two borders of an image of the whole sky are one meridian.
    edge = (np.minimum(np.abs(x + 0.5), np.abs(x - nx + 0.5)) < 1e-6) | (
        np.minimum(np.abs(y + 0.5), np.abs(y - ny + 0.5)) < 1e-6)
    return bool(np.all((off < _TOLERANCE_PIXELS) | edge[known]) and (off < 1e-4).mean() > 0.5)
