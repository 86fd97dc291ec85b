# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Measurement of all statistics of the maps of one field."""

from lensmap.validation._field_maps import FieldMaps
from lensmap.validation.measures._coma_sky import ComaMaps
from lensmap.validation.measures._list import MEASURES
from lensmap.validation.measures._record import pack

__all__ = ["measure_field"]


def measure_field(field: FieldMaps | ComaMaps, part: str) -> dict:
    """Measure all statistics of the maps of one field.

    Parameters
    ----------
    field : FieldMaps or ComaMaps
        The field and its maps.
    part : str
        The name of the part of the validation, such as ``"null"``, which selects the statistics.

    Returns
    -------
    dict
        Nested dicts: ``result[statistic][estimator][name]`` is a measured array. Special characters
        in the names of estimators are percent-encoded.
    """
    return pack({one.name: one.measure(field) for one in MEASURES if part in one.parts})
