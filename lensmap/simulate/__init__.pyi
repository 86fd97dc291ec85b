# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._parallel import draw_fields as draw_fields
from ._parallel import field_seed as field_seed
from .clusters import ClusterField as ClusterField
from .clusters import Filament as Filament
from .fields import (
    LensingField as LensingField,
)

# For other packages of lensmap; not public.
from .fields import field_format as field_format
from .fields import (
    halo_positions as halo_positions,
)
from .fields import (
    halo_table as halo_table,
)
from .fields import open_hdf5 as open_hdf5
from .fields import (
    read_field as read_field,
)
from .fields import (
    read_kappatng as read_kappatng,
)
from .fields import (
    read_lenstools as read_lenstools,
)
from .fields import (
    read_massivenus as read_massivenus,
)
from .halo_model import HaloModelField as HaloModelField
from .halo_model import resolution_transfer as resolution_transfer
from .surveys import (
    GridSampler as GridSampler,
)
from .surveys import (
    IntrinsicEllipticities as IntrinsicEllipticities,
)
from .surveys import (
    MeasurementError as MeasurementError,
)
from .surveys import (
    MockSurvey as MockSurvey,
)
from .surveys import (
    PixelSampler as PixelSampler,
)
from .surveys import (
    compose as compose,
)
from .surveys import (
    hsc_measurement_error as hsc_measurement_error,
)
from .surveys import (
    image_shear as image_shear,
)
from .surveys import (
    ragged_edge as ragged_edge,
)
from .surveys import (
    random_mask as random_mask,
)
from .surveys import (
    star_holes as star_holes,
)

__all__ = [
    "ClusterField",
    "Filament",
    "GridSampler",
    "HaloModelField",
    "IntrinsicEllipticities",
    "LensingField",
    "MeasurementError",
    "MockSurvey",
    "PixelSampler",
    "compose",
    "draw_fields",
    "field_seed",
    "halo_positions",
    "halo_table",
    "hsc_measurement_error",
    "image_shear",
    "ragged_edge",
    "random_mask",
    "read_field",
    "read_kappatng",
    "read_lenstools",
    "read_massivenus",
    "star_holes",
]
