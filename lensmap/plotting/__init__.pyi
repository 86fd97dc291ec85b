# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._arm_scan import plot_arm_directions, plot_arm_scan
from ._injection import recovery_figure
from ._maps import plot_map, save_map
from ._overlays import plot_filaments, plot_peaks
from ._profiles import plot_azimuthal_profile, plot_kappa_profile, plot_shear_profile
from ._sky import plot_sky
from ._statistics import (
    plot_completeness,
    plot_correlation,
    plot_pdf,
    plot_pixel_relation,
    plot_power,
    plot_shear_correlation,
)
from ._training import plot_learning_curve

# For other packages of lensmap; not public.
from ._arm_scan import arm_scan_figure as arm_scan_figure
from ._axes import logarithmic as logarithmic
from ._files import save_figure as save_figure, write_picture as write_picture
from ._injection import (
    plot_recovery_cells as plot_recovery_cells,
    plot_recovery_masses as plot_recovery_masses,
    plot_recovery_rate as plot_recovery_rate,
)
from ._maps import check_picture as check_picture, thumbnail as thumbnail

__all__ = [
    "plot_arm_directions",
    "plot_arm_scan",
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
    "plot_shear_correlation",
    "plot_shear_profile",
    "plot_sky",
    "recovery_figure",
    "save_map",
]
