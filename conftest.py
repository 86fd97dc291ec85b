# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Doctests of public names, whose ``__module__`` is their package and not their private module."""

import doctest
import inspect

_from_module = doctest.DocTestFinder._from_module


def _from_private_module(self, module, item):
    """Count a class or function as part of the private module that defines it, too."""
    if module is not None and module.__name__.startswith(f"{getattr(item, '__module__', '')}."):
        if inspect.isfunction(item):
            return module.__dict__ is item.__globals__
        if inspect.isclass(item):
            return f"class {item.__name__}" in inspect.getsource(module)
    return _from_module(self, module, item)


doctest.DocTestFinder._from_module = _from_private_module
