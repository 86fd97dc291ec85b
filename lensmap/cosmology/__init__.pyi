# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._lensing import distance_ratio, lensing_efficiency, lensing_weight, sigma_crit
from ._parameters import MASSIVENUS, available_cosmologies, get_cosmology
from ._power import convergence_power, linear_power, nonlinear_power
from ._redshifts import SourceRedshifts, check_z_source, farthest_source
from ._structure import colossus_cosmology

__all__ = [
    "MASSIVENUS",
    "SourceRedshifts",
    "available_cosmologies",
    "check_z_source",
    "colossus_cosmology",
    "convergence_power",
    "distance_ratio",
    "farthest_source",
    "get_cosmology",
    "lensing_efficiency",
    "lensing_weight",
    "linear_power",
    "nonlinear_power",
    "sigma_crit",
]
