# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators of mass maps from shear catalogs, which share the method ``reconstruct``."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
