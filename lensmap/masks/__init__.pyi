# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._core import SkyMask, pixel_mask

# For other packages of lensmap; not public.
from ._core import excluded as excluded

__all__ = [
    "SkyMask",
    "pixel_mask",
]
