# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Filaments of mass maps: ridges that persist, and second opinions on them."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
