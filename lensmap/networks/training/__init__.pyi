# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._examples import SurveyRange as SurveyRange
from ._field_set import FieldSet as FieldSet
from ._losses import map_loss as map_loss
from ._optimizer import FanInAdam as FanInAdam
from ._train import train as train

__all__ = [
    "FanInAdam",
    "FieldSet",
    "SurveyRange",
    "map_loss",
    "train",
]
