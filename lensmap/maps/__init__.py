# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mass maps on the sky: `ConvergenceMap` and its FITS format."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
