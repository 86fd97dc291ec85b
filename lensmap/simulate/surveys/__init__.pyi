# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._ellipticities import IntrinsicEllipticities as IntrinsicEllipticities
from ._ellipticities import compose as compose
from ._footprints import (
    ragged_edge as ragged_edge,
)
from ._footprints import (
    random_mask as random_mask,
)
from ._footprints import (
    star_holes as star_holes,
)
from ._gridded import GridSampler as GridSampler
from ._measurement_error import (
    MeasurementError as MeasurementError,
)
from ._measurement_error import (
    hsc_measurement_error as hsc_measurement_error,
)
from ._mock_survey import MockSurvey as MockSurvey
from ._pixel_sampler import PixelSampler as PixelSampler
from ._pixel_sampler import image_shear as image_shear

__all__ = [
    "GridSampler",
    "IntrinsicEllipticities",
    "MeasurementError",
    "MockSurvey",
    "PixelSampler",
    "compose",
    "hsc_measurement_error",
    "image_shear",
    "ragged_edge",
    "random_mask",
    "star_holes",
]
