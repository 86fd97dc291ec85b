# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Shear and convergence as arrays on a flat grid of square pixels.

The package depends only on numpy and scipy. All other packages of lensmap use its Kaiser-Squires
kernel.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
