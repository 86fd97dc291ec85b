# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masks from boolean arrays, regions, images, MOCs and star holes; True means excluded.

`SkyMask` reads boolean arrays, `regions <https://astropy-regions.readthedocs.io>`_ and region
files, FITS images on any WCS, HEALPix and HealSparse maps, multi-order coverage maps (MOCs), and
lists of star holes.
``excluded`` applies a mask in the same way to the positions of galaxies and to the centers of
pixels.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
