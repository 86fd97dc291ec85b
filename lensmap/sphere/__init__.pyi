# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._pixels import HealpixPixels

# For other packages of lensmap; not public.
from ._interpolation import (
    LensingInterpolator as LensingInterpolator,
    multiply_multipoles as multiply_multipoles,
    n_rings as n_rings,
)
from ._masked import solve_masked_shear as solve_masked_shear
from ._pixels import import_ducc as import_ducc
from ._random import random_modes as random_modes
from ._transforms import (
    SphericalTransform as SphericalTransform,
    e_over_kappa as e_over_kappa,
    multipoles as multipoles,
)
from ._window import (
    gaussian_window as gaussian_window,
    pixel_window as pixel_window,
    smoothed_lmax as smoothed_lmax,
)

__all__ = ["HealpixPixels"]
