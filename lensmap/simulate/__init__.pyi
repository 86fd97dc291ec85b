# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._field_folder import simulate_fields
from ._parallel import draw_fields
from .clusters import ClusterField, Filament
from .fields import LensingField, read_field, read_kappatng, read_lenstools, read_massivenus
from .halo_model import HaloModelField
from .sky import simulate_sky
from .surveys import MockSurvey, ragged_edge, random_mask, star_holes

# For other packages of lensmap; not public.
from ._field_folder import FieldFolder as FieldFolder
from ._parallel import field_seed as field_seed, run_series as run_series
from .fields import (
    FIELD_SUFFIXES as FIELD_SUFFIXES,
    defines_pixels as defines_pixels,
    field_format as field_format,
    has_shear as has_shear,
    open_hdf5 as open_hdf5,
    read_any_field as read_any_field,
)
from .halo_model import resolution_transfer as resolution_transfer
from .sky import SkyFiles as SkyFiles, read_sky as read_sky
from .surveys import (
    IntrinsicEllipticities as IntrinsicEllipticities,
    MeasurementError as MeasurementError,
    PixelSampler as PixelSampler,
    check_catalog_memory as check_catalog_memory,
    compose as compose,
    hsc_measurement_error as hsc_measurement_error,
    image_shear as image_shear,
)

__all__ = [
    "ClusterField",
    "Filament",
    "HaloModelField",
    "LensingField",
    "MockSurvey",
    "draw_fields",
    "ragged_edge",
    "random_mask",
    "read_field",
    "read_kappatng",
    "read_lenstools",
    "read_massivenus",
    "simulate_fields",
    "simulate_sky",
    "star_holes",
]
