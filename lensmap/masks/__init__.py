# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masks as people have them, by one rule: what is inside a mask is excluded, True is excluded.

Boolean arrays, `regions <https://astropy-regions.readthedocs.io>`_ and their files, FITS images
on any WCS, MOCs, and lists of star holes are all understood by `excluded`, which is asked alike
about the positions of galaxies and about the centers of pixels.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
