# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of the parameters of `ClusterField`."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np
from astropy import units as u

from lensmap.cosmology import SourceRedshifts
from lensmap.halos import NFWHalo
from lensmap.simulate.halo_model import HaloModelField
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["check_background", "check_instances", "check_substructure"]

_MAX_SUBSTRUCTURE_FRACTION = 0.3

_T = TypeVar("_T")


def check_instances(values: _T | Sequence[_T], name: str, cls: type[_T]) -> tuple[_T, ...]:
    """Check that a parameter is an instance of a class or a sequence of them, and return a tuple.

    Parameters
    ----------
    values : instance of cls, or sequence of them
        The value of the parameter.
    name : str
        The name of the parameter in error messages.
    cls : type
        The class of the instances.

    Returns
    -------
    tuple
        The instances. It is empty for an empty sequence.

    Raises
    ------
    TypeError
        If a value is not an instance of the class.
    """
    items = (values,) if isinstance(values, cls) else values
    if not isinstance(items, (tuple, list)) or not all(isinstance(v, cls) for v in items):
        raise ParameterTypeError(
            name, f"one {cls.__name__}, or a list or tuple of them", repr(values)
        )
    return tuple(items)


def check_substructure(substructure: float, clusters: Sequence[NFWHalo]) -> float:
    """Check the mass fraction in subhalos.

    Parameters
    ----------
    substructure : float
        The fraction of M200c that is in subhalos.
    clusters : sequence of lensmap.halos.NFWHalo
        The clusters.

    Returns
    -------
    float
        The fraction, as a float.

    Raises
    ------
    ValueError
        If the fraction is out of range, or a cluster is truncated within r200c.
    """
    is_number = not isinstance(substructure, bool) and isinstance(substructure, numbers.Real)
    if not is_number or not 0 <= substructure <= _MAX_SUBSTRUCTURE_FRACTION:
        raise ParameterError(
            "substructure",
            f"a fraction of the mass from 0 to {_MAX_SUBSTRUCTURE_FRACTION:g}",
            repr(substructure),
        )
    for halo in clusters:
        # Subhalos replace smooth matter out to r200c, so there must be smooth matter out to r200c.
        if substructure > 0 and halo.truncation is not None and halo.truncation < 1:
            raise ParameterError(
                "clusters",
                "truncated at 1 r200c or farther out, or not at all, if {substructure} is above 0",
                f"at {halo.truncation:g} r200c",
                "subhalos fill a cluster out to r200c",
            )
    return float(substructure)


def check_background(
    background: HaloModelField | Literal[True] | None, pixels: HaloModelField
) -> HaloModelField | None:
    """Check the parameter ``background`` of `ClusterField`, the model of large-scale structure.

    Parameters
    ----------
    background : None, True or HaloModelField
        The value of the parameter. True makes a new model, None adds no large-scale structure.
    pixels : HaloModelField
        A model with the pixels, sources and cosmology of the field.

    Returns
    -------
    HaloModelField or None
        The model, or None for no large-scale structure.

    Raises
    ------
    TypeError
        If ``background`` is of another type.
    ValueError
        If the pixels, sources or cosmology of the model differ from those of the field.
    """
    if background is None:
        return None
    if background is True:
        # All parameters are those of the field, except the padding, which is 1 in ``pixels``.
        parameters = pixels.get_params()
        del parameters["padding"]
        return HaloModelField(**parameters)
    if not isinstance(background, HaloModelField):
        raise ParameterTypeError("background", "a HaloModelField, True or None", repr(background))
    for name in ("shape", "pixel_scale", "z_source", "cosmology", "center"):
        required, given = getattr(pixels, name), getattr(background, name)
        if not _equal(required, given, pixels.pixel_scale):
            raise ParameterError(
                "background",
                f"a HaloModelField whose {name} is that of the ClusterField, {_short(required)}",
                _short(given),
                "{background=True} makes one with all parameters of the ClusterField",
            )
    return background


def _equal(one, other, pixel_scale):
    """Return whether two values of a parameter, such as redshifts or positions, are equal.

    Positions on the sky may differ by 1e-3 pixels, and quantities by a fraction of 1e-6.
    """
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
