# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The sky of `lensmap.testing` under short names, and a map in another process.

It is written apart from the rest of lensmap, so that the tests compare two things: the sky is a
sphere here, and angles come from `astropy.coordinates`.
"""

import numpy as np

from lensmap.testing import (
    CENTERS,
    NFW,
    ORIENTATIONS,
    SIS,
    catalog_columns,
    lattice,
    pixel_sky,
    shear_of,
    tangent_wcs,
    uniform_sky,
)

__all__ = [
    "CENTERS",
    "NFW",
    "ORIENTATIONS",
    "SIS",
    "catalog_columns",
    "lattice",
    "pixel_sky",
    "reconstructed_data",
    "shear_of",
    "tangent_wcs",
    "uniform_sky",
]


def reconstructed_data(estimator, columns, wcs):
    """Return a map's array; a module that another process can import, too."""
    from catalogs import shear_catalog

    return np.asarray(estimator.reconstruct(shear_catalog(columns), wcs).data)
