# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of the arrays of all scores: one shape, numbers, and at least one unmasked pixel."""

import numpy as np
from numpy.typing import ArrayLike

from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["check_mask", "unmasked_values"]


def unmasked_values(mask: ArrayLike | None, **planes: ArrayLike) -> list[np.ndarray]:
    """Return the values of planes in unmasked pixels.

    Parameters
    ----------
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded; None excludes nothing.
    **planes : array_like
        ``(ny, nx)`` each, under the name for error messages. Pixels that a masked array masks are
        excluded too.

    Returns
    -------
    list of `numpy.ndarray`
        Float64, ``(n,)`` each, in the given order.

    Raises
    ------
    TypeError
        If a plane is no array of numbers, or the mask is not boolean.
    ValueError
        If shapes differ, every pixel is masked, or an unmasked pixel is not finite.
    """
    arrays = {name: _as_plane(plane, name) for name, plane in planes.items()}
    first = next(iter(arrays))
    shape = arrays[first].shape
    for name, array in arrays.items():
        if array.shape != shape:
            raise ValueError(
                f"{name} has the shape {array.shape}, but {first} has {shape} (ny, nx)"
            )
    excluded = check_mask(mask, shape)
    for plane in planes.values():
        excluded = excluded | np.ma.getmaskarray(np.asanyarray(plane))
    if excluded.all():
        raise ValueError("every pixel is masked: no pixel is left to score")
    values = {name: array[~excluded] for name, array in arrays.items()}
    for name, array in values.items():
        n_bad = np.count_nonzero(~np.isfinite(array))
        if n_bad:
            raise ValueError(
                f"{name} is not finite in {n_bad} of {array.size} unmasked pixels: give a mask of "
                "these pixels"
            )
    return list(values.values())


def check_mask(mask: ArrayLike | None, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask as a boolean array.

    Parameters
    ----------
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded; None excludes nothing.
    shape : tuple of int
        ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Bool, ``(ny, nx)``.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the mask has another shape.
    """
    if mask is None:
        return np.zeros(shape, dtype=bool)
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise ParameterTypeError("mask", "boolean, True = excluded", str(mask.dtype))
    if mask.shape != tuple(shape):
        raise ValueError(f"mask has the shape {mask.shape}, but the maps have {shape} (ny, nx)")
    return mask


def _as_plane(plane, name):
    try:
        array = np.asarray(plane, dtype=float)
    except (TypeError, ValueError):
        raise ParameterTypeError(
            name, "an array of numbers (ny, nx)", type(plane).__name__,
            "for a ConvergenceMap, give its data",
        ) from None
    if array.ndim != 2 or array.size == 0:
        raise ParameterError(name, "a map (ny, nx)", f"an array of shape {array.shape}")
    return array
