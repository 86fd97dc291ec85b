# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._abundance import concentration, convert_mass, halo_bias, halo_counts, mass_function
from ._nfw import NFWHalo, radius_200c
from ._profiles import (
    nfw_mass,
    nfw_mean_sigma,
    nfw_sigma,
    truncated_nfw_fourier,
    truncated_nfw_mass,
    truncated_nfw_mean_sigma,
    truncated_nfw_sigma,
)
from ._table import halo_positions, halo_table

# For other packages of lensmap; not public.
from ._nfw_lens import NFWLens as NFWLens
from ._table import check_halos as check_halos, halos_from_table as halos_from_table

__all__ = [
    "NFWHalo",
    "concentration",
    "convert_mass",
    "halo_bias",
    "halo_counts",
    "halo_positions",
    "halo_table",
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
