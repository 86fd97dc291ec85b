# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mask sources: classes for each kind of mask, which test whether positions lie inside the mask.

The kinds are boolean arrays, regions, images, multi-order coverage maps and star holes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.masks._positions import Positions, chord
from lensmap.masks._shapes import Shape, has_area, is_exclusion, make_shape
from lensmap.utils import MapWarning, ParameterTypeError, warn_user

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from numpy.typing import ArrayLike

__all__ = ["ArraySource", "HoleSource", "ImageSource", "MOCSource", "MaskSource", "RegionSource"]

# With more shapes than this, a k-d tree is faster than a comparison with all positions.
_MIN_SHAPES_FOR_TREE = 20


class MaskSource(Protocol):
    """The interface of mask sources, which test whether positions lie inside a mask.

    A mask source is made from an array, an image, a set of regions or the like.

    Attributes
    ----------
    kind : str
        The kind of source, as shown in the ``repr`` of a `~lensmap.masks.SkyMask`.
    """

    kind: str

    def contains(self, positions: Positions) -> np.ndarray:
        """Return whether each position lies inside the mask, bool, ``(n,)``.

        `SkyMask` decides whether the inside or, for a footprint, the outside is excluded.
        """


def _look_up(array: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the values of an image at pixel positions x and y; 0 off the image."""
    ny, nx = array.shape
    with np.errstate(invalid="ignore"):
        inside = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
    result = np.zeros(np.shape(x), dtype=array.dtype)
    result[inside] = array[
        np.floor(y[inside] + 0.5).astype(int), np.floor(x[inside] + 0.5).astype(int)
    ]
    return result


class ArraySource:
    """A mask given as a boolean array on the pixels of the map, ``(ny, nx)``, True = inside."""

    kind = "a boolean array"

    def __init__(self, array: np.ndarray) -> None:
        if array.dtype != bool or array.ndim != 2:
            raise ParameterTypeError(
                "mask",
                "two-dimensional and boolean (True = excluded)",
                f"{array.ndim}-dimensional of {array.dtype}",
                "give (array, wcs) for an image",
            )
        self.array = array

    def contains(self, positions: Positions) -> np.ndarray:
        """Return whether each position lies in a True pixel of the array, bool, ``(n,)``."""
        x, y = positions.pixels(self.kind)
        map_shape = None if positions.wcs is None else positions.wcs.array_shape
        if map_shape != self.array.shape:
            raise ValueError(
                f"the mask has the shape {self.array.shape}, but the map has {map_shape} (ny, nx)"
            )
        return _look_up(self.array, x, y)


class RegionSource:
    """A mask given by regions on the sky or in pixel coordinates.

    Pixel coordinates are those of the map, or those of the image with the WCS ``wcs`` if it is not
    None. As in DS9, excluded regions (``-circle(...)``) are cut out of all other regions, whatever
    the order of the regions.
    """

    def __init__(self, regions: Sequence[Any], wcs: WCS | None = None) -> None:
        if not any(has_area(region) for region in regions):
            raise ValueError("there is no region with an area: points, lines and text have none")
        self._cut_out: list[Shape] = []
        self._shapes: list[Shape] = []
        for number, region in enumerate(regions, start=1):
            if has_area(region):
                target = self._cut_out if is_exclusion(region) else self._shapes
                target.append(_make_shape(region, number, wcs))
        n = len(self._cut_out) + len(self._shapes)
        self.kind = f"{n} region{'s' if n != 1 else ''}"
        self._use_tree = n > _MIN_SHAPES_FOR_TREE
        self._warned = False

    def contains(self, positions: Positions) -> np.ndarray:
        """Return whether each position lies in a region of the mask, bool, ``(n,)``.

        Positions in an excluded region, such as ``-circle(...)`` in DS9, give False.
        """
        self._warn_off_map(positions)
        # If all regions are excluded regions, they are cut out of the whole sky.
        whole_sky = not self._shapes
        result = positions.finite.copy() if whole_sky else np.zeros(len(positions), dtype=bool)
        for shape in self._shapes:
            result |= shape.covers(positions, self._use_tree)
        for shape in self._cut_out:
            result &= ~shape.covers(positions, self._use_tree)
        return result

    def _warn_off_map(self, positions: Positions) -> None:
        """Warn once if regions in pixel coordinates lie off the map.

        Their coordinates then probably refer to another image.
        """
        map_shape = None if positions.wcs is None else positions.wcs.array_shape
        if self._warned or map_shape is None:
            return
        self._warned = True
        n_off = sum(shape.is_off(map_shape) for shape in self._shapes + self._cut_out
                    if hasattr(shape, "is_off"))
        if n_off > 0:
            warn_user(
                f"{n_off} of {self.kind} in the mask lie off the map in pixel coordinates and "
                f"exclude nothing: the map has {map_shape[0]} x {map_shape[1]} pixels (ny, nx). If "
                "the regions were drawn on another image, give its WCS, as (regions, wcs) or as "
                "the file name 'FILE.reg[IMAGE.fits]'",
                MapWarning,
                "regions_off_map",
                "mask",
            )


def _make_shape(region: Any, number: int, wcs: WCS | None) -> Shape:
    try:
        return make_shape(region, wcs)
    except (TypeError, ValueError) as error:
        kind = type(region).__name__
        # A TypeError stays one: the kind of region is not supported.
        error_class = TypeError if isinstance(error, TypeError) else ValueError
        raise error_class(f"region {number}, a {kind}, cannot be used: {error}") from error


class ImageSource:
    """A mask given as an image with its own WCS; positions off the image are outside the mask.

    Parameters
    ----------
    inside, undefined : `numpy.ndarray`
        Two bool arrays ``(ny, nx)``: True for pixels inside the mask, and True for pixels without a
        value. Pixels without a value are excluded whether the mask excludes its inside or its
        outside.
    wcs : `~astropy.wcs.WCS`
        The WCS of the image, as ``lensmap.utils.check_celestial_wcs`` returns it.
    """

    kind = "an image"

    def __init__(self, inside: np.ndarray, undefined: np.ndarray, wcs: WCS) -> None:
        self.array = inside & ~undefined
        self._undefined = undefined if undefined.any() else None
        self.wcs = wcs

    @property
    def without_value(self) -> np.ndarray | None:
        """True for pixels without a value, bool, ``(ny, nx)``; None if all have one."""
        return self._undefined

    def contains(self, positions: Positions) -> np.ndarray:
        """Return whether each position lies in a pixel inside the mask, bool, ``(n,)``.

        `SkyMask` decides whether the inside or, for a footprint, the outside is excluded.
        The image is not resampled to the map: a resampled image would have blurred edges, and
        could not be evaluated at the positions of galaxies.
        """
        return _look_up(self.array, *positions.image_pixels(self.wcs))

    def undefined(self, positions: Positions) -> np.ndarray:
        """Return whether each position lies in a pixel without a value, bool, ``(n,)``."""
        if self._undefined is None:
            return np.zeros(len(positions), dtype=bool)
        return _look_up(self._undefined, *positions.image_pixels(self.wcs))


class MOCSource:
    """A mask given as a multi-order coverage map (MOC)."""

    kind = "a MOC"

    def __init__(self, moc: Any) -> None:
        if moc.empty():
            raise ValueError("the MOC covers nothing: check how it was made, or leave it out")
        self.moc = moc

    def contains(self, positions: Positions) -> np.ndarray:
        """Return whether the MOC covers each position, bool, ``(n,)``."""
        sky = positions.sky
        finite = np.isfinite(sky.ra.deg)
        result = np.zeros(len(positions), dtype=bool)
        if finite.any():
            result[finite] = self.moc.contains_lonlat(sky.ra[finite], sky.dec[finite])
        return result


class HoleSource:
    """A mask of discs on the sky, such as holes around stars.

    Parameters
    ----------
    ra, dec : array_like
        The centers of the discs in degrees, ICRS, ``(n,)``.
    radius : array_like
        The radii of the discs in degrees, ``(n,)``.
    """

    def __init__(self, ra: ArrayLike, dec: ArrayLike, radius: ArrayLike) -> None:
        values = np.stack([np.atleast_1d(v).astype(float) for v in (ra, dec, radius)])
        rules = (
            ("ra", np.abs(values[0]) <= 360, "between -360 and 360 deg"),
            ("dec", np.abs(values[1]) <= 90, "between -90 and 90 deg"),
            ("radius", (values[2] > 0) & (values[2] < 180), "positive and less than 180 deg"),
        )
        for column, (name, allowed, words) in zip(values, rules, strict=True):
            if not np.all(allowed):
                row, n = int(np.argmin(allowed)), np.count_nonzero(~allowed)
                raise ValueError(
                    f"{name} of star holes must be {words}, not {column[row]:g} as in row {row + 1}"
                    + (f" ({n} rows in all)" if n > 1 else "")
                    + ": correct or remove the row" + ("s" if n > 1 else "")
                )
        self.vectors = SkyCoord(values[0], values[1], unit=u.deg).cartesian.xyz.value.T
        self.chords = chord(np.radians(values[2]))
        self.kind = f"{len(self.chords)} star hole{'s' if len(self.chords) != 1 else ''}"

    def contains(self, positions: Positions) -> np.ndarray:
        """Return whether each position lies in a disc, measured on the sphere, bool, ``(n,)``."""
        result = np.zeros(len(positions), dtype=bool)
        use_tree = len(self.chords) > _MIN_SHAPES_FOR_TREE
        for center, length in zip(self.vectors, self.chords, strict=True):
            result[positions.near(center, length, use_tree=use_tree)] = True
        return result
