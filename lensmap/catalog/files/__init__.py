# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Readers of tables in FITS, HDF5, Parquet, VOTable and text files, by single columns."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
