# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Positions and pixels that a mask excludes, the same for masks of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.masks._positions import Positions
from lensmap.masks._readers import as_sources
from lensmap.masks._sources import ImageSource
from lensmap.utils import check_celestial_wcs, check_choice

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS
    from numpy.typing import ArrayLike

    from lensmap.typing import MaskLike

__all__ = ["SkyMask", "excluded", "pixel_mask"]


class SkyMask:
    """A mask that excludes its inside or, as the footprint of a survey, its outside.

    Every ``mask`` parameter of lensmap accepts what this class accepts. The class itself is
    needed only for ``exclude="outside"``.

    Parameters
    ----------
    source : mask-like
        One of

        * a boolean array ``(ny, nx)`` on the pixels of the map, True = inside;
        * a `regions.Region`, `regions.Regions` or a list of them. A sky region is evaluated on
          a plane tangent to the sky at the center of the region, so that it covers the same
          galaxies on every map; pixel regions are in the pixels of the map. As in DS9, excluded
          regions (``-circle(...)``) are cut out of the others, and points, lines and text are
          ignored;
        * an image with its WCS: an `~astropy.nddata.NDData`, an image HDU or a pair
          ``(array, wcs)``. Nonzero pixels are inside, positions off the image are outside, and
          pixels that are not finite are always excluded. An NDData with a boolean mask and
          floating-point data stands for its mask;
        * a `mocpy.MOC`;
        * star holes: a table with the columns ``ra``, ``dec`` and ``radius`` (in any case), all
          of them angles (in degrees if they have no unit);
        * the path of a file with any of these: DS9 (``.reg``, ``.ds9``) or CRTF (``.crtf``)
          regions, a FITS image (its extension MASK if it has one, as lensmap's own maps), a FITS
          region table, a FITS MOC, or a table of star holes (``.ecsv``, ``.csv``);
        * another `SkyMask`, or a list or tuple of any of these, whose excluded areas are joined.
    exclude : {"inside", "outside"}
        The excluded side of the mask.

    Raises
    ------
    TypeError
        If ``source`` is none of these.
    ValueError
        If a file cannot be read as a mask.
    FileNotFoundError
        If a file does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.wcs import WCS
    >>> from lensmap.masks import SkyMask, pixel_mask
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    >>> wcs.wcs.cdelt = [-0.01, 0.01]
    >>> wcs.array_shape = (2, 3)
    >>> footprint = np.array([[True, True, False], [True, True, True]])
    >>> print(pixel_mask(SkyMask(footprint, exclude="outside"), wcs))
    [[False False  True]
     [False False False]]
    """

    def __init__(self, source: MaskLike, *, exclude: str = "inside") -> None:
        self.exclude = check_choice(exclude, "exclude", ("inside", "outside"))
        self._sources = as_sources(source, SkyMask)

    def __repr__(self) -> str:
        kinds = ", ".join(
            repr(source) if isinstance(source, SkyMask) else source.kind for source in self._sources
        )
        return f"<SkyMask of {kinds}; exclude={self.exclude!r}>"

    def excluded(self, x: ArrayLike, y: ArrayLike, wcs: WCS) -> np.ndarray:
        """Return which positions on a map are excluded.

        Parameters
        ----------
        x, y : array_like
            Pixel positions on ``wcs``, 0-based.
        wcs : `~astropy.wcs.WCS`
            A celestial WCS. Only a boolean array needs its ``array_shape``.

        Returns
        -------
        `numpy.ndarray`
            Bool, with the shape of ``x``. Positions that are not finite are excluded.
        """
        positions = Positions.from_pixels(x, y, wcs)
        return self._excluded(positions).reshape(positions.shape)

    def excluded_sky(self, sky: SkyCoord) -> np.ndarray:
        """Return which positions on the sky are excluded.

        Parameters
        ----------
        sky : `~astropy.coordinates.SkyCoord`
            The positions, of any shape.

        Returns
        -------
        `numpy.ndarray`
            Bool, with the shape of ``sky``. Positions that are not finite are excluded.

        Raises
        ------
        TypeError
            If the mask is defined in the pixels of a map, as boolean arrays and pixel regions
            are.
        """
        positions = Positions.from_sky(sky)
        return self._excluded(positions).reshape(positions.shape)

    def _excluded(self, positions: Positions) -> np.ndarray:
        inside = np.zeros(len(positions), dtype=bool)
        for source in self._sources:
            nested = isinstance(source, SkyMask)
            inside |= source._excluded(positions) if nested else source.contains(positions)
        result = inside if self.exclude == "inside" else ~inside
        for source in self._sources:
            if isinstance(source, ImageSource):
                result |= source.undefined(positions)
        return result | ~positions.finite


def excluded(mask: MaskLike | None, x: ArrayLike, y: ArrayLike, wcs: WCS) -> np.ndarray:
    """Return which positions on a map a mask excludes.

    Parameters
    ----------
    mask : mask-like or None
        Anything that `SkyMask` accepts; None excludes nothing.
    x, y : array_like
        Pixel positions on ``wcs``, 0-based.
    wcs : `~astropy.wcs.WCS`
        A celestial WCS.

    Returns
    -------
    `numpy.ndarray`
        Bool, with the shape of ``x``.

    Raises
    ------
    TypeError
        If ``mask`` is nothing that `SkyMask` accepts.
    ValueError
        If a file cannot be read, or a boolean array differs from ``wcs`` in shape.
    """
    if mask is None:
        return np.zeros(np.broadcast(x, y).shape, dtype=bool)
    if not isinstance(mask, SkyMask):
        mask = SkyMask(mask)
    return mask.excluded(x, y, wcs)


def pixel_mask(mask: MaskLike | None, wcs: WCS) -> np.ndarray:
    """Return the pixels of a map whose centers a mask excludes.

    Parameters
    ----------
    mask : mask-like or None
        Anything that `SkyMask` accepts; None excludes nothing.
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with its ``array_shape``.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(ny, nx)``, True = excluded.

    Raises
    ------
    TypeError, ValueError
        As for ``excluded``, or if ``wcs`` is not celestial or has no shape.
    """
    check_celestial_wcs(wcs)
    if mask is None:
        return np.zeros(wcs.array_shape, dtype=bool)
    y, x = np.indices(wcs.array_shape)
    return excluded(mask, x, y, wcs)
