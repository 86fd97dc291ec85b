# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Shear and convergence on a flat grid of square pixels: numpy and scipy only, arrays in and out.

The Kaiser-Squires kernel lives here and nowhere else.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
