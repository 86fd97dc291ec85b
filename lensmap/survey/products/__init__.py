# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files of a survey map, written block by block, and cutouts that are read from them."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
