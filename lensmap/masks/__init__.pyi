# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._core import SkyMask, excluded, pixel_mask

__all__ = [
    "SkyMask",
    "excluded",
    "pixel_mask",
]
