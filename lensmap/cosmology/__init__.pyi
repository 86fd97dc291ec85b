# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._lensing import (
    distance_ratio as distance_ratio,
)
from ._lensing import (
    lensing_efficiency as lensing_efficiency,
)
from ._lensing import (
    lensing_weight as lensing_weight,
)
from ._lensing import (
    sigma_crit as sigma_crit,
)
from ._parameters import (
    MASSIVENUS as MASSIVENUS,
)
from ._parameters import (
    available_cosmologies as available_cosmologies,
)
from ._parameters import (
    get_cosmology as get_cosmology,
)
from ._power import (
    convergence_power as convergence_power,
)
from ._power import (
    linear_power as linear_power,
)
from ._power import (
    nonlinear_power as nonlinear_power,
)
from ._redshifts import (
    SourceRedshifts as SourceRedshifts,
)
from ._redshifts import (
    check_z_source as check_z_source,
)
from ._redshifts import (
    farthest_source as farthest_source,
)
from ._structure import colossus_cosmology as colossus_cosmology

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
