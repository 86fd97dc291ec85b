# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Simulated lensing fields with known halos, and mock surveys of them.

A `LensingField` holds the convergence, shear and halos of one field. A `MockSurvey` makes the shear
catalog that a survey would measure behind the field. For the training of networks, it can also make
a shear grid, the weighted mean ellipticity in each pixel, without a catalog.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
