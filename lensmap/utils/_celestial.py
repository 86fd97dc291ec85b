# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of celestial WCS, and conversion of positions between pixels and the sky."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import ICRS, SkyCoord, SphericalRepresentation
from astropy.wcs import WCS, FITSFixedWarning, WcsError
from astropy.wcs.utils import wcs_to_celestial_frame
from astropy.wcs.wcsapi import BaseHighLevelWCS, BaseLowLevelWCS

from lensmap.utils._exceptions import ParameterError, ParameterTypeError
from lensmap.utils._plane_wcs import PlaneWCS
from lensmap.utils._positions import converts_to_icrs
from lensmap.utils._unwrapping import unwrapped

if TYPE_CHECKING:
    from astropy.coordinates import BaseCoordinateFrame
    from numpy.typing import ArrayLike

__all__ = ["celestial_frame", "celestial_plane", "check_celestial_wcs", "header_wcs",
           "pixel_to_sky", "sky_to_pixel", "unsuitable_frame"]

# A larger side of a pixel is a mistake in its unit.
_MAX_PIXEL_DEG = 1000.0

# Frames with these attributes depend on the place of an observer.
_OBSERVER_ATTRIBUTES = {"location", "observer", "obsgeoloc"}


def check_celestial_wcs(wcs: Any, name: str = "wcs", *, need_shape: bool = True) -> WCS:
    """Check that a WCS is celestial, and return it in a form that is valid at all of its pixels.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS` or other WCS
        A FITS WCS, or any WCS of Astropy's common interface (APE 14), such as a ``gwcs.WCS``.
    name : str
        The parameter's name for the error message.
    need_shape : bool
        Whether ``wcs.array_shape`` must be set. Without a shape, a FITS WCS is always returned
        unchanged.

    Returns
    -------
    `~astropy.wcs.WCS` or PlaneWCS
        A FITS WCS is returned unchanged, unless a part of the sky is shown only by pixels more than
        180 degrees in native longitude from the reference point. In this case, the result is an
        equivalent WCS that also converts these pixels. A WCS that is not a FITS WCS is returned as
        a `PlaneWCS`, which adds the attributes of a FITS WCS that lensmap uses.

    Raises
    ------
    TypeError
        If ``wcs`` is not a WCS.
    ValueError
        If ``wcs`` is not two-dimensional, not celestial, in a frame that lensmap does not support,
        or lacks a required shape.
    """
    if isinstance(wcs, PlaneWCS):
        pass
    elif isinstance(wcs, WCS):
        _check_fits_wcs(wcs, name)
    elif isinstance(wcs, (BaseLowLevelWCS, BaseHighLevelWCS)):
        wcs = _as_plane(wcs, name)
    else:
        raise ParameterTypeError(
            name,
            "an astropy.wcs.WCS or another WCS of Astropy's common interface, such as a gwcs.WCS",
            type(wcs).__name__,
        )
    if wcs.array_shape is None or min(wcs.array_shape) < 1:
        if need_shape:
            raise ParameterError(
                name,
                "an array shape of at least one pixel",
                str(wcs.array_shape),
                f"set {name}.array_shape = (ny, nx), the numbers of pixels",
                verb="have",
            )
        return wcs
    return unwrapped(wcs, name) if isinstance(wcs, WCS) else wcs


def _check_fits_wcs(wcs: WCS, name: str) -> None:
    try:
        has_celestial = wcs.has_celestial
        if has_celestial:
            wcs.wcs.set()
    except (WcsError, ValueError) as error:
        # wcslib begins its messages with a line of its source.
        text = " ".join(re.sub(r"ERROR .*?\.c:", "", str(error)).split())
        raise ParameterError(name, "a valid WCS", remedy=text) from None
    axes = ", ".join(repr(str(axis)) for axis in wcs.wcs.ctype) or "none"
    if not has_celestial:
        raise ParameterError(
            name, "celestial axes, such as 'RA---TAN', 'DEC--TAN'", f"the axes {axes}", verb="have"
        )
    if wcs.naxis != 2:
        raise ParameterError(
            name, "two axes", f"{wcs.naxis}", f"give {name}.celestial, the two celestial axes",
            verb="have",
        )
    if any(len(axis) < 6 or not axis[5:8].strip() for axis in wcs.wcs.ctype):
        raise ParameterError(
            name,
            "a projection onto the sky, such as RA---TAN",
            remedy=f"its axes {axes} are linear",
            verb="have",
        )
    if np.linalg.matrix_rank(wcs.pixel_scale_matrix) < 2:
        raise ParameterError(
            name, "a valid WCS", remedy="its matrix (CD, or PC and CDELT) is singular"
        )
    largest = np.sqrt(np.square(wcs.pixel_scale_matrix).sum(axis=0)).max()
    if not largest <= _MAX_PIXEL_DEG:
        raise ParameterError(
            name, f"pixels of at most {_MAX_PIXEL_DEG:g} deg", f"{largest:g} deg",
            "check CDELT, or the CD matrix, and their unit", verb="have",
        )
    celestial_frame(wcs, name)


