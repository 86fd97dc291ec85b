# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._aperture_mass import ApertureMass
from ._base import Estimator
from ._cnn import CNNReconstructor, MaskedCNN
from ._contract import Contract
from ._declarations import Inversion, Uncertainty
from ._kaiser_squires import KaiserSquires
from ._kaiser_squires_plus import KaiserSquiresPlus
from ._maximum_entropy import MaximumEntropy
from ._mca_lens import MCALens
from ._options import Option
from ._registry import available_estimators
from ._sparse import SparseReconstructor
from ._specification import make_estimator
from ._spherical_kaiser_squires import SphericalKaiserSquires
from ._spherical_wiener import SphericalWiener
from ._target import Target
from ._wiener import WienerFilter

# For other packages of lensmap; not public.
from ._declarations import ROTATIONS as ROTATIONS
from ._dressing import check_inversion as check_inversion, mask_of as mask_of
from ._registry import get_estimator as get_estimator, load_estimators as load_estimators
from ._specification import (
    estimator_class as estimator_class,
    file_of_estimator as file_of_estimator,
    given_parameters as given_parameters,
)

__all__ = [
    "ApertureMass",
    "CNNReconstructor",
    "Contract",
    "Estimator",
    "Inversion",
    "KaiserSquires",
    "MCALens",
    "KaiserSquiresPlus",
    "MaskedCNN",
    "MaximumEntropy",
    "Option",
    "SparseReconstructor",
    "SphericalKaiserSquires",
    "SphericalWiener",
    "Target",
    "Uncertainty",
    "WienerFilter",
    "available_estimators",
    "make_estimator",
]
