# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The contract suite, `check_estimator`, which tests any estimator class."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