def _as_plane(wcs: Any, name: str) -> PlaneWCS:
    """Check a WCS of Astropy's common interface (APE 14), and return it as a `PlaneWCS`.

    A `PlaneWCS` adds the attributes of `astropy.wcs.WCS` that lensmap uses. ``name`` is the
    parameter's name for error messages.
    """
    low = wcs.low_level_wcs if hasattr(wcs, "low_level_wcs") else wcs
    types = [str(kind) for kind in low.world_axis_physical_types]
    if low.pixel_n_dim != 2 or low.world_n_dim != 2:
        raise ParameterError(
            name,
            "two-dimensional",
            remedy=f"it has {low.pixel_n_dim} pixel axes and the world axes {', '.join(types)}",
        )
    if not all(kind.startswith("pos.") for kind in types):
        raise ParameterError(
            name, "celestial axes", remedy=f"its axes are {', '.join(types)}", verb="have"
        )
    plane = PlaneWCS(low, getattr(wcs, "array_shape", None))
    celestial_frame(plane, name)
    return plane


def celestial_frame(wcs: WCS | PlaneWCS, name: str = "wcs") -> BaseCoordinateFrame:
    """Return the celestial frame of a WCS.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS` or PlaneWCS
        A celestial WCS.
    name : str
        The parameter's name for the error message.

    Returns
    -------
    `~astropy.coordinates.BaseCoordinateFrame`
        The frame, an astropy frame without positions.

    Raises
    ------
    ValueError
        If the frame is unknown, is not equatorial or galactic, or depends on an observer.
    """
    allowed = "in an equatorial (ICRS, FK5, FK4, FK4-NO-E) or Galactic frame"
    if isinstance(wcs, PlaneWCS):
        frame, label = wcs.frame, type(wcs.frame).__name__
    else:
        # astropy takes every unknown longitude, such as ELON, to be a right ascension.
        label = wcs.wcs.lngtyp.strip()
        if label not in ("RA", "GLON"):
            raise ParameterError(
                name, allowed, f"in the frame of the axes {', '.join(map(repr, wcs.wcs.ctype))}"
            )
        if label == "RA":
            label = f"RADESYS = {wcs.wcs.radesys!r}"
        try:
            frame = wcs_to_celestial_frame(wcs)
        except ValueError:
            raise ParameterError(
                name, allowed, label, f"correct RADESYS (in Python, {name}.wcs.radesys)"
            ) from None
    why = unsuitable_frame(frame)
    if why is not None:
        raise ParameterError(name, allowed, label, f"this frame {why}")
    return frame


def unsuitable_frame(frame: BaseCoordinateFrame) -> str | None:
    """Return the reason why a frame cannot hold the positions of galaxies.

    Parameters
    ----------
    frame : `~astropy.coordinates.BaseCoordinateFrame`
        The frame, without data.

    Returns
    -------
    str or None
        A clause that follows "this frame", such as ``"is not tied to ICRS"``. None if the frame is
        suitable.
    """
    if _OBSERVER_ATTRIBUTES & set(frame.frame_attributes):
        return "depends on the place of an observer"
    if not frame.is_transformable_to(ICRS()):
        return "is not tied to ICRS"
    if not issubclass(frame.representation_type, SphericalRepresentation):
        return "has no longitude and latitude"
    if "obstime" in frame.frame_attributes and not converts_to_icrs(frame.name):
        return "needs distances, or the place and time of an observer"
    return None


