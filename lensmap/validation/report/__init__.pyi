# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._results import ValidationResults as ValidationResults
from ._table import result_table as result_table
from ._write import write_report as write_report

__all__ = [
    "ValidationResults",
    "result_table",
    "write_report",
]
