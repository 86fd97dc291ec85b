# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scores of convergence maps, computed from arrays: comparison with the truth, and null tests."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
