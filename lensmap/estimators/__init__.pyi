# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._base import Estimator as Estimator
from ._base import Inversion as Inversion
from ._cnn import CNNReconstructor as CNNReconstructor
from ._cnn import MaskedCNN as MaskedCNN
from ._kaiser_squires import KaiserSquires as KaiserSquires
from ._registry import (
    available_estimators as available_estimators,
)
from ._registry import (
    get_estimator as get_estimator,
)
from ._registry import (
    register_estimator as register_estimator,
)
from ._wiener import WienerFilter as WienerFilter

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
