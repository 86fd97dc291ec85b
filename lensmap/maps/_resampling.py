# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The door to the reproject package, which knows neither masks nor counts."""

import numpy as np

from lensmap.maps._pixels import pixel_size, pixel_to_pixel
from lensmap.utils import chunk_slices

__all__ = ["resample", "resample_counts"]

# An interpolated value may owe this much to masked pixels: positions are rounded, and a pixel
# that lies exactly on another one shall not be lost for a masked neighbor.
_ROUNDING = 1e-6

# A new pixel holds this many parts of old ones along a side, and so many are done at once.
_PARTS, _CHUNK = 4, 1_000_000


def resample(planes, bad, wcs_in, wcs_out, *, order="bilinear"):
    """Interpolate images onto another WCS; masked pixels have no influence.

    Parameters
    ----------
    planes : list of `numpy.ndarray`
        Each ``(ny, nx)``; what they hold in masked pixels does not matter.
    bad : `numpy.ndarray`
        Bool, ``(ny, nx)``, True = masked.
    wcs_in, wcs_out : `~astropy.wcs.WCS`
        Where they are, and where they shall be; ``wcs_out`` has its ``array_shape``.
    order : {"bilinear", "nearest-neighbor"}
        The order of interpolation.

    Returns
    -------
    planes : list of `numpy.ndarray`
        On ``wcs_out``; NaN where masked.
    bad : `numpy.ndarray`
        Bool: the pixels whose center lies off ``wcs_in``, or whose value masked pixels enter.
    """
    from reproject import reproject_interp

    # NaN times a weight of 0 is NaN: zeros go in, and the weight of the masked pixels besides.
    stack = np.stack([bad.astype(float), *(np.where(bad, 0.0, plane) for plane in planes)])
    weight, *values = reproject_interp(
        (stack, wcs_in), wcs_out, wcs_out.array_shape, order=order, return_footprint=False
    )
    bad = ~(weight <= _ROUNDING)  # NaN off the image
    return [np.where(bad, np.nan, plane) for plane in values], bad


def resample_counts(counts, wcs_in, wcs_out):
    """Share counts out among the pixels of another WCS, so that none is lost or made.

    Each pixel is cut into parts, so small that a new pixel holds some 16 of them, and each part
    counts where its center lies. (The overlaps that `reproject.reproject_exact` computes miss
    some where corners coincide.)

    Parameters
    ----------
    counts : `numpy.ndarray`
        ``(ny, nx)``.
    wcs_in, wcs_out : `~astropy.wcs.WCS`
        Where they are, and where they shall be; ``wcs_out`` has its ``array_shape``.

    Returns
    -------
    `numpy.ndarray`
        On ``wcs_out``; their sum is that of ``counts`` where both cover the same sky.
    """
    ny, nx = wcs_out.array_shape
    ratio = pixel_size(wcs_in, counts.shape) / pixel_size(wcs_out, (ny, nx))
    parts = max(2, int(np.ceil(_PARTS * float(ratio))))
    offsets = (np.arange(parts) + 0.5) / parts - 0.5
    total = np.zeros(ny * nx)
    row_size = counts.shape[1] * parts**2
    for rows in chunk_slices(counts.shape[0], max(1, _CHUNK // row_size)):
        some = counts[rows]
        y, x, dy, dx = np.meshgrid(
            np.arange(rows.start, rows.stop), np.arange(counts.shape[1]), offsets, offsets,
            indexing="ij",
        )
        new_x, new_y = pixel_to_pixel(x + dx, y + dy, wcs_in, wcs_out)
        with np.errstate(invalid="ignore"):
            inside = (new_x >= -0.5) & (new_x < nx - 0.5) & (new_y >= -0.5) & (new_y < ny - 0.5)
        share = np.broadcast_to(some[..., np.newaxis, np.newaxis] / parts**2, x.shape)
        columns, lines = (np.floor(v[inside] + 0.5).astype(int) for v in (new_x, new_y))
        total += np.bincount(lines * nx + columns, weights=share[inside], minlength=ny * nx)
    return total.reshape(ny, nx)
