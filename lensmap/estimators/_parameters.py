# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Signatures of estimators: checks, changed defaults, and the ``repr`` made from them."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from astropy import units as u

if TYPE_CHECKING:
    from lensmap.estimators._base import Estimator

__all__ = ["check_signature", "representation", "with_defaults"]


def check_signature(cls: "type[Estimator]") -> None:
    """Check that all parameters of a class can be set by name and have defaults.

    Parameters
    ----------
    cls : type
        An estimator class.

    Raises
    ------
    TypeError
        If a parameter is not keyword-only, has no default, or has the name of a method.
    """
    for parameter in cls._signature():
        if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
            raise TypeError(
                f"all parameters of {cls.__name__}.__init__ must be keyword-only and have a "
                f"default, but {parameter.name!r} is not: write it after * and with a default"
            )
        if callable(getattr(cls, parameter.name, None)):
            raise TypeError(
                f"{cls.__name__}.__init__ must not have a parameter {parameter.name!r}, because "
                "a method of the class has this name: rename the parameter"
            )


def with_defaults(init: Callable, defaults: dict[str, object]) -> Callable:
    """Return an ``__init__`` with the same parameters but changed defaults.

    Parameters
    ----------
    init : callable
        The ``__init__`` of a class.
    defaults : dict
        The changed defaults, keyed by the names of the parameters.

    Returns
    -------
    callable
        The new ``__init__``.

    Raises
    ------
    TypeError
        If one of the parameters does not exist.
    """
    signature = inspect.signature(init)
    unknown = defaults.keys() - signature.parameters.keys()
    if unknown:
        raise TypeError(
            f"the keys of defaults must be parameters of {init.__qualname__}, but "
            f"{min(unknown)!r} is not one of them"
        )

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
    """Return the code that creates an estimator, with all parameters that are not at their default.

    Parameters
    ----------
    estimator : Estimator
        The estimator.

    Returns
    -------
    str
        The code, such as ``"KaiserSquires(padding=3)"``.
    """
    changed = []
    for parameter in estimator._signature():
        value = getattr(estimator, parameter.name)
        if repr(value) != repr(parameter.default):
            text = f"{str(value)!r}" if isinstance(value, u.Quantity) else repr(value)
            changed.append(f"{parameter.name}={text}")
    return f"{type(estimator).__name__}({', '.join(changed)})"
