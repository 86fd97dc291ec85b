# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._examples import SurveyRange
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
