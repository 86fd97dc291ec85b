# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The test suite `check_estimator`, for any class that reconstructs mass maps.

The suite tests whether the class obeys lensmap's contract of estimators: a list of properties, such
as linearity, which are called laws.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