def header_wcs(header: Any, hdus: Any = None) -> WCS:
    """Return the WCS of a FITS header, without astropy's warning about axes of length 1.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header. It may describe more axes than the image has.
    hdus : `~astropy.io.fits.HDUList` or None
        The file, for distortion tables.

    Returns
    -------
    `~astropy.wcs.WCS`
        The WCS with all axes of the header; `celestial_plane` selects two of them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The WCS transformation has more axes", FITSFixedWarning)
        return WCS(header, hdus)


def celestial_plane(
    wcs: WCS, shape: tuple[int, ...], name: str = "wcs"
) -> tuple[WCS, tuple[int | slice, ...]]:
    """Return the two-dimensional celestial WCS of an image that may have further axes of length 1.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of the image, with two or more axes in any order.
    shape : tuple of int
        The shape of the image as a numpy array, whose first axis is the last axis of the WCS. The
        image may have fewer axes than ``wcs``.
    name : str
        The parameter's name for the error message.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
        The celestial axes in the order of the image, with ``array_shape``.
    index : tuple
        The index of the celestial plane in the image.

    Raises
    ------
    ValueError
        If the image lacks a celestial axis, or if a further axis is longer than 1.
    """
    if not wcs.has_celestial:
        names = ", ".join(repr(str(axis)) for axis in wcs.wcs.ctype) or "none"
        raise ParameterError(
            name, "celestial axes, such as 'RA---TAN', 'DEC--TAN'", f"the axes {names}",
            verb="have",
        )
    axes = sorted((wcs.wcs.lng, wcs.wcs.lat))
    n = len(shape)
    if n < 2 or axes[1] >= n:
        raise ParameterError(
            name,
            "celestial along the axes of the image",
            remedy=f"the image has the shape {shape} and its WCS has the axes "
                   f"{', '.join(repr(str(axis)) for axis in wcs.wcs.ctype)}, of which the first "
                   "is the last axis of the shape",
        )
    index = tuple(slice(None) if n - 1 - i in axes else 0 for i in range(n))
    planes = [length for i, length in enumerate(shape) if n - 1 - i not in axes]
    if np.prod(planes, dtype=int) != 1:
        raise ParameterError(
            name,
            "of one image",
            f"of {int(np.prod(planes, dtype=int))} planes, shape {shape}",
            "select one plane, such as (array[0], wcs.celestial), or write it to a file of its own",
        )
    if wcs.naxis > 2:
        try:
            wcs = wcs.sub([axis + 1 for axis in axes])
        except WcsError as error:
            raise ParameterError(
                name, "without rotation between the sky and other axes", remedy=str(error)
            ) from None
    else:
        wcs = wcs.deepcopy()
    wcs.array_shape = tuple(shape[n - 1 - axis] for axis in reversed(axes))
    return wcs, index


def pixel_to_sky(
    wcs: WCS | PlaneWCS, x: ArrayLike, y: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Convert pixel positions to longitudes and latitudes in the frame of a WCS.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS` or PlaneWCS
        A celestial WCS that `check_celestial_wcs` has returned.
    x, y : array_like
        Pixel positions, 0-based, of the same shape.

    Returns
    -------
    lon, lat : `numpy.ndarray`
        Longitudes and latitudes in degrees; NaN off the sky.
    """
    if isinstance(wcs, PlaneWCS):
        sky = wcs.pixel_to_world(x, y).spherical
        return sky.lon.deg, sky.lat.deg
    # wcslib writes to a WCS during a transformation, so each thread needs a copy.
    wcs = wcs.deepcopy()
    world = wcs.all_pix2world(np.asarray(x, dtype=float), np.asarray(y, dtype=float), 0)
    return world[wcs.wcs.lng], world[wcs.wcs.lat]


def sky_to_pixel(
    wcs: WCS | PlaneWCS, lon: ArrayLike, lat: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Convert longitudes and latitudes in the frame of a WCS to pixel positions.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS` or PlaneWCS
        A celestial WCS that `check_celestial_wcs` has returned.
    lon, lat : array_like
        Longitudes and latitudes in degrees, ``(n,)``.

    Returns
    -------
    x, y : `numpy.ndarray`
        Pixel positions, 0-based, ``(n,)``. They are not finite where the projection is not defined.
        If the WCS has distortions, they are not finite far from the image either, because
        distortions are not defined there.
    """
    if isinstance(wcs, PlaneWCS):
        x, y = wcs.world_to_pixel(SkyCoord(lon, lat, unit=u.deg, frame=wcs.frame))
        return np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    # wcslib writes to a WCS during a transformation, so each thread needs a copy.
    wcs = wcs.deepcopy()
    world = np.empty((np.size(lon), 2))
    world[:, wcs.wcs.lng], world[:, wcs.wcs.lat] = np.ravel(lon), np.ravel(lat)
    pixel = wcs.wcs_world2pix(world, 0)
    if wcs.has_distortion and wcs.array_shape is not None:
        ny, nx = wcs.array_shape
        with np.errstate(invalid="ignore"):
            near = (np.abs(pixel - [nx / 2, ny / 2]) < [nx, ny]).all(axis=1)
        pixel[~near] = np.nan
        if near.any():
            # The inverse of a distortion may not converge far from the image.
            pixel[near] = wcs.all_world2pix(world[near], 0, quiet=True)
    elif wcs.has_distortion:
        pixel = wcs.all_world2pix(world, 0, quiet=True)
    shape = np.shape(lon)
    return pixel[:, 0].reshape(shape), pixel[:, 1].reshape(shape)
