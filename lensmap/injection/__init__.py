# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Injection of halos into a shear catalog, and their recovery in mass maps."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
