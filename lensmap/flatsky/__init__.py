# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Shear and convergence on a flat grid of square pixels: numpy and scipy only, arrays in and out.

The Kaiser-Squires kernel lives here and nowhere else.
"""

from lensmap.flatsky.kaiser_squires import (
    convergence_to_shear,
    padded_shape,
    shear_kernel,
    shear_to_convergence,
)
from lensmap.flatsky.multiscale import multiscale_convergence
from lensmap.flatsky.noise import linear_noise
from lensmap.flatsky.power import (
    PowerSpectrum,
    interpolate_power,
    measure_power,
    mode_ell,
    mode_power,
    pixel_window,
)
from lensmap.flatsky.smoothing import (
    gaussian_smooth,
    gaussian_transfer,
    near_data,
    normalized_smooth,
)
from lensmap.flatsky.spin2 import mirror_x, rotate90
from lensmap.flatsky.wiener import WienerSolver

__all__ = [
    "shear_kernel",
    "shear_to_convergence",
    "convergence_to_shear",
    "padded_shape",
    "multiscale_convergence",
    "gaussian_smooth",
    "gaussian_transfer",
    "normalized_smooth",
    "near_data",
    "linear_noise",
    "PowerSpectrum",
    "interpolate_power",
    "measure_power",
    "mode_ell",
    "mode_power",
    "pixel_window",
    "WienerSolver",
    "mirror_x",
    "rotate90",
]
