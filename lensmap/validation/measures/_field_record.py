# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The record of one field: all of its statistics."""

from lensmap.validation._field_maps import FieldMaps
from lensmap.validation.measures._coma_sky import ComaMaps
from lensmap.validation.measures._list import MEASURES
from lensmap.validation.measures._record import pack

__all__ = ["measure_field"]


def measure_field(field: FieldMaps | ComaMaps, part: str) -> dict:
    """Measure all statistics of a part for one field.

    Parameters
    ----------
    field : FieldMaps or ComaMaps
        The field and its maps.
    part : str
        The part of the validation, one of `PARTS`.

    Returns
    -------
    dict
        The record, as returned by `pack`.
    """
    return pack({one.name: one.measure(field) for one in MEASURES if part in one.parts})
