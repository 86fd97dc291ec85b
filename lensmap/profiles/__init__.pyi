# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._kappa_profile import azimuthal_profile, kappa_profile
from ._nfw_fit import fit_nfw
from ._nfw_result import NFWFit
from ._projected_mass import projected_mass, zeta_c
from ._random_positions import apply_boost, boost_factor, subtract_random
from ._reduced_shear import correct_reduced_shear
from ._shear_profile import shear_profile
from ._structure import structure_covariance

# For other packages of lensmap; not public.
from ._efficiency import Efficiency as Efficiency
from ._kappa_profile import Sectors as Sectors
from ._pairs import Sources as Sources
from ._survey_sources import survey_facts as survey_facts

__all__ = [
    "NFWFit",
    "apply_boost",
    "azimuthal_profile",
    "boost_factor",
    "correct_reduced_shear",
    "fit_nfw",
    "kappa_profile",
    "projected_mass",
    "shear_profile",
    "structure_covariance",
    "subtract_random",
    "zeta_c",
]
