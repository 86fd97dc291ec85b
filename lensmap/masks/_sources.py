# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mask sources of each kind, which test `~lensmap.masks._positions.Positions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import wcs_to_celestial_frame

from lensmap.masks._positions import Positions, chord
from lensmap.masks._shapes import has_area, is_exclusion, make_shape
from lensmap.utils import ParameterTypeError

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from numpy.typing import ArrayLike

__all__ = ["ArraySource", "HoleSource", "ImageSource", "MOCSource", "MaskSource", "RegionSource"]

# With more shapes than this, a k-d tree is faster than a comparison with all positions.
_MIN_SHAPES_FOR_TREE = 20


class MaskSource(Protocol):
    """A mask source, such as an array, an image or a set of regions.

    Attributes
    ----------
    kind : str
        The kind of source, as shown in the ``repr`` of a `~lensmap.masks.SkyMask`.
    """

    kind: str

    def contains(self, positions: Positions) -> np.ndarray:
        """Return whether each position lies inside, bool, ``(n,)``."""


def _look_up(array: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the pixel values of an array at ``x``, ``y``, and 0 at positions off the array."""
    ny, nx = array.shape
    with np.errstate(invalid="ignore"):
        inside = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
    result = np.zeros(np.shape(x), dtype=array.dtype)
    result[inside] = array[
        np.floor(y[inside] + 0.5).astype(int), np.floor(x[inside] + 0.5).astype(int)
    ]
    return result


class ArraySource:
    """A boolean array on the pixels of the map, ``(ny, nx)``."""

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
        """Return which positions lie in a True pixel."""
        x, y = positions.pixels(self.kind)
        map_shape = None if positions.wcs is None else positions.wcs.array_shape
        if map_shape != self.array.shape:
            raise ValueError(
                f"the mask has the shape {self.array.shape}, but the map has {map_shape} (ny, nx)"
            )
        return _look_up(self.array, x, y)


class RegionSource:
    """Regions on the sky or in the pixel coordinates of the map.

    As in DS9, excluded regions (``-circle(...)``) are cut out of all the others, whatever the
    order of the regions.
    """

    def __init__(self, regions: Sequence[Any]) -> None:
        regions = [region for region in regions if has_area(region)]
        if not regions:
            raise ValueError("there is no region with an area: points, lines and text have none")
        self.kind = f"{len(regions)} region{'s' if len(regions) != 1 else ''}"
        self._use_tree = len(regions) > _MIN_SHAPES_FOR_TREE
        self._cut_out = [make_shape(region) for region in regions if is_exclusion(region)]
        self._shapes = [make_shape(region) for region in regions if not is_exclusion(region)]

    def contains(self, positions: Positions) -> np.ndarray:
        """Return which positions lie in one of the regions and in no excluded region."""
        # If all regions are excluded regions, they are cut out of the whole sky.
        whole_sky = not self._shapes
        result = positions.finite.copy() if whole_sky else np.zeros(len(positions), dtype=bool)
        for shape in self._shapes:
            result |= shape.covers(positions, self._use_tree)
        for shape in self._cut_out:
            result &= ~shape.covers(positions, self._use_tree)
        return result


class ImageSource:
    """An image on its own WCS: nonzero pixels are inside, and positions off the image outside."""

    kind = "an image"

    def __init__(self, array: np.ndarray, wcs: WCS) -> None:
        # NaN marks pixels without data. They are excluded, whichever side the mask excludes.
        undefined = ~np.isfinite(array)
        self.array = ~undefined & (array != 0)
        self._undefined = undefined if undefined.any() else None
        self.wcs = wcs

    def contains(self, positions: Positions) -> np.ndarray:
        """Return which positions lie in a nonzero pixel of the image.

        The image is not resampled to the map: a resampled image would have blurred edges, and
        could not be evaluated at the positions of galaxies.
        """
        return _look_up(self.array, *self._image_pixels(positions))

    def undefined(self, positions: Positions) -> np.ndarray:
        """Return which positions lie in a pixel whose value is not finite."""
        if self._undefined is None:
            return np.zeros(len(positions), dtype=bool)
        return _look_up(self._undefined, *self._image_pixels(positions))

    def _image_pixels(self, positions: Positions) -> tuple[np.ndarray, np.ndarray]:
        # wcslib writes to a WCS during a transformation, so each thread needs a copy.
        wcs = self.wcs.deepcopy()
        sky = positions.sky.transform_to(wcs_to_celestial_frame(wcs)).spherical
        world = np.empty((len(positions), 2))
        world[:, wcs.wcs.lng], world[:, wcs.wcs.lat] = sky.lon.deg, sky.lat.deg
        x, y = wcs.wcs_world2pix(world, 0).T
        if wcs.has_distortion:
            # Distortions are not defined far from the image, and their inversion would not
            # converge.
            ny, nx = self.array.shape
            with np.errstate(invalid="ignore"):
                near = (np.abs(x - nx / 2) < nx) & (np.abs(y - ny / 2) < ny)
            x[~near] = np.nan
            if near.any():
                x[near], y[near] = wcs.all_world2pix(world[near], 0, quiet=True).T
        return x, y


class MOCSource:
    """A multi-order coverage map."""

    kind = "a MOC"

    def __init__(self, moc: Any) -> None:
        self.moc = moc

    def contains(self, positions: Positions) -> np.ndarray:
        """Return which positions the MOC covers."""
        sky = positions.sky
        finite = np.isfinite(sky.ra.deg)
        result = np.zeros(len(positions), dtype=bool)
        if finite.any():
            result[finite] = self.moc.contains_lonlat(sky.ra[finite], sky.dec[finite])
        return result


class HoleSource:
    """Discs on the sky, such as star holes.

    Parameters
    ----------
    ra, dec : array_like
        The centers of the discs in degrees, ICRS, ``(n,)``.
    radius : array_like
        The radii of the discs in degrees, ``(n,)``.
    """

    def __init__(self, ra: ArrayLike, dec: ArrayLike, radius: ArrayLike) -> None:
        values = np.stack([np.atleast_1d(v).astype(float) for v in (ra, dec, radius)])
        if not np.all(np.isfinite(values)) or np.any(values[2] < 0):
            raise ValueError("the star holes' ra, dec and radius must be finite, radius not < 0")
        self.vectors = SkyCoord(values[0], values[1], unit=u.deg).cartesian.xyz.value.T
        self.chords = chord(np.radians(values[2]))
        self.kind = f"{len(self.chords)} star hole{'s' if len(self.chords) != 1 else ''}"

    def contains(self, positions: Positions) -> np.ndarray:
        """Return which positions lie in one of the discs, measured on the sphere."""
        result = np.zeros(len(positions), dtype=bool)
        use_tree = len(self.chords) > _MIN_SHAPES_FOR_TREE
        for center, length in zip(self.vectors, self.chords, strict=True):
            result[positions.near(center, length, use_tree=use_tree)] = True
        return result
