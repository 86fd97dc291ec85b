# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._core import SkyMask as SkyMask
from ._core import excluded as excluded
from ._core import pixel_mask as pixel_mask

__all__ = [
    "SkyMask",
    "excluded",
    "pixel_mask",
]
