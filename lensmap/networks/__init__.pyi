# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._architecture import Architecture
from ._cards import available_networks, read_card
from ._domain import Domain
from ._inputs import GridArrays, INPUTS
from ._network import Network, Prediction
from ._weights import as_network, load_network, save_network
from .models import (
    ARCHITECTURES,
    LargeConv2D,
    LargeConv2DTranspose,
    build,
    cha2025_network,
    get_architecture,
    h21like_network,
    lensmap_network,
)
from .training import FanInAdam, FieldSet, SurveyRange, map_loss, train

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Domain",
    "FanInAdam",
    "FieldSet",
    "GridArrays",
    "INPUTS",
    "LargeConv2D",
    "LargeConv2DTranspose",
    "Network",
    "Prediction",
    "SurveyRange",
    "as_network",
    "available_networks",
    "build",
    "cha2025_network",
    "get_architecture",
    "h21like_network",
    "lensmap_network",
    "load_network",
    "map_loss",
    "read_card",
    "save_network",
    "train",
]
