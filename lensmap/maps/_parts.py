# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks and conversions of the parts of a map: data, uncertainty, mask and WCS."""

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, NDUncertainty, StdDevUncertainty

from lensmap.utils import ParameterError, ParameterTypeError, check_celestial_wcs

__all__ = ["as_list", "as_plane", "copy_wcs", "mask_values", "standard_deviation", "unpack"]


def unpack(data, parts):
    """Split the ``data`` of a map into a plain array and parts such as WCS, mask and unit.

    Parameters
    ----------
    data : array_like, `~astropy.units.Quantity` or `~astropy.nddata.NDData`
        The data, from which parts that are not given are taken.
    parts : dict
        The given parts, keyed by name. None for parts that are not given.

    Returns
    -------
    data : array_like
        The data without parts. Masked values of a masked array are NaN.
    parts : dict
        The parts, given or taken from ``data``.
    """
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
    if isinstance(parts["mask"], (bool, np.bool_)):  # numpy.ma.nomask is False
        parts["mask"] = np.full(np.shape(data), parts["mask"])
    return data, parts


def as_plane(values, name, shape=None, dtype=float):
    """Convert values to a two-dimensional array, and check its shape and type.

    Parameters
    ----------
    values : array_like or None
        The values. None is returned unchanged.
    name : str
        The name of the parameter, for error messages.
    shape : tuple of int or None
        The required shape, ``(ny, nx)``. None allows any two-dimensional shape.
    dtype : {float, bool, None}
        With float, integers are converted to float. With bool, only booleans are allowed. None
        allows all real types and keeps the type.

    Returns
    -------
    `numpy.ndarray` or None
        The array, ``(ny, nx)``.
    """
    values = _as_array(values, name, dtype)
    if values is None:
        return None
    if values.ndim != 2:
        raise ParameterError(name, "two-dimensional (ny, nx)", f"of shape {values.shape}")
    if shape is not None and values.shape != shape:
        raise ParameterError(
            name, f"the shape of the data, {shape} (ny, nx)", str(values.shape), verb="have"
        )
    return values


def as_list(values, name, n=None, dtype=float):
    """Convert values to a one-dimensional array, and check its length and type.

    Parameters
    ----------
    values : array_like or None
        The values. None is returned unchanged.
    name : str
        The name of the parameter, for error messages.
    n : int or None
        The required length. None allows any.
    dtype : {float, bool, None}
        As for `as_plane`.

    Returns
    -------
    `numpy.ndarray` or None
        The array, ``(n,)``.
    """
    values = _as_array(values, name, dtype)
    if values is None:
        return None
    if values.ndim != 1:
        raise ParameterError(name, "one-dimensional", f"of shape {values.shape}")
    if n is not None and len(values) != n:
        raise ParameterError(name, f"{n} values, as the data", str(len(values)), verb="hold")
    return values


def _as_array(values, name, dtype):
    """Return values as an array of a type that is allowed; None is returned unchanged."""
    if values is None:
        return None
    values = np.asarray(values)
    if dtype is bool and values.dtype != bool:
        raise ParameterTypeError(
            name, "boolean (True = excluded)", str(values.dtype),
            f"if 0 means not excluded, give {name} != 0",
        )
    if values.dtype.kind not in "biuf":
        raise ParameterTypeError(name, "real numbers", str(values.dtype), verb="hold")
    return values.astype(float) if dtype is float and values.dtype.kind != "f" else values


def standard_deviation(uncertainty, masked):
    """Convert the uncertainty of a map to an array of standard deviations.

    An array is taken as standard deviations. None is returned unchanged.
    ``masked`` is True for pixels that may have any value; the result has its shape.
    """
    plain = getattr(uncertainty, "array", uncertainty)
    if plain is not None and np.shape(plain) == masked.shape:
        wrong = np.count_nonzero(np.asarray(plain)[~masked] < 0)
        if wrong:
            raise ParameterError(
                "uncertainty", "0 or positive",
                f"negative in {wrong} of {np.count_nonzero(~masked)} unmasked pixels",
                "correct or mask these pixels",
            )
    if isinstance(uncertainty, NDUncertainty):
        try:
            with np.errstate(invalid="ignore"):  # masked pixels may have any value
                deviation = uncertainty.represent_as(StdDevUncertainty)
        except TypeError:
            raise ParameterTypeError(
                "uncertainty",
                "a standard deviation, a variance or an inverse variance",
                type(uncertainty).__name__,
                "give an array of standard deviations, or StdDevUncertainty(array)",
            ) from None
        unit = deviation.unit or u.dimensionless_unscaled
        uncertainty = u.Quantity(deviation.array, unit).to_value(u.dimensionless_unscaled)
    if masked.ndim == 1:
        return as_list(uncertainty, "uncertainty", len(masked))
    return as_plane(uncertainty, "uncertainty", masked.shape)


def mask_values(values, mask, copy):
    """Return the values of a map with NaN in masked pixels.

    The array is copied if a pixel changes or ``copy`` is True; otherwise it is returned itself.
    """
    if copy or np.any(mask & ~np.isnan(values)):
        values = values.copy()
        values[mask] = np.nan
    return values


def copy_wcs(wcs, shape):
    """Check that a WCS is celestial, and return a copy with the ``array_shape`` of the map."""
    wcs = check_celestial_wcs(wcs, need_shape=False)
    if wcs.array_shape is not None and tuple(wcs.array_shape) != shape:
        raise ParameterError(
            "wcs", f"the array_shape {shape} (ny, nx) of the data", str(wcs.array_shape),
            verb="have",
        )
    wcs = wcs.deepcopy()
    wcs.array_shape = shape
    return check_celestial_wcs(wcs)
