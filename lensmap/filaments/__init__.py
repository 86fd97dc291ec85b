# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Filaments of mass maps: persistent ridges, a ridge filter and the azimuthal excess."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
