# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._files import check_field_file, field_format, open_hdf5
from ._flat_wcs import NOWHERE, flat_wcs
from ._lensing_field import LensingField, filled
from ._readers import read_field, read_kappatng, read_lenstools, read_massivenus

__all__ = [
    "LensingField",
    "NOWHERE",
    "check_field_file",
    "field_format",
    "filled",
    "flat_wcs",
    "open_hdf5",
    "read_field",
    "read_kappatng",
    "read_lenstools",
    "read_massivenus",
]
