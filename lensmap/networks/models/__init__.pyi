# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._cha2025 import cha2025_network
from ._h21like import h21like_network
from ._large_kernel import LargeConv2D, LargeConv2DTranspose
from ._lensmap import lensmap_network
from ._registry import ARCHITECTURES, build, get_architecture

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
