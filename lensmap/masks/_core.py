# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One question, whatever the mask is: are these positions excluded?"""

import numpy as np

from lensmap.masks._positions import Positions
from lensmap.masks._readers import as_sources
from lensmap.utils import check_celestial_wcs, check_choice

__all__ = ["SkyMask", "excluded", "pixel_mask"]


class SkyMask:
    """A mask of which the outside may be excluded instead of the inside.

    Wherever lensmap takes a ``mask``, it takes what this class takes; the class itself is needed
    only to say ``exclude="outside"``, as for a survey's footprint.

    Parameters
    ----------
    source : object
        One of

        * a boolean array ``(ny, nx)`` on the pixels of the map, True = inside;
        * a `regions.Region`, `regions.Regions` or a list of them. Sky regions are asked on a
          plane that touches the sky at their own center, so that they mean the same galaxies on
          every map; pixel regions are in the pixels of the map. As in DS9, exclusions
          (``-circle(...)``) are cut out of the others, and points, lines and text are passed
          over;
        * an image with its WCS: an `~astropy.nddata.NDData`, an image HDU or a pair
          ``(array, wcs)``; pixels that are not 0 are inside, those that are not finite are
          excluded in any case. Positions off the image are outside. Where an NDData has
          numbers and a mask, the mask counts;
        * a `mocpy.MOC`;
        * star holes: a table with the columns ``ra``, ``dec`` and ``radius`` (in any case), all
          of them angles (without a unit: degrees);
        * the path of a file with any of these: DS9 (``.reg``, ``.ds9``) or CRTF (``.crtf``)
          regions, a FITS image (its extension MASK, if it has one, as lensmap's own maps), FITS
          region table or FITS MOC, or a table of star holes (``.ecsv``, ``.csv``);
        * another `SkyMask`, or a list or tuple of any of these: what is excluded by one of them
          is excluded.
    exclude : {"inside", "outside"}
        What is excluded.

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

    def __init__(self, source, *, exclude="inside"):
        self.exclude = check_choice(exclude, "exclude", ("inside", "outside"))
        self._sources = as_sources(source, SkyMask)

    def __repr__(self):
        kinds = ", ".join(
            repr(source) if isinstance(source, SkyMask) else source.kind for source in self._sources
        )
        return f"<SkyMask of {kinds}; exclude={self.exclude!r}>"

    def excluded(self, x, y, wcs):
        """Return which positions are excluded.

        Parameters
        ----------
        x, y : array_like
            0-based pixel positions on ``wcs``.
        wcs : `~astropy.wcs.WCS`
            A celestial WCS; it needs its shape only where a boolean array is asked.

        Returns
        -------
        `numpy.ndarray`
            Bool, with the shape of ``x``. Positions that are not finite are excluded.
        """
        where = Positions.from_pixels(x, y, wcs)
        return self._excluded(where).reshape(where.shape)

    def excluded_sky(self, sky):
        """Return which positions on the sky are excluded, without a map.

        Parameters
        ----------
        sky : `~astropy.coordinates.SkyCoord`
            The positions.

        Returns
        -------
        `numpy.ndarray`
            Bool, with the shape of ``sky``. Positions that are not finite are excluded.

        Raises
        ------
        TypeError
            If the mask speaks of the pixels of a map, as boolean arrays and pixel regions do.
        """
        where = Positions.from_sky(sky)
        return self._excluded(where).reshape(where.shape)

    def _excluded(self, where):
        inside = np.zeros(len(where), dtype=bool)
        for source in self._sources:
            nested = isinstance(source, SkyMask)
            inside |= source._excluded(where) if nested else source.contains(where)
        result = inside if self.exclude == "inside" else ~inside
        for source in self._sources:
            if hasattr(source, "unknown"):
                result |= source.unknown(where)
        return result | ~where.finite


def excluded(mask, x, y, wcs):
    """Return which positions a mask excludes: galaxies and pixels are asked alike.

    Parameters
    ----------
    mask : object or None
        What `SkyMask` takes; None excludes nothing.
    x, y : array_like
        0-based pixel positions on ``wcs``.
    wcs : `~astropy.wcs.WCS`
        A celestial WCS.

    Returns
    -------
    `numpy.ndarray`
        Bool, with the shape of ``x``.

    Raises
    ------
    TypeError, ValueError
        If the mask is not understood, or a boolean array has another shape than ``wcs``.
    """
    if mask is None:
        return np.zeros(np.broadcast(x, y).shape, dtype=bool)
    if not isinstance(mask, SkyMask):
        mask = SkyMask(mask)
    return mask.excluded(x, y, wcs)


def pixel_mask(mask, wcs):
    """Return a mask on the pixels of a map: a pixel is excluded if its center is.

    Parameters
    ----------
    mask : object or None
        What `SkyMask` takes.
    wcs : `~astropy.wcs.WCS`
        A celestial WCS with its ``array_shape``.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(ny, nx)``, True = excluded.
    """
    check_celestial_wcs(wcs)
    if mask is None:
        return np.zeros(wcs.array_shape, dtype=bool)
    y, x = np.indices(wcs.array_shape)
    return excluded(mask, x, y, wcs)
