# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._cards import available_networks as available_networks
from ._cards import read_card as read_card
from ._inputs import INPUTS as INPUTS
from ._inputs import GridArrays as GridArrays
from ._network import Network as Network
from ._network import Prediction as Prediction
from ._weights import (
    as_network as as_network,
)
from ._weights import (
    load_network as load_network,
)
from ._weights import (
    save_network as save_network,
)
from .models import (
    ARCHITECTURES as ARCHITECTURES,
)
from .models import (
    LargeConv2D as LargeConv2D,
)
from .models import (
    LargeConv2DTranspose as LargeConv2DTranspose,
)
from .models import (
    build as build,
)
from .models import (
    cha2025_network as cha2025_network,
)
from .models import (
    get_architecture as get_architecture,
)
from .models import (
    h21like_network as h21like_network,
)
from .models import (
    lensmap_network as lensmap_network,
)
from .training import (
    FanInAdam as FanInAdam,
)
from .training import (
    FieldSet as FieldSet,
)
from .training import (
    SurveyRange as SurveyRange,
)
from .training import (
    map_loss as map_loss,
)
from .training import (
    train as train,
)

__all__ = [
    "ARCHITECTURES",
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
