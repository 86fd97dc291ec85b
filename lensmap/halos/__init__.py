# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Halos: how many there are, how concentrated they are, and what they do to light."""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
