# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Conversion of settings to plain values in fixed units; the setting's name states the unit."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import Cosmology

from lensmap.utils._code_files import code_digest
from lensmap.utils._positions import as_icrs

__all__ = ["UNIT_SUFFIXES", "to_plain"]

# The units of stored quantities, and the suffixes of their names.
_UNITS = (
    (u.arcmin, "arcmin"),
    (u.arcmin**-2, "per_arcmin2"),
    (u.arcmin**2, "arcmin2"),
    (u.Mpc, "mpc"),
    (u.solMass, "msun"),
    (u.s, "s"),
    (u.dimensionless_unscaled, None),
)

#: The suffixes of names with a unit, the longest first. ("_s" is left out, because few names with
#: this ending are durations.)
UNIT_SUFFIXES = sorted((name for _, name in _UNITS if name not in (None, "s")), key=len)[::-1]

# The significant digits of stored numbers; unit conversions agree to about 1e-15.
_DIGITS = 13


def to_plain(value):
    """Convert a setting to types that JSON can hold.

    A quantity in a mapping is converted to a fixed unit, which is appended to its key:
    ``{"pixel_scale": 24 * u.arcsec}`` and ``{"pixel_scale": 0.4 * u.arcmin}`` both become
    ``{"pixel_scale_arcmin": 0.4}``. Dataclasses and objects with ``get_params`` (estimators,
    simulations, surveys) become dicts of their class name and parameters, with a digest of the code
    if the class comes from a file that was named by its path. Functions become their qualified
    name.

    Parameters
    ----------
    value : object
        A number, string, array, quantity, position, path, mapping, sequence, cosmology, dataclass,
        module-level function, or object with ``get_params``.

    Returns
    -------
    object
        None, bool, int, float, str, list or dict.

    Raises
    ------
    TypeError
        If the value has a type that cannot be stored and compared.
    """
    if isinstance(value, u.Quantity):
        number, suffix = _in_fixed_unit(value)
        return number if suffix is None else {"value": number, "unit": suffix}
    for kinds, convert in _CONVERTERS:
        if isinstance(value, kinds):
            return convert(value)
    if hasattr(value, "get_params"):
        digest = code_digest(type(value))
        code = {} if digest is None else {"code_sha256": digest}
        return {"class": type(value).__name__, **code, **to_plain(value.get_params())}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        return {"class": type(value).__name__, **to_plain(parts)}
    if isinstance(value, FunctionType) and "<" not in value.__qualname__:
        return f"{value.__module__}.{value.__qualname__}"
    raise TypeError(
        "each setting of a run must be a value that lensmap can store and compare: a number, text, "
        "array, Quantity, list, dict, function of a module, or object with get_params, not "
        f"{value!r}"
    )


def _in_fixed_unit(quantity):
    """Convert a quantity to the fixed unit of its kind, such as arcmin for angles.

    The result is a tuple: the number or list of numbers in this unit, and the suffix for the key of
    the quantity, such as "arcmin" (None for a dimensionless quantity).
    """
    for unit, suffix in _UNITS:
        if quantity.unit.is_equivalent(unit):
            return to_plain(_rounded(quantity.to_value(unit))), suffix
    raise TypeError(
        "a Quantity among the settings of a run must be an angle, solid angle, density on the sky, "
        f"length, mass, time or dimensionless, not in {quantity.unit}"
    )


def _rounded(numbers):
    """Round numbers to so few significant digits that unit conversions do not change them."""
    numbers = np.asarray(numbers, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(np.abs(numbers))))
    usable = np.isfinite(scale) & np.isfinite(numbers)
    return np.where(usable, np.round(numbers * np.where(usable, scale, 1)) / np.where(
        usable, scale, 1), numbers)


def _plain_mapping(mapping):
    plain = {}
    for key, value in mapping.items():
        if isinstance(value, u.Quantity):
            number, suffix = _in_fixed_unit(value)
            plain[str(key) if suffix is None else f"{key}_{suffix}"] = number
        else:
            plain[str(key)] = to_plain(value)
    return plain


def _plain_array(array):
    if array.dtype.kind == "f":
        array = _rounded(array)
    return [to_plain(item) for item in array] if array.ndim else array.item()


def _plain_position(position):
    """Return the ICRS coordinates of a position as ``{"ra_deg": ..., "dec_deg": ...}``.

    The coordinates are rounded to 1e-10 deg (0.36 micro-arcseconds).
    """
    icrs = as_icrs(position)
    ra, dec = np.round([icrs.ra.deg, icrs.dec.deg], 10)
    return {"ra_deg": to_plain(ra), "dec_deg": to_plain(dec)}


def _plain_cosmology(cosmology):
    parameters = {name: value for name, value in cosmology.parameters.items()}
    # astropy cosmologies have no power spectrum parameters, so lensmap keeps them in ``meta``.
    power = {name: to_plain(cosmology.meta[name]) for name in ("sigma8", "n")
             if name in cosmology.meta}
    return {"class": type(cosmology).__name__, "name": cosmology.name, **power} | {
        name: None if number is None else str(number) for name, number in parameters.items()
    }


_CONVERTERS = (
    ((type(None), bool, int, float, str), lambda value: value),
    (Path, str),
    (np.generic, np.generic.item),
    (np.ndarray, _plain_array),
    (Mapping, _plain_mapping),
    ((list, tuple, range), lambda value: [to_plain(item) for item in value]),
    ((set, frozenset), lambda value: sorted(to_plain(item) for item in value)),
    (slice, str),
    (np.random.SeedSequence, lambda value: {"entropy": value.entropy,
                                            "spawn_key": list(value.spawn_key)}),
    (SkyCoord, _plain_position),
    (Cosmology, _plain_cosmology),
)
