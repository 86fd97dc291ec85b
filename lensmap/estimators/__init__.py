# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators: from a shear catalogue to a mass map, all with the same ``reconstruct``."""

from lensmap.estimators.base import Estimator, Inversion
from lensmap.estimators.cnn import CNNReconstructor, MaskedCNN
from lensmap.estimators.kaiser_squires import KaiserSquires
from lensmap.estimators.registry import available_estimators, get_estimator, register_estimator
from lensmap.estimators.wiener import WienerFilter

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
