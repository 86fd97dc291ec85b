# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._base import Estimator, Inversion
from ._cnn import CNNReconstructor, MaskedCNN
from ._kaiser_squires import KaiserSquires
from ._registry import available_estimators, get_estimator, register_estimator
from ._wiener import WienerFilter

__all__ = [
    "CNNReconstructor",
    "Estimator",
    "Inversion",
    "KaiserSquires",
    "MaskedCNN",
    "WienerFilter",
    "available_estimators",
    "get_estimator",
    "register_estimator",
]
