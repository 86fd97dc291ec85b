# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The statistics of a validation, in the order of the report."""

from lensmap.validation.measures._base import Measure
from lensmap.validation.measures._clusters import Clusters
from lensmap.validation.measures._coma import Coma
from lensmap.validation.measures._coverage import Coverage
from lensmap.validation.measures._maps import Maps
from lensmap.validation.measures._null import NullFields
from lensmap.validation.measures._pixels import Pixels
from lensmap.validation.measures._residuals import Residuals
from lensmap.validation.measures._resources import ResourceUse
from lensmap.validation.measures._scales import Scales
from lensmap.validation.measures._scores import Scores

__all__ = ["MEASURES"]

#: To add a statistic to all validations and reports, add an instance here.
MEASURES: list[Measure] = [
    Scores(),
    Maps(),
    Pixels(),
    Scales(),
    Clusters(),
    Coverage(),
    Residuals(),
    NullFields(),
    Coma(),
    ResourceUse(),
]
