# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._cha2025 import cha2025_network as cha2025_network
from ._h21like import h21like_network as h21like_network
from ._large_kernel import LargeConv2D as LargeConv2D
from ._large_kernel import LargeConv2DTranspose as LargeConv2DTranspose
from ._lensmap import lensmap_network as lensmap_network
from ._registry import (
    ARCHITECTURES as ARCHITECTURES,
)
from ._registry import (
    build as build,
)
from ._registry import (
    get_architecture as get_architecture,
)

__all__ = [
    "ARCHITECTURES",
    "LargeConv2D",
    "LargeConv2DTranspose",
    "build",
    "cha2025_network",
    "get_architecture",
    "h21like_network",
    "lensmap_network",
]
