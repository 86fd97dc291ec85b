# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._kaiser_squires import (
    convergence_to_shear as convergence_to_shear,
)
from ._kaiser_squires import (
    padded_shape as padded_shape,
)
from ._kaiser_squires import (
    shear_kernel as shear_kernel,
)
from ._kaiser_squires import (
    shear_to_convergence as shear_to_convergence,
)
from ._multiscale import multiscale_convergence as multiscale_convergence
from ._noise import linear_noise as linear_noise
from ._power import (
    PowerSpectrum as PowerSpectrum,
)
from ._power import (
    interpolate_power as interpolate_power,
)
from ._power import (
    measure_power as measure_power,
)
from ._power import (
    mode_ell as mode_ell,
)
from ._power import (
    mode_power as mode_power,
)
from ._power import (
    pixel_window as pixel_window,
)
from ._smoothing import (
    gaussian_smooth as gaussian_smooth,
)
from ._smoothing import (
    gaussian_transfer as gaussian_transfer,
)
from ._smoothing import (
    near_data as near_data,
)
from ._smoothing import (
    normalized_smooth as normalized_smooth,
)
from ._spin2 import mirror_x as mirror_x
from ._spin2 import rotate90 as rotate90
from ._wiener import WienerSolver as WienerSolver

__all__ = [
    "PowerSpectrum",
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
