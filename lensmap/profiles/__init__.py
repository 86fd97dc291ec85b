# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is around a position: shear and convergence by radius, and the mass in them."""

from lensmap.profiles.dilution import boost_factor, undiluted
from lensmap.profiles.kappa_profile import azimuthal_profile, kappa_profile
from lensmap.profiles.nfw_fit import fit_nfw
from lensmap.profiles.nfw_result import NFWFit
from lensmap.profiles.projected_mass import projected_mass, zeta_c
from lensmap.profiles.shear_profile import shear_profile
from lensmap.profiles.structure import structure_covariance

__all__ = [
    "NFWFit",
    "azimuthal_profile",
    "boost_factor",
    "fit_nfw",
    "kappa_profile",
    "projected_mass",
    "shear_profile",
    "structure_covariance",
    "undiluted",
    "zeta_c",
]
