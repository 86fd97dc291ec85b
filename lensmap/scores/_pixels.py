# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What all metrics ask of their arrays: one shape, numbers, and a pixel that is not masked."""

import numpy as np

__all__ = ["check_mask", "open_values"]


def open_values(mask, **planes):
    """Return the values of planes in the pixels that are not masked.

    Parameters
    ----------
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded; None excludes nothing.
    **planes : array_like
        ``(ny, nx)`` each, by the name that messages have for it. The mask of a masked array counts
        as well.

    Returns
    -------
    list of `numpy.ndarray`
        Float64, ``(n,)`` each, in the order in which they were given.

    Raises
    ------
    TypeError
        If a plane is no array of numbers, or the mask not boolean.
    ValueError
        If shapes differ, every pixel is masked, or a pixel that is not masked is not finite.
    """
    arrays = {name: _numbers(plane, name) for name, plane in planes.items()}
    first = next(iter(arrays))
    shape = arrays[first].shape
    for name, array in arrays.items():
        if array.shape != shape:
            raise ValueError(
                f"{name} has the shape {array.shape}, but {first} has {shape} (ny, nx)"
            )
    closed = check_mask(mask, shape)
    for plane in planes.values():
        closed = closed | np.ma.getmaskarray(plane)
    if closed.all():
        raise ValueError("every pixel is masked: there is nothing to score")
    values = {name: array[~closed] for name, array in arrays.items()}
    for name, array in values.items():
        bad = np.count_nonzero(~np.isfinite(array))
        if bad:
            raise ValueError(
                f"{name} is not finite in {bad} of {array.size} pixels that are not masked: give "
                "a mask that has them"
            )
    return list(values.values())


def check_mask(mask, shape):
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
        If it is not boolean.
    ValueError
        If it has another shape.
    """
    if mask is None:
        return np.zeros(shape, dtype=bool)
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"mask must be boolean, True = excluded, not {mask.dtype}")
    if mask.shape != tuple(shape):
        raise ValueError(f"mask has the shape {mask.shape}, but the maps have {shape} (ny, nx)")
    return mask


def _numbers(plane, name):
    try:
        array = np.asarray(plane, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must be an array of numbers (ny, nx), not {type(plane).__name__}; of a "
            "ConvergenceMap, give its data"
        ) from None
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be a map (ny, nx), not an array of shape {array.shape}")
    return array
