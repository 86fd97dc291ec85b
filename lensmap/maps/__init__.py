# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mass maps on the sky: `ConvergenceMap` and its FITS form."""

from lensmap.maps.convergence_map import ConvergenceMap, check_map
from lensmap.maps.fits import register_fits

register_fits()

__all__ = ["ConvergenceMap", "check_map"]
