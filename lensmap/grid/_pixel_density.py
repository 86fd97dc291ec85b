# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The number of galaxies per pixel of an image that may be much larger than their area."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.grid._projection import PixelFrame

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.catalog import ShearCatalog

__all__ = ["galaxies_per_pixel"]

# The density is measured on a subset of about this many galaxies.
_MAX_GALAXIES = 200_000

# The mean number of galaxies in the cells in which they are counted.
_GALAXIES_PER_CELL = 16

# With fewer galaxies, the density is that of the whole image.
_MIN_GALAXIES = 4 * _GALAXIES_PER_CELL


def galaxies_per_pixel(catalog: ShearCatalog, wcs: WCS) -> float:
    """Return the mean number of galaxies per pixel, in the area that the galaxies cover.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies. Galaxies with zero weight do not count.
    wcs : `~astropy.wcs.WCS`
        The celestial WCS of the image, with its ``array_shape``. Its pixels are never stored.

    Returns
    -------
    float
        The number of galaxies per pixel; 0 if no galaxy is on the image.
    """
    step = max(1, len(catalog) // _MAX_GALAXIES)
    lon, lat, weight = catalog.ra[::step], catalog.dec[::step], catalog.weight
    if weight is not None:
        used = weight[::step] > 0
        lon, lat = lon[used], lat[used]
    frame = PixelFrame(wcs, catalog.frame)
    ny, nx = frame.shape
    x, y = frame.positions(lon, lat)
    with np.errstate(invalid="ignore"):
        inside = (np.abs(2 * x + 1 - nx) < nx) & (np.abs(2 * y + 1 - ny) < ny)
    x, y = x[inside], y[inside]
    n = len(x)
    if n < _MIN_GALAXIES:
        return n * step / (float(ny) * nx)
    x, y = x - x.min(), y - y.min()
    # A rectangle that is not wider than a pixel has one pixel for its galaxies, at least.
    width, height = max(1.0, x.max()), max(1.0, y.max())
    side = np.sqrt(width * height * _GALAXIES_PER_CELL / n)
    columns, rows = (max(1, round(length / side)) for length in (width, height))
    column = np.minimum(x * (columns / width), columns - 1).astype(np.intp)
    row = np.minimum(y * (rows / height), rows - 1).astype(np.intp)
    counts = np.bincount(row * columns + column)
    counts = counts[counts > 0]
    # Cells at the edge of the survey are not full.
    full = counts[counts > 0.5 * counts.mean()]
    return float(full.mean()) * step * columns * rows / (width * height)
