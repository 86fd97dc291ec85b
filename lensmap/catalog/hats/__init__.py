# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Survey catalogs on disk: folders of Parquet files by HEALPix pixel, in the HATS format."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
