# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._any_file import FIELD_SUFFIXES, defines_pixels, has_shear, read_any_field
from ._defaults import DEFAULT_PIXEL_SCALE, DEFAULT_SHAPE, DEFAULT_Z_SOURCE, MAX_SIDE_DEG
from ._files import check_field_file, field_format, open_hdf5
from ._flat_wcs import NOWHERE, flat_wcs
from ._lensing_field import LensingField, filled
from ._readers import read_field, read_kappatng, read_lenstools, read_massivenus

__all__ = [
    "DEFAULT_PIXEL_SCALE",
    "DEFAULT_SHAPE",
    "DEFAULT_Z_SOURCE",
    "FIELD_SUFFIXES",
    "LensingField",
    "MAX_SIDE_DEG",
    "NOWHERE",
    "check_field_file",
    "defines_pixels",
    "field_format",
    "filled",
    "flat_wcs",
    "has_shear",
    "open_hdf5",
    "read_any_field",
    "read_field",
    "read_kappatng",
    "read_lenstools",
    "read_massivenus",
]
