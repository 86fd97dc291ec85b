# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Target`: the pixels of an inversion, and their conversion to the pixels of the map."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.wcs import WCS

from lensmap.grid import PixelFrame, tangent_wcs_of
from lensmap.maps import (
    MAX_ANISOTROPY,
    MAX_PLANE_ANISOTROPY,
    ConvergenceMap,
    HealpixMap,
    resample,
    resample_counts,
)
from lensmap.sphere import HealpixPixels
from lensmap.utils import ParameterError

__all__ = ["SphericalTarget", "Target", "conformal_frame", "extended_frame"]

# The largest ratio of pixel scales on one map. With a larger one, a smoothing length would not be
# the same number of pixels everywhere.
_MAX_SCALE_RATIO = 1.1

# More elongated pixels are those of a nearly singular matrix. Resampling to them takes very long.
_MAX_PIXEL_ANISOTROPY = 100.0

# The entry in the metadata of a resampled map.
_RESAMPLED_BY = "bilinear (counts: shared out)"


@dataclass(frozen=True, eq=False)
class Target:
    """The pixels of an inversion, and the conversion of its arrays to the pixels of the map.

    The map has the same pixels as the inversion, or it is cropped from the inversion, or it is
    interpolated.

    Attributes
    ----------
    frame : `lensmap.grid.PixelFrame`
        The pixels of the inversion.
    wcs : `~astropy.wcs.WCS`
        The WCS of the map.
    crop : tuple of slice or None
        The slices ``(y, x)`` that cut the map out of the inversion. None if it is not cropped.
    mask : `numpy.ndarray` or None
        True for pixels of an interpolated map that must be masked, bool, ``(ny, nx)``. It preserves
        holes that are smaller than the pixels of the inversion. None if no mask is needed.
    """

    frame: PixelFrame
    wcs: WCS
    crop: tuple[slice, slice] | None = None
    mask: np.ndarray | None = None

    @property
    def resampled(self) -> bool:
        """Whether the map is interpolated from the pixels of the inversion."""
        return self.crop is None and self.frame.wcs is not self.wcs

    @property
    def meta(self) -> dict:
        """The metadata entry that names the interpolation; empty without interpolation."""
        return {"resampled_by": _RESAMPLED_BY} if self.resampled else {}

    def make_map(self, **parts: Any) -> ConvergenceMap:
        """Return the map with the given parts, which are on its pixels."""
        return ConvergenceMap(**parts, wcs=self.wcs)

    def to_user(
        self, planes: list[np.ndarray], mask: np.ndarray
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Convert arrays of the inversion to the pixels of the map.

        Parameters
        ----------
        planes : list of `numpy.ndarray`
            Real arrays ``(ny, nx)`` on the pixels of the inversion.
        mask : `numpy.ndarray`
            True where masked, bool, ``(ny, nx)``, on the pixels of the inversion. The values of
            masked pixels are not used.

        Returns
        -------
        planes : list of `numpy.ndarray`
            The arrays on the pixels of the map.
        mask : `numpy.ndarray`
            The mask on the pixels of the map, bool.
        """
        if self.crop is not None:
            return [plane[self.crop] for plane in planes], mask[self.crop]
        if not self.resampled:
            return list(planes), mask
        planes, mask = resample(planes, mask, self.frame.wcs, self.wcs)
        return planes, mask if self.mask is None else mask | self.mask

    def counts_to_user(self, counts: np.ndarray) -> np.ndarray:
        """Convert the galaxy counts per pixel to the pixels of the map, conserving the total.

        Parameters
        ----------
        counts : `numpy.ndarray`
            The galaxy counts on the pixels of the inversion, ``(ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            The galaxy counts on the pixels of the map.
        """
        if self.crop is not None:
            return counts[self.crop]
        return resample_counts(counts, self.frame.wcs, self.wcs) if self.resampled else counts


@dataclass(frozen=True, eq=False)
class SphericalTarget:
    """The HEALPix pixels of an inversion on the sphere, which are those of the map.

    Attributes
    ----------
    pixels : HealpixPixels
        The pixels of the sphere.
    index : `numpy.ndarray`
        The nested indices of the pixels of the map, ``(n,)``.
    """

    pixels: HealpixPixels
    index: np.ndarray

    #: Whether the map is interpolated from the pixels of the inversion.
    resampled = False

    @property
    def meta(self) -> dict:
        """The metadata entries that name the pixels."""
        return {"nside": self.pixels.nside}

    def make_map(self, **parts: Any) -> HealpixMap:
        """Return the map with the given parts, which are on its pixels."""
        return HealpixMap(pixels=self.pixels, index=self.index, **parts)

    def to_user(
        self, planes: list[np.ndarray], mask: np.ndarray
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Return arrays and a mask unchanged, as `Target.to_user` does without resampling."""
        return list(planes), mask

    def counts_to_user(self, counts: np.ndarray) -> np.ndarray:
        """Return the galaxy counts unchanged."""
        return counts


def conformal_frame(pixels: PixelFrame, frame: str) -> PixelFrame:
    """Return pixels on which shear can be inverted: those of the map or those of a tangent plane.

    Parameters
    ----------
    pixels : `lensmap.grid.PixelFrame`
        The pixels of a map.
    frame : str
        The name of the catalog's celestial frame.

    Returns
    -------
    `lensmap.grid.PixelFrame`
        ``pixels`` itself if its pixels are close to squares of equal size. Otherwise, the pixels of
        a tangent plane that covers the map.

    Raises
    ------
    ValueError
        If the map is too large for a tangent plane, or its pixels are extremely elongated.
    """
    low, high = pixels.scales
    if pixels.anisotropy > _MAX_PIXEL_ANISOTROPY:
        raise ParameterError(
            "wcs",
            f"of pixels less elongated than {_MAX_PIXEL_ANISOTROPY:.0f} : 1",
            f"{pixels.anisotropy:.3g} : 1",
            "check its matrix (CD, or PC and CDELT), which is nearly singular",
        )
    if pixels.anisotropy <= MAX_ANISOTROPY and high <= _MAX_SCALE_RATIO * low:
        return pixels
    finest = max(low, high / 10)
    # Add two pixels on each side, so that pixels at the edge can be interpolated.
    plane = PixelFrame(tangent_wcs_of(pixels.wcs, finest, margin=2 * finest), frame)
    if plane.anisotropy > MAX_PLANE_ANISOTROPY:
        raise ValueError(
            "the field of wcs is too large for a flat sky: at the edge of its tangent plane, "
            f"pixels are stretched by a factor of {plane.anisotropy:.2f}, but at most "
            f"{MAX_PLANE_ANISOTROPY:g} is allowed. Map the field in parts, each with its own wcs"
        )
    # If the map is on a tangent plane already, another tangent plane is no improvement.
    no_gain = pixels.anisotropy <= plane.anisotropy and high / low <= MAX_PLANE_ANISOTROPY**2
    return pixels if no_gain else plane


def extended_frame(
    pixels: PixelFrame, frame: str, lon: np.ndarray, lat: np.ndarray, margin: int
) -> tuple[PixelFrame, tuple[slice, slice] | None]:
    """Extend the pixels of a map to include galaxies just off the map.

    Parameters
    ----------
    pixels : `lensmap.grid.PixelFrame`
        The pixels of the map.
    frame : str
        The name of the catalog's celestial frame.
    lon, lat : `numpy.ndarray`
        The positions of the galaxies in degrees.
    margin : int
        The largest number of pixels to add on each side.

    Returns
    -------
    pixels : `lensmap.grid.PixelFrame`
        The extended pixels, or ``pixels`` itself if no galaxy lies just off the map.
    crop : tuple of slice or None
        The slices ``(y, x)`` of the map in the extended pixels. None if nothing was added.
    """
    wcs = pixels.wcs
    ny, nx = wcs.array_shape
    x, y = pixels.positions(lon, lat)
    with np.errstate(invalid="ignore"):
        near = np.abs(2 * x + 1 - nx) < nx + 2 * margin
        near &= np.abs(2 * y + 1 - ny) < ny + 2 * margin
    if wcs.has_distortion or not near.any():
        return pixels, None
    more = []
    for position, n in ((y[near], ny), (x[near], nx)):
        before, after = -0.5 - position.min(), position.max() - (n - 0.5)
        # Extend both sides equally, so that a mirrored catalog gives the mirrored pixels.
        more.append(int(np.ceil(np.clip(max(before, after), 0, margin))))
    if not any(more):
        return pixels, None
    larger = copy.deepcopy(wcs)
    larger.wcs.crpix = wcs.wcs.crpix + np.array([more[1], more[0]])
    larger.array_shape = (ny + 2 * more[0], nx + 2 * more[1])
    larger.wcs.set()
    crop = (slice(more[0], more[0] + ny), slice(more[1], more[1] + nx))
    return PixelFrame(larger, frame), crop
