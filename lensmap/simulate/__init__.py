# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Skies of which everything is known, and what surveys would see of them.

A `LensingField` says what a piece of sky does to the galaxies behind it; a `MockSurvey` makes the
catalogue (or, for training, the binned catalogue) that a survey would have of it.
"""

from lensmap.simulate.cluster_field import ClusterField
from lensmap.simulate.ellipticities import IntrinsicEllipticities, compose
from lensmap.simulate.filaments import Filament
from lensmap.simulate.footprints import ragged_edge, random_mask, star_holes
from lensmap.simulate.gridded import GridSampler
from lensmap.simulate.halo_tables import halo_positions, halo_table
from lensmap.simulate.halo_model_field import HaloModelField
from lensmap.simulate.lensing_field import LensingField
from lensmap.simulate.measurement_error import MeasurementError, hsc_measurement_error
from lensmap.simulate.mock_survey import MockSurvey
from lensmap.simulate.parallel import draw_fields, field_seed
from lensmap.simulate.pixel_sampler import PixelSampler, image_shear
from lensmap.simulate.readers import (
    read_field,
    read_kappatng,
    read_lenstools,
    read_massivenus,
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
