# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Resampling of masked planes and of counts to another WCS."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from astropy.wcs import WCS

from lensmap.maps._pixels import pixel_size, pixel_to_pixel
from lensmap.utils import chunk_slices

__all__ = ["resample", "resample_counts"]

# The largest weight of masked pixels in an unmasked one. It exceeds rounding errors of positions:
# a pixel exactly on an old one does not depend on the mask of its neighbors.
_MAX_MASKED_WEIGHT = 1e-6

# The number of subpixels of old pixels along the side of a new one, and in a chunk.
_SUBPIXELS_PER_SIDE, _MAX_SUBPIXELS = 4, 1_000_000


def resample(
    planes: Sequence[np.ndarray],
    mask: np.ndarray,
    wcs_in: WCS,
    wcs_out: WCS,
    *,
    order: Literal["bilinear", "nearest-neighbor"] = "bilinear",
) -> tuple[list[np.ndarray], np.ndarray]:
    """Interpolate planes to another WCS, without the values of masked pixels.

    Parameters
    ----------
    planes : sequence of `numpy.ndarray`
        Planes with the same mask, ``(ny, nx)``; any values in masked pixels.
    mask : `numpy.ndarray`
        Bool, ``(ny, nx)``, True = excluded.
    wcs_in, wcs_out : `~astropy.wcs.WCS`
        The WCS of the planes and the new one, which has an ``array_shape``.
    order : {"bilinear", "nearest-neighbor"}
        The order of the interpolation.

    Returns
    -------
    planes : list of `numpy.ndarray`
        The planes on ``wcs_out``; NaN in masked pixels.
    mask : `numpy.ndarray`
        The mask on ``wcs_out``: pixels with a center outside of ``wcs_in``, or with a contribution
        of masked pixels.
    """
    from reproject import reproject_interp

    # NaN times 0 is NaN: masked pixels become 0, and the mask is interpolated as their weight.
    stack = np.stack([mask.astype(float), *(np.where(mask, 0.0, plane) for plane in planes)])
    weight, *values = reproject_interp(
        (stack, wcs_in), wcs_out, wcs_out.array_shape, order=order, return_footprint=False
    )
    new_mask = ~(weight <= _MAX_MASKED_WEIGHT)  # the weight is NaN outside of the planes
    return [np.where(new_mask, np.nan, plane) for plane in values], new_mask


def resample_counts(counts: np.ndarray, wcs_in: WCS, wcs_out: WCS) -> np.ndarray:
    """Distribute counts over the pixels of another WCS by area, with the same sum.

    Each pixel is divided into subpixels, about 16 of them in a new pixel, which are assigned by
    their centers. (The overlaps of `reproject.reproject_exact` are incomplete where corners
    coincide.)

    Parameters
    ----------
    counts : `numpy.ndarray`
        Counts, ``(ny, nx)``.
    wcs_in, wcs_out : `~astropy.wcs.WCS`
        The WCS of the counts and the new one, which has an ``array_shape``.

    Returns
    -------
    `numpy.ndarray`
        The counts on ``wcs_out``, float; their sum is conserved where both cover the same sky.
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
