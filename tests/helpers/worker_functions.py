# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Functions that worker processes can import, which the modules of tests are not."""

import sys


def mark_and_path(estimators, number):
    """Return the mark of a class and the folders for imports."""
    return type(estimators[number]).mark, sys.path


def wcs_and_sky(shared, name):
    """Return a WCS of ``shared`` and its sky positions of the pixels in ``shared``."""
    wcs = shared["wcs"][name]
    return wcs, wcs.all_pix2world(shared["pixels"], 0)
