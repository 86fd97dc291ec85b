# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Convergence fields of a halo model: lognormal large scales and NFW halos."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
