# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The estimators by their short names, for the command line and for the contract tests."""

from importlib import import_module

from lensmap.utils import look_up

__all__ = ["available_estimators", "get_estimator", "register_estimator"]

_ESTIMATORS: dict[str, type] = {}

# The modules whose import registers lensmap's own estimators.
_MODULES = ("_kaiser_squires", "_wiener", "_cnn")


def register_estimator(name):
    """Register an estimator class under a short name; a class decorator.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    ValueError
        If another class has the name.
    """

    def decorate(cls):
        if _ESTIMATORS.get(name, cls).__qualname__ != cls.__qualname__:
            raise ValueError(
                f"the name {name!r} belongs to the estimator {_ESTIMATORS[name].__qualname__}"
            )
        _ESTIMATORS[name] = cls
        return cls

    return decorate


def available_estimators():
    """Return the registered estimators.

    Returns
    -------
    dict
        From names to classes.
    """
    return dict(_loaded())


def get_estimator(name):
    """Return an estimator class by its name.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    type
        The class.

    Raises
    ------
    ValueError
        If there is none.
    """
    return look_up(_loaded(), name, "estimator")


def _loaded():
    """Return the registry with lensmap's own estimators in it."""
    for module in _MODULES:
        import_module(f"lensmap.estimators.{module}")
    return _ESTIMATORS
