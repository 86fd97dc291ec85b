# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scores of maps against the truth: arrays in, numbers with errors out."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
