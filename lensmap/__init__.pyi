# Licensed under a 3-clause BSD style license - see LICENSE.rst
from .catalog import ShearCatalog as ShearCatalog
from .cosmology import SourceRedshifts as SourceRedshifts
from .diagnostics import check_convention as check_convention
from .estimators import CNNReconstructor as CNNReconstructor
from .estimators import Estimator as Estimator
from .estimators import KaiserSquires as KaiserSquires
from .estimators import MaskedCNN as MaskedCNN
from .estimators import WienerFilter as WienerFilter
from .grid import ShearGrid as ShearGrid
from .grid import make_wcs as make_wcs
from .halos import NFWHalo as NFWHalo
from .maps import ConvergenceMap as ConvergenceMap
from .masks import SkyMask as SkyMask
from .peaks import find_peaks as find_peaks
from .profiles import fit_nfw as fit_nfw
from .profiles import shear_profile as shear_profile
from .simulate import ClusterField as ClusterField
from .simulate import HaloModelField as HaloModelField
from .simulate import LensingField as LensingField
from .simulate import MockSurvey as MockSurvey
from .utils import LensmapWarning as LensmapWarning

__version__: str

__all__ = [
    "ShearCatalog",
    "ShearGrid",
    "make_wcs",
    "SkyMask",
    "ConvergenceMap",
    "Estimator",
    "CNNReconstructor",
    "MaskedCNN",
    "KaiserSquires",
    "WienerFilter",
    "SourceRedshifts",
    "NFWHalo",
    "HaloModelField",
    "ClusterField",
    "LensingField",
    "MockSurvey",
    "find_peaks",
    "fit_nfw",
    "shear_profile",
    "check_convention",
    "LensmapWarning",
]
