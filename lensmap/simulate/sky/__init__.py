# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mock surveys of the curved sky: a Gaussian field with halos, and galaxies behind it."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
