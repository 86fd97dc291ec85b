# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fields of clusters with substructure and filaments, and the true properties of the clusters."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
