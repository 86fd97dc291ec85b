# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The FITS tiles of a HiPS: the places of HEALPix pixels in a tile, and its WCS."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from astropy.io import fits

from lensmap.survey.products._streamed_fits import GrowingHDU

__all__ = ["TILE_ORDER", "TILE_SIZE", "tile_header", "tile_image", "tile_path", "write_tile"]

#: A tile of order K has the pixels of order K + 9, 512 on a side.
TILE_ORDER = 9
TILE_SIZE = 1 << TILE_ORDER

# The number of tiles of a folder.
_TILES_PER_FOLDER = 10_000


def tile_path(folder: Path, order: int, pixel: int) -> Path:
    """Return the path of a tile."""
    start = pixel // _TILES_PER_FOLDER * _TILES_PER_FOLDER
    return folder / f"Norder{order}" / f"Dir{start}" / f"Npix{pixel}.fits"


def write_tile(folder: Path, order: int, pixel: int, values: np.ndarray) -> None:
    """Write a tile.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder of the HiPS.
    order, pixel : int
        The order and the nested index of the tile.
    values : `numpy.ndarray`
        The values in the nested order of the pixels, ``(TILE_SIZE**2,)``; NaN without data.
    """
    path = tile_path(folder, order, pixel)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The HDUs of astropy hold their data in cycles of references, which Python frees late, so that
    # many tiles would fill the memory. Of this HDU, only the header is used.
    sample = fits.PrimaryHDU(np.zeros((1, TILE_SIZE), np.float32), tile_header(order, pixel))
    with open(path, "wb") as file:
        hdu = GrowingHDU(file, sample.header, "NAXIS2")
        hdu.append(tile_image(values))
        hdu.finish()


def tile_image(values: np.ndarray) -> np.ndarray:
    """Return the image of a tile, ``(TILE_SIZE, TILE_SIZE)``, from values in nested order.

    The bits of a nested index alternate between x (the even bits), which increases to the
    northeast, and y, which increases to the northwest. The pixel (x, y) is at row
    ``TILE_SIZE - 1 - x`` and column y, of which FITS has the first row at the bottom.
    """
    return values[_places()]


@cache
def _places():
    """Return the nested index, within a tile, of each pixel of its image."""
    number = np.arange(TILE_SIZE)
    spread = sum((number >> bit & 1) << 2 * bit for bit in range(TILE_ORDER))
    return spread[::-1, np.newaxis] + 2 * spread


def tile_header(order: int, pixel: int) -> fits.Header:
    """Return the header of a tile, with its WCS in the HPX projection.

    Parameters
    ----------
    order, pixel : int
        The order and the nested index of the tile.

    Returns
    -------
    `~astropy.io.fits.Header`
        The header.

    References
    ----------
    Calabretta & Roukema 2007, MNRAS 381, 865.
    """
    face, within = divmod(pixel, 4**order)
    x, y = (sum((within >> 2 * bit + axis & 1) << bit for bit in range(order)) for axis in (0, 1))
    x, y = (x + 0.5) / 2**order, (y + 0.5) / 2**order
    # The center of the tile on the plane of the projection, degrees: the 12 faces are squares that
    # stand on their corners, in three rows of four.
    row, column = divmod(face, 4)
    longitude = (column * 90 + (0 if row == 1 else 45) + 180) % 360 - 180 + 45 * (x - y)
    latitude = 45 * (1 - row) + 45 * (x + y - 1)
    step = 45 / TILE_SIZE / 2**order
    center = (TILE_SIZE + 1) / 2
    header = fits.Header()
    header.update({
        "ORDER": order, "NPIX": pixel,
        "CTYPE1": "RA---HPX", "CTYPE2": "DEC--HPX", "CRVAL1": 0.0, "CRVAL2": 0.0,
        "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
        "CRPIX1": center + (longitude - latitude) / (2 * step),
        "CRPIX2": center + (longitude + latitude) / (2 * step),
        "CD1_1": -step, "CD1_2": -step, "CD2_1": step, "CD2_2": -step,
        "PV2_1": 4, "PV2_2": 3,
    })
    return header
