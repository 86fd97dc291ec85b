# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._check import check_estimator
from ._report import ContractError, ContractReport, LawResult

# For other packages of lensmap; not public.
from ._sky import (
    CENTERS as CENTERS,
    NFW as NFW,
    ORIENTATIONS as ORIENTATIONS,
    SIS as SIS,
    catalog_columns as catalog_columns,
    lattice as lattice,
    pixel_sky as pixel_sky,
    shear_of as shear_of,
    tangent_wcs as tangent_wcs,
    uniform_sky as uniform_sky,
)

__all__ = [
    "ContractError",
    "ContractReport",
    "LawResult",
    "check_estimator",
]
