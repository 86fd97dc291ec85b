# Licensed under a 3-clause BSD style license - see LICENSE.rst
# For other packages of lensmap; not public.
from ._axes import logarithmic as logarithmic
from ._files import save_figure as save_figure
from ._injection import (
    plot_recovery as plot_recovery,
)
from ._injection import (
    plot_recovery_cells as plot_recovery_cells,
)
from ._injection import (
    plot_recovery_masses as plot_recovery_masses,
)
from ._injection import (
    plot_recovery_rate as plot_recovery_rate,
)
from ._maps import check_picture as check_picture
from ._maps import plot_map as plot_map
from ._maps import save_map as save_map
from ._overlays import plot_filaments as plot_filaments
from ._overlays import plot_peaks as plot_peaks
from ._profiles import (
    plot_azimuthal_profile as plot_azimuthal_profile,
)
from ._profiles import (
    plot_kappa_profile as plot_kappa_profile,
)
from ._profiles import (
    plot_shear_profile as plot_shear_profile,
)
from ._statistics import (
    plot_completeness as plot_completeness,
)
from ._statistics import (
    plot_correlation as plot_correlation,
)
from ._statistics import (
    plot_pdf as plot_pdf,
)
from ._statistics import (
    plot_pixel_relation as plot_pixel_relation,
)
from ._statistics import (
    plot_power as plot_power,
)
from ._statistics import (
    plot_shear_correlation as plot_shear_correlation,
)
from ._training import plot_learning_curve as plot_learning_curve

__all__ = [
    "check_picture",
    "plot_azimuthal_profile",
    "plot_completeness",
    "plot_correlation",
    "plot_filaments",
    "plot_kappa_profile",
    "plot_learning_curve",
    "plot_map",
    "plot_pdf",
    "plot_peaks",
    "plot_pixel_relation",
    "plot_power",
    "plot_recovery",
    "plot_recovery_cells",
    "plot_recovery_masses",
    "plot_recovery_rate",
    "plot_shear_correlation",
    "plot_shear_profile",
    "save_figure",
    "save_map",
]
