# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._kaiser_squires import convergence_to_shear, shear_to_convergence
from ._noise import linear_noise
from ._power import MeasuredPower, measure_power
from ._smoothing import gaussian_smooth, near_data, normalized_smooth

# For other packages of lensmap; not public.
from ._active_starlets import ActiveStarlets as ActiveStarlets
from ._aperture_direct import (
    ApertureSums as ApertureSums,
    direct_aperture_sums as direct_aperture_sums,
)
from ._aperture_filters import (
    ApertureFilter as ApertureFilter,
    convergence_filter as convergence_filter,
    filter_transfer as filter_transfer,
    schirmer_filter as schirmer_filter,
    schneider_filter as schneider_filter,
    tabulated_filter as tabulated_filter,
)
from ._aperture_mass import (
    ApertureKernels as ApertureKernels,
    aperture_kernels as aperture_kernels,
)
from ._inpainting import (
    InpaintedShear as InpaintedShear,
    ShearInpainter as ShearInpainter,
)
from ._isolated_shear import isolated_shear as isolated_shear
from ._kaiser_squires import padded_shape as padded_shape, shear_kernel as shear_kernel
from ._maximum_entropy import (
    EntropySolution as EntropySolution,
    EntropySolver as EntropySolver,
)
from ._masked_power import MaskedPower as MaskedPower, masked_power as masked_power
from ._mca import MCASolution as MCASolution, MCASolver as MCASolver
from ._mode_coupling import ModeCoupling as ModeCoupling
from ._multipoles import spaced_edges as spaced_edges
from ._multiscale import multiscale_convergence as multiscale_convergence
from ._periodic_shear import PeriodicShear as PeriodicShear
from ._power import (
    interpolate_power as interpolate_power,
    mode_ell as mode_ell,
    mode_power as mode_power,
    pixel_window as pixel_window,
    tapered as tapered,
)
from ._smoothing import (
    check_smoothing as check_smoothing,
    gaussian_transfer as gaussian_transfer,
)
from ._sparse import SparseSolution as SparseSolution, SparseSolver as SparseSolver
from ._spin2 import mirror_x as mirror_x, rotate90 as rotate90
from ._starlet import Starlet as Starlet
from ._wiener import WienerSolver as WienerSolver

__all__ = [
    "MeasuredPower",
    "convergence_to_shear",
    "gaussian_smooth",
    "linear_noise",
    "measure_power",
    "near_data",
    "normalized_smooth",
    "shear_to_convergence",
]
