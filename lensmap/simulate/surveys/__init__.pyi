# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._checks import check_surface_density
from ._ellipticities import IntrinsicEllipticities, compose
from ._footprints import ragged_edge, random_mask, star_holes
from ._gridded import GridSampler
from ._measurement_error import MeasurementError, hsc_measurement_error
from ._mock_survey import MockSurvey, check_catalog_memory
from ._pixel_sampler import PixelSampler, image_shear

__all__ = [
    "GridSampler",
    "IntrinsicEllipticities",
    "MeasurementError",
    "MockSurvey",
    "PixelSampler",
    "check_catalog_memory",
    "check_surface_density",
    "compose",
    "hsc_measurement_error",
    "image_shear",
    "ragged_edge",
    "random_mask",
    "star_holes",
]
