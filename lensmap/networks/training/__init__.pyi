# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._calibrate import (
    calibrate,
    fit_calibration as fit_calibration,
    observations_of as observations_of,
)
from ._examples import SurveyRange, TrainingExamples, training_examples
from ._field_set import FieldSet
from ._losses import map_loss
from ._optimizer import FanInAdam
from ._train import check_training, train

__all__ = [
    "FanInAdam",
    "FieldSet",
    "SurveyRange",
    "TrainingExamples",
    "calibrate",
    "check_training",
    "map_loss",
    "train",
    "training_examples",
]
