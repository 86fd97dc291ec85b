# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The kinds of mask, each with ``contains(where)`` for `~lensmap.masks._positions.Positions`."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import wcs_to_celestial_frame

from lensmap.masks._positions import chord
from lensmap.masks._shapes import has_area, is_exclusion, make_shape

__all__ = ["ArraySource", "RegionSource", "ImageSource", "MOCSource", "HoleSource"]

# From so many shapes on, finding what is near with a tree is quicker than looking at everything.
_MANY = 20


def _look_up(array, x, y):
    """Return the values of the pixels at ``x``, ``y``; positions off the array give 0."""
    ny, nx = array.shape
    with np.errstate(invalid="ignore"):
        inside = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
    result = np.zeros(np.shape(x), dtype=array.dtype)
    result[inside] = array[
        np.floor(y[inside] + 0.5).astype(int), np.floor(x[inside] + 0.5).astype(int)
    ]
    return result


class ArraySource:
    """A boolean array on the pixels of the map."""

    kind = "a boolean array"

    def __init__(self, array):
        if array.dtype != bool or array.ndim != 2:
            raise TypeError(
                "a mask array must be two-dimensional and boolean (True = excluded), not "
                f"{array.ndim}-dimensional of {array.dtype}; for an image give (array, wcs)"
            )
        self.array = array

    def contains(self, where):
        """Return which positions lie in a pixel that is True."""
        x, y = where.pixels("a boolean array")
        if where.wcs.array_shape != self.array.shape:
            raise ValueError(
                f"the mask has the shape {self.array.shape}, but the map has "
                f"{where.wcs.array_shape} (ny, nx)"
            )
        return _look_up(self.array, x, y)


class RegionSource:
    """Sky or pixel regions; pixel regions are in the pixels of the map.

    As in DS9, exclusions (``-circle(...)``) are cut out of all the others, whatever their order.
    """

    def __init__(self, regions):
        regions = [region for region in regions if has_area(region)]
        if not regions:
            raise ValueError("there is no region with an area: points, lines and text have none")
        self.kind = f"{len(regions)} region{'s' if len(regions) != 1 else ''}"
        self._of_many = len(regions) > _MANY
        self._cut_out = [make_shape(region) for region in regions if is_exclusion(region)]
        self._shapes = [make_shape(region) for region in regions if not is_exclusion(region)]

    def contains(self, where):
        """Return which positions lie in one of the regions."""
        # Nothing but exclusions is cut out of the whole sky.
        result = where.finite.copy() if not self._shapes else np.zeros(len(where), dtype=bool)
        for shape in self._shapes:
            result |= shape.covers(where, self._of_many)
        for shape in self._cut_out:
            result &= ~shape.covers(where, self._of_many)
        return result


class ImageSource:
    """An image on its own WCS: what is not 0 is inside; off the image is outside."""

    kind = "an image"

    def __init__(self, array, wcs):
        # NaN is how images say "nothing is known here", which is no good place for a galaxy,
        # whether what is inside shall be excluded or what is outside.
        unknown = ~np.isfinite(array)
        self.array = ~unknown & (array != 0)
        self._unknown = unknown if unknown.any() else None
        self.wcs = wcs

    def contains(self, where):
        """Return which positions lie in an image pixel that is not 0.

        The nearest image pixel is asked, at the galaxy or at the center of the map's pixel:
        resampling the image would blur its edge, and could not be asked about galaxies.
        """
        return _look_up(self.array, *self._image_pixels(where))

    def unknown(self, where):
        """Return which positions lie in an image pixel that is not finite."""
        if self._unknown is None:
            return np.zeros(len(where), dtype=bool)
        return _look_up(self._unknown, *self._image_pixels(where))

    def _image_pixels(self, where):
        # wcslib keeps work space in a WCS, and masks are asked by several threads.
        wcs = self.wcs.deepcopy()
        sky = where.sky.transform_to(wcs_to_celestial_frame(wcs)).spherical
        world = np.empty((len(where), 2))
        world[:, wcs.wcs.lng], world[:, wcs.wcs.lat] = sky.lon.deg, sky.lat.deg
        x, y = wcs.wcs_world2pix(world, 0).T
        if wcs.has_distortion:
            # Distortions are not defined far from the image, where the full way finds no end.
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

    def __init__(self, moc):
        self.moc = moc

    def contains(self, where):
        """Return which positions the MOC covers."""
        sky = where.sky
        finite = np.isfinite(sky.ra.deg)
        result = np.zeros(len(where), dtype=bool)
        if finite.any():
            result[finite] = self.moc.contains_lonlat(sky.ra[finite], sky.dec[finite])
        return result


class HoleSource:
    """Discs on the sky, such as star holes."""

    def __init__(self, ra, dec, radius):
        values = np.stack([np.atleast_1d(v).astype(float) for v in (ra, dec, radius)])
        if not np.all(np.isfinite(values)) or np.any(values[2] < 0):
            raise ValueError("the star holes' ra, dec and radius must be finite, radius not < 0")
        self.vectors = SkyCoord(values[0], values[1], unit=u.deg).cartesian.xyz.value.T
        self.chords = chord(np.radians(values[2]))
        self.kind = f"{len(self.chords)} star hole{'s' if len(self.chords) != 1 else ''}"

    def contains(self, where):
        """Return which positions lie in one of the discs, exactly on the sphere."""
        result = np.zeros(len(where), dtype=bool)
        many = len(self.chords) > _MANY
        for center, length in zip(self.vectors, self.chords, strict=True):
            result[where.near(center, length, of_many=many)] = True
        return result
