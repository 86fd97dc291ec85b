# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The pixels on which a map is made, where the user's are not fit for it."""

import copy
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from lensmap.grid import PixelFrame, tangent_wcs_of
from lensmap.maps import ConvergenceMap

__all__ = ["OtherPixels", "conformal_wcs", "extended_wcs"]

# Shear can be inverted on pixels this far from squares; the error of kappa is of this order.
_MAX_ANISOTROPY = 1.03

# A smoothing of one angle is one number of pixels where their sizes differ less than this.
_MAX_SCALE_RATIO = 1.1

# The tangent plane itself reaches this anisotropy 25 degrees from its centre.
_TOO_LARGE = 1.1


@dataclass(frozen=True, eq=False)
class OtherPixels:
    """The pixels that a map is to be resampled to.

    Attributes
    ----------
    wcs : `~astropy.wcs.WCS`
        The user's pixels.
    mask : `numpy.ndarray` or None
        Bool, ``(ny, nx)``: what is masked of them, and stays so: holes that are smaller than the
        pixels of the work would be lost otherwise. None: nothing, or holes are to be filled.
    """

    wcs: WCS
    mask: np.ndarray | None

    def resample(self, kappa):
        """Bring a `~lensmap.maps.ConvergenceMap` to these pixels."""
        moved = kappa.reproject(self.wcs)
        return moved if self.mask is None else ConvergenceMap(moved, mask=moved.mask | self.mask)


def conformal_wcs(wcs, frame):
    """Return a WCS itself if shear can be inverted on its pixels, else a tangent plane.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The pixels of a map.
    frame : str
        The frame of the catalogue.

    Returns
    -------
    `~astropy.wcs.WCS`
        ``wcs``, or a tangent plane that covers it.

    Raises
    ------
    ValueError
        If the map is too large for a tangent plane.
    """
    pixels = PixelFrame(wcs, frame)
    low, high = pixels.scales
    if pixels.anisotropy <= _MAX_ANISOTROPY and high <= _MAX_SCALE_RATIO * low:
        return wcs
    finest = max(low, high / 10)
    # Two pixels more on each side, so that interpolation has neighbours.
    tangent = tangent_wcs_of(wcs, finest, margin=2 * finest)
    plane = PixelFrame(tangent, frame)
    if plane.anisotropy > _TOO_LARGE:
        raise ValueError(
            "wcs spans a field that is too large for a flat sky: pixels of a tangent plane are "
            f"{plane.anisotropy:.2f} : 1 at its edge; map the field in parts"
        )
    # A wide tangent plane is no better for being made again.
    no_gain = pixels.anisotropy <= plane.anisotropy and high / low <= _TOO_LARGE**2
    return wcs if no_gain else tangent


def extended_wcs(wcs, frame, lon, lat, margin):
    """Extend the pixels of a map to galaxies that lie next to it.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The pixels of a map.
    frame : str
        The frame of the catalogue.
    lon, lat : `numpy.ndarray`
        Where the galaxies are, degrees.
    margin : int
        How many pixels there may be more on each side.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
        The same pixels and more; ``wcs`` itself if there is nothing to see there.
    inner : tuple of slice or None
        Where the map is among them; None if it is all.
    """
    ny, nx = wcs.array_shape
    x, y = PixelFrame(wcs, frame).positions(lon, lat)
    with np.errstate(invalid="ignore"):
        near = np.abs(2 * x + 1 - nx) < nx + 2 * margin
        near &= np.abs(2 * y + 1 - ny) < ny + 2 * margin
    if wcs.has_distortion or not near.any():
        return wcs, None
    more = []
    for position, n in ((y[near], ny), (x[near], nx)):
        before, after = -0.5 - position.min(), position.max() - (n - 0.5)
        # as much on both sides, so that a mirrored sky is extended as its image is
        width = int(np.ceil(np.clip(max(before, after), 0, margin)))
        more.append(width)
    if not any(more):
        return wcs, None
    larger = copy.deepcopy(wcs)
    larger.wcs.crpix = wcs.wcs.crpix + np.array([more[1], more[0]])
    larger.array_shape = (ny + 2 * more[0], nx + 2 * more[1])
    larger.wcs.set()
    return larger, (slice(more[0], more[0] + ny), slice(more[1], more[1] + nx))
