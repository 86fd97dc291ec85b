# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._kaiser_squires import convergence_to_shear, padded_shape, shear_kernel, shear_to_convergence
from ._multiscale import multiscale_convergence
from ._noise import linear_noise
from ._power import (
    MeasuredPower,
    interpolate_power,
    measure_power,
    mode_ell,
    mode_power,
    pixel_window,
)
from ._smoothing import gaussian_smooth, gaussian_transfer, near_data, normalized_smooth
from ._spin2 import mirror_x, rotate90
from ._wiener import WienerSolver

__all__ = [
    "MeasuredPower",
    "WienerSolver",
    "convergence_to_shear",
    "gaussian_smooth",
    "gaussian_transfer",
    "interpolate_power",
    "linear_noise",
    "measure_power",
    "mirror_x",
    "mode_ell",
    "mode_power",
    "multiscale_convergence",
    "near_data",
    "normalized_smooth",
    "padded_shape",
    "pixel_window",
    "rotate90",
    "shear_kernel",
    "shear_to_convergence",
]
