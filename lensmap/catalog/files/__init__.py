# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables in files: FITS, HDF5, Parquet, VOTable and text, of which only needed columns are read."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
