# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._calibrate import fit_calibration as fit_calibration
from ._examples import Examples as Examples, SurveyRange
from ._field_set import FieldSet
from ._losses import map_loss
from ._optimizer import FanInAdam
from ._train import train

__all__ = [
    "FanInAdam",
    "FieldSet",
    "SurveyRange",
    "map_loss",
    "train",
]
