# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._lensing import lensing_efficiency, lensing_weight, sigma_crit
from ._parameters import available_cosmologies, get_cosmology
from ._power import convergence_power, nonlinear_power
from ._redshifts import SourceRedshifts

# For other packages of lensmap; not public.
from ._lensing import distance_ratio as distance_ratio
from ._neutrinos import matter_density as matter_density
from ._parameters import MASSIVENUS as MASSIVENUS
from ._power import (
    POWER_CODES as POWER_CODES,
    check_power as check_power,
    cold_matter as cold_matter,
    linear_power as linear_power,
)
from ._redshifts import check_z_source as check_z_source, farthest_source as farthest_source
from ._structure import colossus_cosmology as colossus_cosmology

__all__ = [
    "SourceRedshifts",
    "available_cosmologies",
    "convergence_power",
    "get_cosmology",
    "lensing_efficiency",
    "lensing_weight",
    "nonlinear_power",
    "sigma_crit",
]
