# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._field import HaloModelField
from ._resolution import resolution_transfer

__all__ = [
    "HaloModelField",
    "resolution_transfer",
]
