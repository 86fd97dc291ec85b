# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mass maps on the sky: `ConvergenceMap` and its FITS form."""

from lensmap.maps.convergence_map import ConvergenceMap, check_map
from lensmap.maps.fits import register_fits
from lensmap.maps.noise_maps import each_noise_map

register_fits()

__all__ = ["ConvergenceMap", "check_map", "each_noise_map"]
