# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Neural networks from binned shear to convergence: layers, models, weights and training.

Keras is imported with whatever needs it, not with this package.
"""

from importlib import import_module as _import_module

from lensmap.utils import import_optional as _import_optional

_EXPORTS = {
    "ARCHITECTURES": "architectures",
    "build": "architectures",
    "get_architecture": "architectures",
    "cha2025_network": "cha2025",
    "h21like_network": "h21like",
    "lensmap_network": "unet",
    "LargeConv2D": "large_kernel",
    "LargeConv2DTranspose": "large_kernel",
    "Network": "network",
    "Prediction": "network",
    "as_network": "weights",
    "load_network": "weights",
    "save_network": "weights",
    "FieldSet": "field_set",
    "SurveyRange": "examples",
    "FanInAdam": "optimizer",
    "map_loss": "losses",
    "train": "training",
}

_WITHOUT_KERAS = {
    "INPUTS": "inputs",
    "GridArrays": "inputs",
    "focal_weights": "focal",
    "available_networks": "cards",
    "read_card": "cards",
}

__all__ = [*_EXPORTS, *_WITHOUT_KERAS]


def __getattr__(name):
    if name in _WITHOUT_KERAS:
        return getattr(_import_module(f"lensmap.networks.{_WITHOUT_KERAS[name]}"), name)
    if name in _EXPORTS:
        _import_optional("keras", purpose="a neural network", install="tensorflow")
        return getattr(_import_module(f"lensmap.networks.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module 'lensmap.networks' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
