# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._architecture import Architecture
from ._cards import available_networks, read_card
from ._channels import input_channels, make_inputs
from ._domain import Domain
from ._network import Network
from ._weights import load_network, save_network
from .training import (
    FieldSet,
    SurveyRange,
    TrainingExamples,
    calibrate,
    map_loss,
    train,
    training_examples,
)

# For other packages of lensmap; not public.
from ._cards import (
    available_editions as available_editions,
    network_record as network_record,
)
from ._inputs import GridArrays as GridArrays, INPUTS as INPUTS
from ._weights import as_network as as_network
from .models import (
    LargeConv2D as LargeConv2D,
    LargeConv2DTranspose as LargeConv2DTranspose,
    build as build,
    cha2025_network as cha2025_network,
    get_architecture as get_architecture,
    h21like_network as h21like_network,
)
from .training import FanInAdam as FanInAdam, check_training as check_training

__all__ = [
    "Architecture",
    "Domain",
    "FieldSet",
    "Network",
    "SurveyRange",
    "TrainingExamples",
    "available_networks",
    "calibrate",
    "input_channels",
    "load_network",
    "make_inputs",
    "map_loss",
    "read_card",
    "save_network",
    "train",
    "training_examples",
]
