# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._abundance import (
    concentration as concentration,
)
from ._abundance import (
    convert_mass as convert_mass,
)
from ._abundance import (
    halo_bias as halo_bias,
)
from ._abundance import (
    halo_counts as halo_counts,
)
from ._abundance import (
    mass_function as mass_function,
)
from ._nfw import NFWHalo as NFWHalo
from ._nfw import radius_200c as radius_200c
from ._profiles import (
    nfw_mass as nfw_mass,
)
from ._profiles import (
    nfw_mean_sigma as nfw_mean_sigma,
)
from ._profiles import (
    nfw_sigma as nfw_sigma,
)
from ._profiles import (
    truncated_nfw_fourier as truncated_nfw_fourier,
)
from ._profiles import (
    truncated_nfw_mass as truncated_nfw_mass,
)
from ._profiles import (
    truncated_nfw_mean_sigma as truncated_nfw_mean_sigma,
)
from ._profiles import (
    truncated_nfw_sigma as truncated_nfw_sigma,
)

__all__ = [
    "NFWHalo",
    "concentration",
    "convert_mass",
    "halo_bias",
    "halo_counts",
    "mass_function",
    "nfw_mass",
    "nfw_mean_sigma",
    "nfw_sigma",
    "radius_200c",
    "truncated_nfw_fourier",
    "truncated_nfw_mass",
    "truncated_nfw_mean_sigma",
    "truncated_nfw_sigma",
]
