# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HEALPix pixels of galaxies."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.catalog._ranges import RANGES
from lensmap.catalog.hats._layout import HEALPIX_ORDER
from lensmap.utils import import_optional

__all__ = ["finest_pixels", "has_position", "import_hpgeom"]

_CHUNK = 500_000


def import_hpgeom():
    """Import hpgeom, which healsparse brings."""
    return import_optional(
        "hpgeom", purpose="a survey catalog on disk", install="'lensmap[survey]'"
    )


def has_position(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return True for galaxies that have a position on the sky, bool, ``(n,)``.

    Parameters
    ----------
    ra, dec : `numpy.ndarray`
        The positions in degrees, ``(n,)``.
    """
    return RANGES["ra"].contains(ra) & RANGES["dec"].contains(dec)


def finest_pixels(ra: np.ndarray, dec: np.ndarray, frame: str = "icrs") -> np.ndarray:
    """Return the nested HEALPix pixels of order 29 that hold positions.

    Parameters
    ----------
    ra, dec : `numpy.ndarray`
        The positions in degrees, ``(n,)``, finite.
    frame : str
        The frame of the positions. The pixels are those of the ICRS.

    Returns
    -------
    `numpy.ndarray`
        The pixels, int64, ``(n,)``.
    """
    hpgeom = import_hpgeom()
    pixels = np.empty(len(ra), dtype=np.int64)
    for start in range(0, len(ra), _CHUNK):
        rows = slice(start, start + _CHUNK)
        lon, lat = np.asarray(ra[rows], dtype=float), np.asarray(dec[rows], dtype=float)
        if frame != "icrs":
            sky = SkyCoord(lon, lat, unit=u.deg, frame=frame).icrs
            lon, lat = sky.ra.deg, sky.dec.deg
        pixels[rows] = hpgeom.angle_to_pixel(
            2**HEALPIX_ORDER, np.remainder(lon, 360.0), lat
        )
    return pixels
