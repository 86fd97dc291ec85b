# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._abundance import concentration, halo_bias, halo_counts, mass_function
from ._mass_definitions import convert_mass
from ._nfw import NFWHalo
from ._table import halo_table

# For other packages of lensmap; not public.
from ._halo_lens import HaloLens as HaloLens
from ._miscentered_lens import MiscenteredLens as MiscenteredLens
from ._nfw import radius_200c as radius_200c
from ._nfw_lens import NFWLens as NFWLens
from ._profiles import (
    nfw_mass as nfw_mass,
    nfw_mean_sigma as nfw_mean_sigma,
    nfw_sigma as nfw_sigma,
    truncated_nfw_fourier as truncated_nfw_fourier,
    truncated_nfw_mass as truncated_nfw_mass,
    truncated_nfw_mean_sigma as truncated_nfw_mean_sigma,
    truncated_nfw_sigma as truncated_nfw_sigma,
)
from ._table import (
    check_halos as check_halos,
    halo_positions as halo_positions,
    halos_from_table as halos_from_table,
)

__all__ = [
    "NFWHalo",
    "concentration",
    "convert_mass",
    "halo_bias",
    "halo_counts",
    "halo_table",
    "mass_function",
]
