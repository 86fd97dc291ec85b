# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Target`: the pixels of the inversion, and the way from there to the pixels of the map."""

import copy
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from lensmap.grid import PixelFrame, tangent_wcs_of
from lensmap.maps import resample, resample_counts

__all__ = ["Target", "conformal_frame", "extended_frame"]

# Shear can be inverted on pixels this far from squares; the error of kappa is of this order.
_MAX_ANISOTROPY = 1.03

# A smoothing of one angle is one number of pixels where their sizes differ less than this.
_MAX_SCALE_RATIO = 1.1

# The tangent plane itself reaches this anisotropy 25 degrees from its center.
_MAX_PLANE_ANISOTROPY = 1.1

# The entry of a resampled map's metadata.
_RESAMPLED_BY = "bilinear (counts: shared out)"


@dataclass(frozen=True, eq=False)
class Target:
    """The pixels of an inversion, and the conversion of its arrays to the pixels of the map.

    The two have the same pixels, or the map is cropped or interpolated from the inversion.

    Attributes
    ----------
    frame : `lensmap.grid.PixelFrame`
        The pixels of the inversion.
    wcs : `~astropy.wcs.WCS`
        The pixels of the map.
    crop : tuple of slice or None
        The map within the pixels of the inversion, ``(y, x)``; None if it is not a crop.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``: pixels of an interpolated map that stay masked, because holes smaller
        than the pixels of the inversion would be lost otherwise; None if there are none.
    """

    frame: PixelFrame
    wcs: WCS
    crop: tuple[slice, slice] | None = None
    mask: np.ndarray | None = None

    @property
    def resampled(self) -> bool:
        """Whether maps are interpolated."""
        return self.crop is None and self.frame.wcs is not self.wcs

    @property
    def meta(self) -> dict:
        """The interpolation of the map, for its metadata; empty without interpolation."""
        return {"resampled_by": _RESAMPLED_BY} if self.resampled else {}

    def to_user(
        self, planes: list[np.ndarray], mask: np.ndarray
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Convert arrays of the inversion to the pixels of the map.

        Parameters
        ----------
        planes : list of `numpy.ndarray`
            Real, ``(ny, nx)`` each, on the pixels of the inversion.
        mask : `numpy.ndarray`
            Bool, ``(ny, nx)``, True = excluded; masked pixels have no influence.

        Returns
        -------
        planes : list of `numpy.ndarray`
            On the pixels of the map.
        mask : `numpy.ndarray`
            Bool, on the pixels of the map.
        """
        if self.crop is not None:
            return [plane[self.crop] for plane in planes], mask[self.crop]
        if not self.resampled:
            return list(planes), mask
        planes, mask = resample(planes, mask, self.frame.wcs, self.wcs)
        return planes, mask if self.mask is None else mask | self.mask

    def counts_to_user(self, counts: np.ndarray) -> np.ndarray:
        """Convert numbers of galaxies to the pixels of the map, with the same total.

        Parameters
        ----------
        counts : `numpy.ndarray`
            ``(ny, nx)``, on the pixels of the inversion.

        Returns
        -------
        `numpy.ndarray`
            On the pixels of the map.
        """
        if self.crop is not None:
            return counts[self.crop]
        return resample_counts(counts, self.frame.wcs, self.wcs) if self.resampled else counts


def conformal_frame(pixels: PixelFrame, frame: str) -> PixelFrame:
    """Return the pixels of a map if shear can be inverted on them, else those of a tangent plane.

    Parameters
    ----------
    pixels : `lensmap.grid.PixelFrame`
        The pixels of a map.
    frame : str
        The frame of the catalog.

    Returns
    -------
    `lensmap.grid.PixelFrame`
        ``pixels`` itself, or those of a tangent plane that covers it.

    Raises
    ------
    ValueError
        If the map is too large for a tangent plane.
    """
    low, high = pixels.scales
    if pixels.anisotropy <= _MAX_ANISOTROPY and high <= _MAX_SCALE_RATIO * low:
        return pixels
    finest = max(low, high / 10)
    # Two pixels more on each side, so that interpolation has neighbors.
    plane = PixelFrame(tangent_wcs_of(pixels.wcs, finest, margin=2 * finest), frame)
    if plane.anisotropy > _MAX_PLANE_ANISOTROPY:
        raise ValueError(
            "wcs spans a field that is too large for a flat sky: pixels of a tangent plane are "
            f"{plane.anisotropy:.2f} : 1 at its edge; map the field in parts"
        )
    # A second tangent plane is no better than a first one.
    no_gain = pixels.anisotropy <= plane.anisotropy and high / low <= _MAX_PLANE_ANISOTROPY**2
    return pixels if no_gain else plane


def extended_frame(
    pixels: PixelFrame, frame: str, lon: np.ndarray, lat: np.ndarray, margin: int
) -> tuple[PixelFrame, tuple[slice, slice] | None]:
    """Extend the pixels of a map to galaxies that lie next to it.

    Parameters
    ----------
    pixels : `lensmap.grid.PixelFrame`
        The pixels of the map.
    frame : str
        The frame of the catalog.
    lon, lat : `numpy.ndarray`
        The positions of the galaxies, degrees.
    margin : int
        The largest number of pixels to add on each side.

    Returns
    -------
    pixels : `lensmap.grid.PixelFrame`
        The same pixels and more; ``pixels`` itself if there is no galaxy next to them.
    crop : tuple of slice or None
        The map among them, ``(y, x)``; None if it is all.
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
        # As much on both sides, so that a mirrored sky is extended as its image is.
        more.append(int(np.ceil(np.clip(max(before, after), 0, margin))))
    if not any(more):
        return pixels, None
    larger = copy.deepcopy(wcs)
    larger.wcs.crpix = wcs.wcs.crpix + np.array([more[1], more[0]])
    larger.array_shape = (ny + 2 * more[0], nx + 2 * more[1])
    larger.wcs.set()
    crop = (slice(more[0], more[0] + ny), slice(more[1], more[1] + nx))
    return PixelFrame(larger, frame), crop
