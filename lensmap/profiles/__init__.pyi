# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._dilution import boost_factor as boost_factor
from ._dilution import undiluted as undiluted

# For other packages of lensmap; not public.
from ._efficiency import Efficiency as Efficiency
from ._kappa_profile import Sectors as Sectors
from ._kappa_profile import azimuthal_profile as azimuthal_profile
from ._kappa_profile import kappa_profile as kappa_profile
from ._nfw_fit import fit_nfw as fit_nfw
from ._nfw_result import NFWFit as NFWFit
from ._pairs import Sources as Sources
from ._projected_mass import projected_mass as projected_mass
from ._projected_mass import zeta_c as zeta_c
from ._shear_profile import shear_profile as shear_profile
from ._structure import structure_covariance as structure_covariance

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
