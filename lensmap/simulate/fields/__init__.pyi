# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._files import field_format as field_format
from ._files import open_hdf5 as open_hdf5
from ._flat_wcs import NOWHERE as NOWHERE
from ._flat_wcs import flat_wcs as flat_wcs
from ._halo_tables import halo_positions as halo_positions
from ._halo_tables import halo_table as halo_table
from ._lensing_field import LensingField as LensingField
from ._lensing_field import filled as filled
from ._readers import (
    read_field as read_field,
)
from ._readers import (
    read_kappatng as read_kappatng,
)
from ._readers import (
    read_lenstools as read_lenstools,
)
from ._readers import (
    read_massivenus as read_massivenus,
)

__all__ = [
    "LensingField",
    "NOWHERE",
    "field_format",
    "filled",
    "flat_wcs",
    "halo_positions",
    "halo_table",
    "open_hdf5",
    "read_field",
    "read_kappatng",
    "read_lenstools",
    "read_massivenus",
]
