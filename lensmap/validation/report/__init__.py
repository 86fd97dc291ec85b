# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The report of a validation: tables over all fields, figures and one HTML page."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
