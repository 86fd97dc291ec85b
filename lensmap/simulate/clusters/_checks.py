# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of what `ClusterField` is asked for, each with one message."""

import numbers

import numpy as np
from astropy import units as u

from lensmap.cosmology import SourceRedshifts
from lensmap.simulate.halo_model import HaloModelField

__all__ = ["check_all", "check_background", "check_substructure"]

_MOST_SUBSTRUCTURE = 0.3


def check_all(values, name, kind):
    """Return a tuple of objects of one class.

    Parameters
    ----------
    values : object or sequence
        One or several.
    name : str
        The parameter's name for the error message.
    kind : type
        The class.

    Returns
    -------
    tuple
        Maybe empty.

    Raises
    ------
    TypeError
        If one is of another class.
    """
    values = (values,) if isinstance(values, kind) else values
    if not isinstance(values, (tuple, list)) or not all(isinstance(v, kind) for v in values):
        raise TypeError(f"{name} must be a sequence of {kind.__name__}, not {values!r}")
    return tuple(values)


def check_substructure(substructure, clusters):
    """Return the part of mass in subhalos.

    Parameters
    ----------
    substructure : float
        What was given.
    clusters : sequence of lensmap.halos.NFWHalo
        What has it.

    Returns
    -------
    float
        The same.

    Raises
    ------
    ValueError
        If it is out of range, or a cluster ends before r200c.
    """
    good = not isinstance(substructure, bool) and isinstance(substructure, numbers.Real)
    if not good or not 0 <= substructure <= _MOST_SUBSTRUCTURE:
        raise ValueError(
            f"substructure must be between 0 and {_MOST_SUBSTRUCTURE:g}, not {substructure!r}"
        )
    for halo in clusters:
        # What subhalos take the place of must be there.
        if substructure > 0 and halo.truncation is not None and halo.truncation < 1:
            raise ValueError(
                "substructure reaches out to r200c: clusters must have a truncation of at least 1 "
                f"or None, not {halo.truncation}"
            )
    return float(substructure)


def check_background(background, pixels):
    """Return the model of large-scale structure, or None.

    Parameters
    ----------
    background : None, True or HaloModelField
        What was given; True makes one.
    pixels : HaloModelField
        A model with the pixels, sources and cosmology of the field.

    Returns
    -------
    HaloModelField or None
        The model.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If it does not belong to the field.
    """
    if background is None:
        return None
    if background is True:
        return pixels.replace(padding=1.5)
    if not isinstance(background, HaloModelField):
        raise TypeError(f"background must be a HaloModelField, True or None, not {background!r}")
    for name in ("shape", "pixel_scale", "z_source", "cosmology", "center"):
        one, other = getattr(pixels, name), getattr(background, name)
        if not _same(one, other, pixels.pixel_scale):
            raise ValueError(
                f"background must have the {name} of the field, {_short(one)}, but has "
                f"{_short(other)}"
            )
    return background


def _same(one, other, pixel_scale):
    if hasattr(one, "separation"):
        return one.separation(other) < 1e-3 * pixel_scale
    if isinstance(one, SourceRedshifts) and isinstance(other, SourceRedshifts):
        return np.array_equal(one.z, other.z) and np.array_equal(one.pdf, other.pdf)
    if isinstance(one, u.Quantity):
        return bool(abs(one / other - 1) < 1e-6)
    if isinstance(one, numbers.Real) and isinstance(other, numbers.Real):
        return float(one) == float(other)
    return type(one) is type(other) and one == other


def _short(value):
    return f"({value.to_string()})" if hasattr(value, "separation") else repr(value)
