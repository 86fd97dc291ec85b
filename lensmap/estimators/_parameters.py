# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The signature of an estimator: its checks, other defaults for the same one, and its text."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from astropy import units as u

if TYPE_CHECKING:
    from lensmap.estimators._base import Estimator

__all__ = ["check_signature", "representation", "with_defaults"]


def check_signature(cls: "type[Estimator]") -> None:
    """Refuse a class whose ``__init__`` cannot be called from its parameters by name.

    Parameters
    ----------
    cls : type
        A class of estimators.

    Raises
    ------
    TypeError
        If a parameter is not keyword-only, has no default, or has the name of a method.
    """
    for parameter in cls._signature():
        if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
            raise TypeError(
                f"{cls.__name__}.__init__ must have keyword-only parameters with defaults; "
                f"{parameter.name!r} is not one"
            )
        if callable(getattr(cls, parameter.name, None)):
            raise TypeError(
                f"{cls.__name__}.__init__ must not have the parameter {parameter.name!r}: a method "
                "has this name"
            )


def with_defaults(init: Callable, defaults: dict[str, object]) -> Callable:
    """Return an ``__init__`` that has the same signature with some other defaults.

    Parameters
    ----------
    init : callable
        The ``__init__`` of a class.
    defaults : dict
        From names of parameters to defaults.

    Returns
    -------
    callable
        The new ``__init__``.

    Raises
    ------
    TypeError
        If the parameter does not exist.
    """
    signature = inspect.signature(init)
    unknown = defaults.keys() - signature.parameters.keys()
    if unknown:
        raise TypeError(f"defaults: {min(unknown)!r} is no parameter of {init.__qualname__}")

    @functools.wraps(init)
    def __init__(self, **parameters):
        init(self, **{**defaults, **parameters})

    changed = [
        parameter.replace(default=defaults.get(name, parameter.default))
        for name, parameter in signature.parameters.items()
    ]
    setattr(__init__, "__signature__", signature.replace(parameters=changed))
    return __init__


def representation(estimator: "Estimator") -> str:
    """Return the code that makes an estimator, with the parameters that differ from their defaults.

    Parameters
    ----------
    estimator : Estimator
        The estimator.

    Returns
    -------
    str
        Such as ``"KaiserSquires(padding=3)"``.
    """
    changed = []
    for parameter in estimator._signature():
        value = getattr(estimator, parameter.name)
        if repr(value) != repr(parameter.default):
            text = f"{str(value)!r}" if isinstance(value, u.Quantity) else repr(value)
            changed.append(f"{parameter.name}={text}")
    return f"{type(estimator).__name__}({', '.join(changed)})"
