# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._numbers import plus_minus, rounded
from ._results import ValidationResults
from ._setup_text import describe_quantities
from ._table import result_table
from ._write import write_report

__all__ = [
    "ValidationResults",
    "describe_quantities",
    "plus_minus",
    "result_table",
    "rounded",
    "write_report",
]
