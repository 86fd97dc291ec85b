# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of lensmap's results: the only room that knows matplotlib."""

from lensmap.plotting.files import save_figure
from lensmap.plotting.injection import (
    plot_recovery,
    plot_recovery_cells,
    plot_recovery_masses,
    plot_recovery_rate,
)
from lensmap.plotting.maps import check_picture, plot_map, save_map
from lensmap.plotting.overlays import plot_filaments, plot_peaks
from lensmap.plotting.profiles import (
    plot_azimuthal_profile,
    plot_kappa_profile,
    plot_shear_profile,
)
from lensmap.plotting.statistics import (
    plot_completeness,
    plot_correlation,
    plot_pdf,
    plot_pixel_relation,
    plot_power,
    plot_shear_correlation,
)
from lensmap.plotting.training import plot_learning_curve
from lensmap.plotting.validation_clusters import (
    plot_arms,
    plot_completeness_of,
    plot_mass_relations,
)
from lensmap.plotting.validation_curves import (
    plot_autocorrelations,
    plot_by_scale,
    plot_coverage,
    plot_distributions,
    plot_relations,
    plot_residuals,
    plot_scores,
)
from lensmap.plotting.validation_maps import plot_cluster_maps, plot_examples, plot_residual_maps
from lensmap.plotting.validation_panels import colors_of

__all__ = [
    "check_picture",
    "colors_of",
    "plot_arms",
    "plot_autocorrelations",
    "plot_azimuthal_profile",
    "plot_by_scale",
    "plot_cluster_maps",
    "plot_completeness",
    "plot_completeness_of",
    "plot_correlation",
    "plot_coverage",
    "plot_distributions",
    "plot_examples",
    "plot_filaments",
    "plot_kappa_profile",
    "plot_learning_curve",
    "plot_map",
    "plot_mass_relations",
    "plot_pdf",
    "plot_peaks",
    "plot_pixel_relation",
    "plot_power",
    "plot_recovery",
    "plot_recovery_cells",
    "plot_recovery_masses",
    "plot_recovery_rate",
    "plot_relations",
    "plot_residual_maps",
    "plot_residuals",
    "plot_scores",
    "plot_shear_correlation",
    "plot_shear_profile",
    "save_figure",
    "save_map",
]
