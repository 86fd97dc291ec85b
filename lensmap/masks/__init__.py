# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masks from boolean arrays, regions, images, MOCs and star holes; True is excluded.

`SkyMask` reads boolean arrays, `regions <https://astropy-regions.readthedocs.io>`_ and their
files, FITS images on any WCS, MOCs, and lists of star holes. ``excluded`` tests the positions of
galaxies and the centers of pixels by the same rule.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
