# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What a map is made of, checked one by one, and the one rule for masked pixels."""

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, NDUncertainty, StdDevUncertainty

from lensmap.utils import check_celestial_wcs

__all__ = ["unpacked", "plane", "deviation", "blanked", "own_wcs"]


def unpacked(data, parts):
    """Return an array, and its parts as far as given, else as the object brings them along."""
    if isinstance(data, NDData):
        parts = {
            name: getattr(data, name, None) if part is None else part
            for name, part in parts.items()
        }
        data = data.data
    if isinstance(data, u.Quantity):
        parts["unit"] = data.unit if parts["unit"] is None else parts["unit"]
        data = data.value
    if isinstance(data, np.ma.MaskedArray):
        data = data.astype(np.result_type(data.dtype, np.float32)).filled(np.nan)
    if isinstance(parts["mask"], (bool, np.bool_)):  # numpy's word for "nothing is masked"
        parts["mask"] = np.full(np.shape(data), parts["mask"])
    return data, parts


def plane(values, name, shape=None, dtype=float):
    """Return a two-dimensional array of the right shape; None stays None."""
    if values is None:
        return None
    values = np.asarray(values)
    if dtype is bool and values.dtype != bool:
        raise TypeError(f"{name} must be boolean (True = excluded), not {values.dtype}")
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, not {values.dtype}")
    if dtype is float and values.dtype.kind != "f":
        values = values.astype(float)
    if values.ndim != 2:
        raise ValueError(f"{name} must be two-dimensional (ny, nx), not {values.shape}")
    if shape is not None and values.shape != shape:
        raise ValueError(f"{name} has the shape {values.shape}, but the map has {shape} (ny, nx)")
    return values


def deviation(uncertainty, shape):
    """Return the standard deviation as an array; None stays None."""
    if isinstance(uncertainty, NDUncertainty):
        kind = type(uncertainty).__name__
        try:
            deviation = uncertainty.represent_as(StdDevUncertainty)
        except TypeError:
            raise TypeError(
                f"uncertainty must be a standard deviation or what can be turned into one, not "
                f"{kind}; StdDevUncertainty(array) says that it is one"
            ) from None
        unit = deviation.unit or u.dimensionless_unscaled
        uncertainty = u.Quantity(deviation.array, unit).to_value(u.dimensionless_unscaled)
    return plane(uncertainty, "uncertainty", shape)


def blanked(values, bad, copy):
    """Return the array with NaN where it is bad, copied only if need be."""
    if copy or np.any(bad & ~np.isnan(values)):
        values = values.copy()
        values[bad] = np.nan
    return values


def own_wcs(wcs, shape):
    check_celestial_wcs(wcs, need_shape=False)
    if wcs.array_shape is not None and tuple(wcs.array_shape) != shape:
        raise ValueError(f"wcs has the shape {wcs.array_shape}, but the map has {shape} (ny, nx)")
    wcs = wcs.deepcopy()
    wcs.array_shape = shape
    return wcs
