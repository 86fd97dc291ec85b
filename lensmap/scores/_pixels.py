# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of input maps, shared by all scores: equal shapes, numeric, not entirely masked."""

import numpy as np
from numpy.typing import ArrayLike

from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["check_mask", "unmasked_values"]


def unmasked_values(mask: ArrayLike | None, **planes: ArrayLike) -> list[np.ndarray]:
    """Return the values of several maps in the pixels that are unmasked in all of them.

    Parameters
    ----------
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.
    **planes : array_like
        The maps, ``(ny, nx)`` each. The keywords are the names used in error messages. If a map is
        a masked array, its masked pixels are excluded too.

    Returns
    -------
    list of `numpy.ndarray`
        The values of each map, float64, ``(n,)`` each, in the order of ``planes``.

    Raises
    ------
    TypeError
        If a map is not an array of numbers, or the mask is not boolean.
    ValueError
        If shapes differ, every pixel is masked, or an unmasked pixel is not finite.
    """
    arrays = {name: _as_plane(plane, name) for name, plane in planes.items()}
    first = next(iter(arrays))
    shape = arrays[first].shape
    for name, array in arrays.items():
        if array.shape != shape:
            raise ParameterError(
                name, f"the shape of {{{first}}}, {shape} (ny, nx)", str(array.shape), verb="have"
            )
    excluded = check_mask(mask, shape)
    for plane in planes.values():
        excluded = excluded | np.ma.getmaskarray(np.asanyarray(plane))
    if excluded.all():
        raise ValueError("every pixel is masked, so no pixel is left to score: unmask at least one")
    values = {name: array[~excluded] for name, array in arrays.items()}
    for name, array in values.items():
        n_bad = np.count_nonzero(~np.isfinite(array))
        if n_bad:
            raise ParameterError(
                name, "finite in every unmasked pixel",
                f"NaN or infinite in {n_bad} of {array.size}", "set {mask=True} in these pixels",
            )
    return list(values.values())


def check_mask(mask: ArrayLike | None, shape: tuple[int, ...]) -> np.ndarray:
    """Check the dtype and shape of a mask and return it as a boolean array.

    Parameters
    ----------
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded. If None, no pixel is excluded.
    shape : tuple of int
        The shape of the map, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        The mask, bool, ``(ny, nx)``.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the shape of the mask is not ``shape``.
    """
    if mask is None:
        return np.zeros(shape, dtype=bool)
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise ParameterTypeError(
            "mask", "a boolean array, True = excluded", f"an array of {mask.dtype}"
        )
    if mask.shape != tuple(shape):
        raise ParameterError(
            "mask", f"the shape of the maps, {shape} (ny, nx)", str(mask.shape), verb="have"
        )
    return mask


def _as_plane(plane, name):
    try:
        array = np.asarray(plane, dtype=float)
    except (TypeError, ValueError):
        raise ParameterTypeError(
            name, "an array of numbers (ny, nx)", type(plane).__name__,
            "pass the attribute data of a ConvergenceMap",
        ) from None
    if array.ndim != 2 or array.size == 0:
        raise ParameterError(
            name, "a two-dimensional map (ny, nx) with at least one pixel",
            f"an array of the shape {array.shape}",
        )
    return array
