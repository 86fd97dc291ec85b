# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Skies of which everything is known, and what surveys would see of them.

A `LensingField` says what a piece of sky does to the galaxies behind it; a `MockSurvey` makes the
catalog (or, for training, the binned catalog) that a survey would have of it.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
