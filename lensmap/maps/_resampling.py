# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Resampling of masked arrays and of galaxy counts to another WCS."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from astropy.wcs import WCS

from lensmap.maps._pixels import pixel_size, pixel_to_pixel
from lensmap.utils import check_memory, chunk_slices

__all__ = ["resample", "resample_counts"]

# The largest weight that masked pixels may have in the interpolated value of an unmasked pixel. It
# is not 0, because of rounding errors: a new pixel that coincides with an old one must not be
# masked because of a masked neighbor.
_MAX_MASKED_WEIGHT = 1e-6

# For each plane, its input and output, and for the positions.
_BYTES_PER_PIXEL = 24.0

# The number of subpixels along the side of a new pixel, and the largest number in a chunk.
_SUBPIXELS_PER_SIDE, _MAX_SUBPIXELS = 4, 1_000_000


def resample(
    planes: Sequence[np.ndarray],
    mask: np.ndarray,
    wcs_in: WCS,
    wcs_out: WCS,
    *,
    order: Literal["bilinear", "nearest-neighbor"] = "bilinear",
) -> tuple[list[np.ndarray], np.ndarray]:
    """Interpolate arrays with a common mask to another WCS, without using masked pixels.

    Parameters
    ----------
    planes : sequence of `numpy.ndarray`
        The arrays, ``(ny, nx)``. Their values in masked pixels are not used.
    mask : `numpy.ndarray`
        True for masked pixels, bool, ``(ny, nx)``.
    wcs_in, wcs_out : `~astropy.wcs.WCS`
        The WCS of the arrays, and the new WCS with its ``array_shape``.
    order : {"bilinear", "nearest-neighbor"}
        The interpolation between pixels.

    Returns
    -------
    planes : list of `numpy.ndarray`
        The arrays on ``wcs_out``, with NaN in masked pixels.
    mask : `numpy.ndarray`
        The mask on ``wcs_out``. It includes pixels whose center lies outside ``wcs_in``, and pixels
        to which masked pixels contribute.
    """
    from reproject import reproject_interp

    ny, nx = wcs_out.array_shape
    check_memory(
        _BYTES_PER_PIXEL * (len(planes) + 3) * ny * nx, f"resampling to {ny} x {nx} pixels",
        "use larger pixels or a smaller map",
    )
    # Masked pixels are set to 0, because NaN would spread even with zero weight. The interpolated
    # mask is the weight of masked pixels.
    stack = np.stack([mask.astype(float), *(np.where(mask, 0.0, plane) for plane in planes)])
    weight, *values = reproject_interp(
        (stack, wcs_in), wcs_out, wcs_out.array_shape, order=order, return_footprint=False
    )
    new_mask = ~(weight <= _MAX_MASKED_WEIGHT)  # the weight is NaN outside the old map
    return [np.where(new_mask, np.nan, plane) for plane in values], new_mask


def resample_counts(counts: np.ndarray, wcs_in: WCS, wcs_out: WCS) -> np.ndarray:
    """Distribute galaxy counts over the pixels of another WCS by area, conserving their sum.

    Each old pixel is divided into subpixels, which are assigned to the new pixels that contain
    their centers. A new pixel receives about 16 subpixels. `reproject.reproject_exact` is not used,
    because its overlaps are incomplete where corners of pixels coincide.

    Parameters
    ----------
    counts : `numpy.ndarray`
        The galaxy counts per pixel, ``(ny, nx)``.
    wcs_in, wcs_out : `~astropy.wcs.WCS`
        The WCS of the counts, and the new WCS with its ``array_shape``.

    Returns
    -------
    `numpy.ndarray`
        The counts on ``wcs_out``, float. Their sum is conserved if the new pixels cover all old
        pixels that have counts.
    """
    ny, nx = wcs_out.array_shape
    ratio = pixel_size(wcs_in, counts.shape) / pixel_size(wcs_out, (ny, nx))
    n_sub = max(2, int(np.ceil(_SUBPIXELS_PER_SIDE * float(ratio))))
    offsets = (np.arange(n_sub) + 0.5) / n_sub - 0.5
    total = np.zeros(ny * nx)
    row_size = counts.shape[1] * n_sub**2
    for rows in chunk_slices(counts.shape[0], max(1, _MAX_SUBPIXELS // row_size)):
        y, x, dy, dx = np.meshgrid(
            np.arange(rows.start, rows.stop), np.arange(counts.shape[1]), offsets, offsets,
            indexing="ij",
        )
        new_x, new_y = pixel_to_pixel(x + dx, y + dy, wcs_in, wcs_out)
        with np.errstate(invalid="ignore"):
            inside = (new_x >= -0.5) & (new_x < nx - 0.5) & (new_y >= -0.5) & (new_y < ny - 0.5)
        share = np.broadcast_to(counts[rows, :, np.newaxis, np.newaxis] / n_sub**2, x.shape)
        i, j = (np.floor(v[inside] + 0.5).astype(int) for v in (new_y, new_x))
        total += np.bincount(i * nx + j, weights=share[inside], minlength=ny * nx)
    return total.reshape(ny, nx)
