# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The class `SkyMask`, and functions that apply a mask of any kind to positions and pixels."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from lensmap.masks._mosaic import MosaicSource, expand_images
from lensmap.masks._positions import Positions
from lensmap.masks._readers import as_sources
from lensmap.masks._sources import ImageSource
from lensmap.masks._values import Values
from lensmap.utils import check_celestial_wcs, check_choice, check_memory

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS
    from numpy.typing import ArrayLike

    from lensmap.typing import MaskLike, PathLike

__all__ = ["SkyMask", "excluded", "pixel_mask"]


# The positions of all pixels: two integers, two floats, longitude, latitude and a unit vector.
_BYTES_PER_PIXEL = 100.0


class SkyMask:
    """A mask on the sky, which excludes either its inside or, like a survey footprint, its outside.

    Every ``mask`` parameter of lensmap accepts the same sources as this class. An explicit
    `SkyMask` is needed only for ``exclude="outside"``.

    Parameters
    ----------
    source : mask-like
        One of

        * a boolean array ``(ny, nx)`` on the pixels of the map, True = inside;
        * a `regions.Region`, a `regions.Regions` or a list of regions. A sky region is evaluated
          on a plane tangent to the sky at the center of the region, so that it covers the same
          galaxies on every map. A pixel region is in the pixel coordinates of the map. As in DS9,
          excluded regions (``-circle(...)``) are cut out of the other regions, and points, lines
          and text are ignored;
        * an image with its WCS: an `~astropy.nddata.NDData`, an image HDU, or a pair
          ``(array, wcs)``. The WCS is that of a FITS header or any celestial WCS of Astropy's
          common interface. Positions off the image are outside. Pixels that are not finite, masked
          or have healpy's value UNSEEN are always excluded. Of an NDData with a mask, the mask is
          used instead of the data, unless the data are boolean;
        * a HEALPix map: a FITS table in RING or NESTED order, with all pixels or a list of them,
          or a pair ``(array, astropy_healpix.HEALPix)``. Pixels without a value are outside;
        * a HealSparse map or its file (needs healsparse);
        * a `mocpy.MOC`;
        * star holes: a table with the columns ``ra``, ``dec`` and ``radius`` (upper or lower
          case). All three columns are angles, in degrees if they have no unit;
        * the path of a file with any of these: DS9 (``.reg``, ``.ds9``) or CRTF (``.crtf``)
          regions, a FITS image, a FITS region table, a HEALPix map, a FITS MOC, or a table of star
          holes (``.ecsv``, ``.csv``); an `~astropy.io.fits.HDUList`. If a file has several images,
          the images named MASK, MSK, DQ or FLAGS are used, and images of integers on different
          parts of the sky are combined. Otherwise, the image must be named: ``"file.fits:NAME"``,
          ``"file.fits[1]"``, and ``"file.fits[1][NAME]"`` for a column of a HEALPix map or a plane
          of a cube;
        * a folder of FITS images, or a pattern such as ``"masks/*.fits"`` or
          ``"masks/*.fits:MASK"``, one image for each tract, patch or pointing of a survey, as for
          `from_images`;
        * regions in the pixel coordinates of another image, as a pair ``(regions, wcs)`` or
          ``(path, wcs)``, or ``"file.reg[image.fits]"``;
        * another `SkyMask`;
        * a list or tuple of any of these, whose excluded areas are combined.
    exclude : {"inside", "outside"}
        The side of the mask that is excluded.
    bits : int, str, iterable of these or None
        For images of flags, the bits that put a pixel inside the mask: numbers of bits from 0,
        values in hexadecimal (``"0x21"``), or names from the cards ``MP_...`` of the header, as in
        LSST's masks; text may list several, such as ``"BAD,SAT"``. ``"any"`` takes all pixels that
        are not 0. None is allowed for images of 0 and 1, of booleans, and of fractions, where all
        values above 0 are inside.
    above : float or None
        The value above which pixels of images are inside, in place of ``bits``.

    Raises
    ------
    TypeError
        If ``source`` is of none of these kinds.
    ValueError
        If a file cannot be read as a mask, if it is not clear which part of a file or which values
        of an image are the mask, or if the shape of an image is not that of its WCS.
    FileNotFoundError
        If a file does not exist.

    Warns
    -----
    MapWarning
        If regions of a file are not supported, or lie off the map in pixel coordinates, or if a
        HEALPix map does not name its frame.

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

    exclude: str
    _sources: list[Any]

    def __init__(
        self,
        source: MaskLike,
        *,
        exclude: str = "inside",
        bits: int | str | Iterable[int | str] | None = None,
        above: float | None = None,
    ) -> None:
        self.exclude = check_choice(exclude, "exclude", ("inside", "outside"))
        values = Values(bits, above)
        self._sources = as_sources(source, SkyMask, values)
        values.check_used()

    @classmethod
    def from_images(
        cls,
        images: PathLike | Iterable[PathLike],
        *,
        exclude: str = "inside",
        bits: int | str | Iterable[int | str] | None = None,
        above: float | None = None,
    ) -> Self:
        """Return the mask of a survey that has one image for each tract, patch or pointing.

        The footprints of the images are found once, from their headers. The pixels of an image are
        read when positions on it are tested.

        A position is excluded unless at least one image that covers it allows it: where images
        overlap, one of them may end or lack data. A position that no image covers is excluded.
        This differs from a list of masks, whose excluded areas are combined, and which exclude
        nothing off their images.

        Parameters
        ----------
        images : path-like or sequence of path-like
            Folders of FITS images, patterns such as ``"masks/*.fits"``, and files. All may have a
            part, as in ``"masks/*.fits:MASK"`` and ``"masks/*.fits[1]"``.
        exclude, bits, above
            As for `SkyMask`.

        Returns
        -------
        SkyMask
            The mask.

        Raises
        ------
        FileNotFoundError
            If a file does not exist, or no file matches a pattern.
        ValueError
            If a file holds no image with a celestial WCS, or it is not clear which one is the mask.
        """
        names = [images] if isinstance(images, (str, os.PathLike)) else list(images)
        values = Values(bits, above)
        mask = cls.__new__(cls)
        mask.exclude = check_choice(exclude, "exclude", ("inside", "outside"))
        mask._sources = [MosaicSource(expand_images(names), values)]
        return mask

    @property
    def reads_images(self) -> bool:
        """Whether a part of the mask is a folder of images, which are read as they are needed."""
        return any(
            source.reads_images if isinstance(source, SkyMask) else isinstance(source, MosaicSource)
            for source in self._sources
        )

    def uncovered_sky(self, sky: SkyCoord) -> np.ndarray:
        """Return whether each position lies on none of the images of a folder of images.

        Parameters
        ----------
        sky : `~astropy.coordinates.SkyCoord`
            The positions, of any shape.

        Returns
        -------
        `numpy.ndarray`
            True for positions that such a part of the mask does not cover, bool, with the same
            shape as ``sky``; False if the mask has no folder of images.
        """
        positions = Positions.from_sky(sky)
        return self._uncovered(positions).reshape(positions.shape)

    def _uncovered(self, positions: Positions) -> np.ndarray:
        result = np.zeros(len(positions), dtype=bool)
        for source in self._sources:
            if isinstance(source, SkyMask):
                result |= source._uncovered(positions)
            elif isinstance(source, MosaicSource):
                result |= ~source.covered(positions)
        return result

    def __repr__(self) -> str:
        kinds = ", ".join(
            repr(source) if isinstance(source, SkyMask) else source.kind for source in self._sources
        )
        return f"<SkyMask of {kinds}; exclude={self.exclude!r}>"

    def excluded(self, x: ArrayLike, y: ArrayLike, wcs: WCS) -> np.ndarray:
        """Return whether each position on the pixels of a map is excluded by the mask.

        Parameters
        ----------
        x, y : array_like
            Pixel positions on ``wcs``, 0-based.
        wcs : `~astropy.wcs.WCS`
            The celestial WCS of the map. Its ``array_shape`` is needed only if the mask is a
            boolean array.

        Returns
        -------
        `numpy.ndarray`
            True where excluded, bool, with the same shape as ``x``. Positions that are not finite
            are excluded.
        """
        positions = Positions.from_pixels(x, y, wcs)
        return self._excluded(positions).reshape(positions.shape)

    def excluded_sky(self, sky: SkyCoord) -> np.ndarray:
        """Return whether each position on the sky is excluded by the mask.

        Parameters
        ----------
        sky : `~astropy.coordinates.SkyCoord`
            The positions, of any shape.

        Returns
        -------
        `numpy.ndarray`
            True where excluded, bool, with the same shape as ``sky``. Positions that are not
            finite are excluded.

        Raises
        ------
        TypeError
            If the mask is a boolean array or a pixel region, which are defined in the pixels of a
            map.
        """
        positions = Positions.from_sky(sky)
        return self._excluded(positions).reshape(positions.shape)

    def _excluded(self, positions: Positions) -> np.ndarray:
        inside = np.zeros(len(positions), dtype=bool)
        for source in self._sources:
            if isinstance(source, SkyMask):
                inside |= source._excluded(positions)
            elif isinstance(source, MosaicSource):
                inside |= source.contains(positions, self.exclude)
            else:
                inside |= source.contains(positions)
        result = inside if self.exclude == "inside" else ~inside
        for source in self._sources:
            if isinstance(source, ImageSource):
                result |= source.undefined(positions)
        return result | ~positions.finite


def excluded(mask: MaskLike | None, x: ArrayLike, y: ArrayLike, wcs: WCS) -> np.ndarray:
    """Return whether each position on the pixels of a map is excluded by a mask.

    Parameters
    ----------
    mask : mask-like or None
        Anything that `SkyMask` accepts; None excludes nothing.
    x, y : array_like
        Pixel positions on ``wcs``, 0-based.
    wcs : `~astropy.wcs.WCS`
        The celestial WCS of the map.

    Returns
    -------
    `numpy.ndarray`
        True where excluded, bool, with the same shape as ``x``.

    Raises
    ------
    TypeError
        If `SkyMask` does not accept ``mask``.
    ValueError
        If a file cannot be read, or if the shape of a boolean array differs from that of ``wcs``.
    """
    if mask is None:
        return np.zeros(np.broadcast(x, y).shape, dtype=bool)
    if not isinstance(mask, SkyMask):
        mask = SkyMask(mask)
    return mask.excluded(x, y, wcs)


def pixel_mask(mask: MaskLike | None, wcs: WCS) -> np.ndarray:
    """Return a boolean map of the pixels whose centers a mask excludes.

    Parameters
    ----------
    mask : mask-like or None
        Anything that `SkyMask` accepts; None excludes nothing.
    wcs : `~astropy.wcs.WCS`
        The celestial WCS of the map, with its ``array_shape``.

    Returns
    -------
    `numpy.ndarray`
        True where excluded, bool, ``(ny, nx)``.

    Raises
    ------
    TypeError, ValueError
        If ``mask`` is not a mask or cannot be read, or if ``wcs`` is not celestial or has no
        ``array_shape``.
    """
    wcs = check_celestial_wcs(wcs)
    ny, nx = wcs.array_shape
    check_memory(
        (1 if mask is None else _BYTES_PER_PIXEL) * ny * nx, f"a mask of {ny} x {nx} pixels",
        "use larger pixels or a smaller map",
    )
    if mask is None:
        return np.zeros((ny, nx), dtype=bool)
    y, x = np.indices((ny, nx))
    return excluded(mask, x, y, wcs)
