# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mock surveys of simulated fields: galaxy positions, ellipticities and survey masks."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
