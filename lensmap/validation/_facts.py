# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Descriptions of set-ups and estimators as plain values, stored as the settings of a run."""

import hashlib
import json
from dataclasses import fields, is_dataclass

from lensmap.cosmology import SourceRedshifts
from lensmap.estimators import Estimator
from lensmap.utils import ParameterError, to_plain
from lensmap.validation._given_fields import GivenFields

__all__ = ["estimator_facts", "quantity_of", "require_convergence", "setup_facts"]

# Lengths in characters.
_MAX_REPR, _MAX_VALUE = 200, 40


def setup_facts(setup):
    """Return the parameters of a set-up as plain values in fixed units.

    Parameters
    ----------
    setup : ValidationSetup
        The simulated fields and the mock survey.

    Returns
    -------
    dict
        ``sky``, ``survey``, ``mask_fraction`` and ``null``. The values of ``sky`` and ``survey``
        are dicts with the name of the class in ``class``, and the parameters.
    """
    facts = {item.name: getattr(setup, item.name) for item in fields(setup)}
    facts["sky"] = _sky_parameters(setup.sky)
    facts["survey"] = _parameters(setup.survey)
    return to_plain(facts)


def _sky_parameters(sky):
    if not isinstance(sky, GivenFields):
        return _parameters(sky)
    # A run may be extended with more files, so only the first file identifies the series.
    return {
        "class": type(sky).__name__, "first_file": sky.paths[0].name, "shape": sky.shape,
        "pixel_scale": sky.pixel_scale, "resolution": sky.resolution, "read": _storable(sky.read),
        "z_source": _storable(sky.z_source), "cosmology": sky.cosmology,
    }


def _parameters(thing):
    """Return a dict of the class name (``class``) and the parameters of an object, to be stored."""
    stored = {name: _storable(value) for name, value in _parameters_of(thing).items()}
    return {"class": type(thing).__name__, **stored}


def _parameters_of(thing):
    if hasattr(thing, "get_params"):
        return thing.get_params()
    if is_dataclass(thing):
        return {item.name: getattr(thing, item.name) for item in fields(thing)}
    return {}


def _storable(value):
    """Return the value of a parameter in a form that can be stored.

    A value that ``lensmap.utils.to_plain`` cannot convert is replaced by its name or by the name of
    its class.
    """
    value = _simplified(value)
    try:
        to_plain(value)
    except TypeError:
        return getattr(value, "__name__", type(value).__name__)
    return value


def _simplified(value):
    if isinstance(value, SourceRedshifts):
        digest = _digest(to_plain([value.z, value.pdf]))
        return {"class": "SourceRedshifts", "mean": round(value.mean, 6), "sha256": digest}
    return value


def estimator_facts(estimator):
    """Return plain values that identify an estimator.

    Parameters
    ----------
    estimator : object
        The estimator.

    Returns
    -------
    dict
        ``repr``, shortened if it is long; ``linear``, whether the map is linear in the
        ellipticities; and ``sha256``, a digest of all parameters. If the parameters cannot be
        converted to plain values, ``sha256`` is None and ``repr`` is the name of the class, since
        the full repr may contain memory addresses. ``quantity`` is the quantity of the maps, unless
        it is the convergence. ``weights_or_code_sha256`` is the result of
        `lensmap.estimators.Estimator.digest`, if it is not None.
    """
    linear = bool(getattr(estimator, "linear", False))
    parameters = None
    if hasattr(estimator, "get_params") or is_dataclass(estimator):
        parameters = _plain_or_none(estimator)
        text = type(estimator).__name__ if parameters is None else repr(estimator)
    elif type(estimator).__repr__ is object.__repr__:
        text = type(estimator).__name__
    else:
        text = repr(estimator)
    text = _shortened(text, estimator)
    digest = None if parameters is None else _digest(parameters)
    quantity = quantity_of(estimator)
    other = {} if quantity == "kappa" else {"quantity": quantity}
    content = estimator.digest() if isinstance(estimator, Estimator) else None
    if content is not None:
        other["weights_or_code_sha256"] = content
    return {"repr": text, "linear": linear, "sha256": digest, **other}


def quantity_of(estimator):
    """Return the quantity of the maps of an estimator, such as ``"kappa"``."""
    return getattr(estimator, "quantity", "kappa")


def require_convergence(estimators, name, remedy):
    """Raise an error unless all estimators make maps of the convergence.

    Parameters
    ----------
    estimators : dict
        The estimators, keyed by name.
    name : str
        The name of the parameter, for the error message.
    remedy : str
        The advice at the end of the error message.
    """
    for label, estimator in estimators.items():
        if quantity_of(estimator) != "kappa":
            raise ParameterError(
                name, "estimators of the convergence",
                f"{label!r}, whose maps are of {quantity_of(estimator)}", remedy, verb="be",
            )


def _shortened(text, estimator):
    """Shorten the long values, such as tabulated power spectra, in the repr of an estimator."""
    for value in _parameters_of(estimator).values():
        if len(repr(value)) > _MAX_VALUE:
            text = text.replace(repr(value), repr(value)[:_MAX_VALUE] + "...")
    return text if len(text) <= _MAX_REPR else text[: _MAX_REPR - 3] + "..."


def _plain_or_none(estimator):
    parameters = _parameters_of(estimator)
    try:
        return to_plain({name: _simplified(value) for name, value in parameters.items()})
    except TypeError:
        return None


def _digest(plain):
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:12]
