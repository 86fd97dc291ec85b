# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Resampling of masked arrays and of galaxy counts to another WCS."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from astropy.wcs import WCS

from lensmap.maps._pixels import pixel_to_pixel
from lensmap.utils import check_memory, chunk_slices, pixel_size

__all__ = ["resample", "resample_counts"]

# The largest weight that masked pixels may have in the interpolated value of an unmasked pixel. It
# is not 0, because of rounding errors: a new pixel that coincides with an old one must not be
# masked because of a masked neighbor.
_MAX_MASKED_WEIGHT = 1e-6

# For each plane, its input and output, and for the positions.
_BYTES_PER_PIXEL = 24.0

# The number of subpixels along the side of a new pixel, and the largest number in a chunk.
_SUBPIXELS_PER_SIDE, _MAX_SUBPIXELS = 4, 1_000_000

# With a larger ratio of the old to the new pixel scale, the new pixels are divided into subpixels.
# The number of subpixels is then proportional to that of the new pixels, and not to the area of the
# old map, which may be much larger.
_MIN_RATIO = 2.0


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

    The smaller pixels are divided into subpixels, each of which belongs to the larger pixel that
    contains its center. A pixel has at least 16 subpixels in common with the other map.
    `reproject.reproject_exact` is not used, because its overlaps are incomplete where corners of
    pixels coincide.

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
    ratio = float(pixel_size(wcs_in, counts.shape) / pixel_size(wcs_out, (ny, nx)))
    if ratio >= _MIN_RATIO:
        return _count_in_parts(counts, wcs_in, wcs_out, ratio)
    n_sub = max(2, int(np.ceil(_SUBPIXELS_PER_SIDE * ratio)))
    offsets = _offsets(n_sub)
    total = np.zeros(ny * nx)
    row_size = counts.shape[1] * n_sub**2
    for rows in chunk_slices(counts.shape[0], max(1, _MAX_SUBPIXELS // row_size)):
        y, x, dy, dx = np.meshgrid(
            np.arange(rows.start, rows.stop), np.arange(counts.shape[1]), offsets, offsets,
            indexing="ij",
        )
        new_x, new_y = pixel_to_pixel(x + dx, y + dy, wcs_in, wcs_out)
        inside = _inside(new_x, new_y, (ny, nx))
        share = np.broadcast_to(counts[rows, :, np.newaxis, np.newaxis] / n_sub**2, x.shape)
        i, j = (np.floor(v[inside] + 0.5).astype(int) for v in (new_y, new_x))
        total += np.bincount(i * nx + j, weights=share[inside], minlength=ny * nx)
    return total.reshape(ny, nx)


def _count_in_parts(
    counts: np.ndarray, wcs_in: WCS, wcs_out: WCS, ratio: float
) -> np.ndarray:
    """Distribute galaxy counts over smaller pixels; ``ratio`` is that of the pixel scales."""
    n_y, n_x = counts.shape
    ny, nx = wcs_out.array_shape
    n_sub = int(np.ceil(_SUBPIXELS_PER_SIDE / ratio))
    offsets = _offsets(n_sub)
    check_memory(
        (16.0 + 8.0 * n_sub**2) * ny * nx, f"resampling the counts to {ny} x {nx} pixels",
        "use larger pixels or a smaller map",
    )
    # The old pixel of each subpixel; the last number means that there is none.
    old = np.full((ny, nx, n_sub**2), n_y * n_x, dtype=np.int64)
    for rows in chunk_slices(ny, max(1, _MAX_SUBPIXELS // (nx * n_sub**2))):
        y, x, dy, dx = np.meshgrid(
            np.arange(rows.start, rows.stop), np.arange(nx), offsets, offsets, indexing="ij"
        )
        old_x, old_y = pixel_to_pixel(x + dx, y + dy, wcs_out, wcs_in)
        inside = _inside(old_x, old_y, counts.shape)
        part = old[rows].reshape(inside.shape)
        i, j = (np.floor(v[inside] + 0.5).astype(np.int64) for v in (old_y, old_x))
        part[inside] = i * n_x + j
    number = np.bincount(old.ravel(), minlength=n_y * n_x + 1)[:-1]
    share = np.zeros(n_y * n_x + 1)
    met = np.flatnonzero(number)
    whole = np.maximum(number[met], n_sub**2 * _area_off(met, counts.shape, wcs_in, wcs_out))
    share[met] = counts.ravel()[met] / whole
    return share[old].sum(axis=-1)


def _area_off(
    pixels: np.ndarray, shape: tuple[int, int], wcs_in: WCS, wcs_out: WCS
) -> np.ndarray:
    """Return the areas of old pixels that are not completely on the new map, in new pixels.

    ``pixels`` are their flat indices. The area is 0 for pixels that are completely on the new map.
    """
    y, x = np.divmod(pixels[:, np.newaxis], shape[1])
    corner_x, corner_y = pixel_to_pixel(
        x + np.array([-0.5, 0.5, 0.5, -0.5]), y + np.array([-0.5, -0.5, 0.5, 0.5]), wcs_in, wcs_out
    )
    ny, nx = wcs_out.array_shape
    with np.errstate(invalid="ignore"):
        complete = ((np.abs(2 * corner_x + 1 - nx) <= nx) & (np.abs(2 * corner_y + 1 - ny) <= ny))
    cross = corner_x * np.roll(corner_y, -1, 1) - corner_y * np.roll(corner_x, -1, 1)
    area = np.abs(cross.sum(axis=1)) / 2
    return np.where(complete.all(axis=1), 0.0, np.nan_to_num(area))


def _offsets(n_sub: int) -> np.ndarray:
    """Return the centers of the subpixels along the side of a pixel, from its center."""
    return (np.arange(n_sub) + 0.5) / n_sub - 0.5


def _inside(x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return which pixel positions lie on a map of this shape; False where they are NaN."""
    ny, nx = shape
    with np.errstate(invalid="ignore"):
        return (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
