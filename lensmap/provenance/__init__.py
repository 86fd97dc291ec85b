# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Provenance records of files, and the verification of these files."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
