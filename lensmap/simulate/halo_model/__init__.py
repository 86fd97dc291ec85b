# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Convergence fields from a halo model: NFW halos that trace a lognormal density."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
