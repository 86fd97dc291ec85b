# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Filaments of mass maps: significant ridges, a ridge filter, and the excess around a cluster."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
