# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._core import SkyMask, pixel_mask

# For other packages of lensmap; not public.
from ._core import excluded as excluded
from ._files import as_path_and_part as as_path_and_part
from ._mosaic import first_of_pattern as first_of_pattern

__all__ = [
    "SkyMask",
    "pixel_mask",
]
