# Licensed under a 3-clause BSD style license - see LICENSE.rst
from .catalog import ShearCatalog
from .cosmology import SourceRedshifts
from .diagnostics import check_convention
from .estimators import (
    CNNReconstructor,
    Estimator,
    KaiserSquires,
    MaskedCNN,
    MaximumEntropy,
    WienerFilter,
)
from .grid import ShearGrid, coarsened_wcs, make_wcs
from .halos import NFWHalo
from .maps import ConvergenceMap
from .masks import SkyMask
from .peaks import find_peaks
from .profiles import fit_nfw, shear_profile
from .simulate import ClusterField, HaloModelField, LensingField, MockSurvey
from .utils import LensmapWarning

__version__: str

__all__ = [
    "CNNReconstructor",
    "ClusterField",
    "ConvergenceMap",
    "Estimator",
    "HaloModelField",
    "KaiserSquires",
    "LensingField",
    "LensmapWarning",
    "MaskedCNN",
    "MaximumEntropy",
    "MockSurvey",
    "NFWHalo",
    "ShearCatalog",
    "ShearGrid",
    "SkyMask",
    "SourceRedshifts",
    "WienerFilter",
    "check_convention",
    "coarsened_wcs",
    "find_peaks",
    "fit_nfw",
    "make_wcs",
    "shear_profile",
]
