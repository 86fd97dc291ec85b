# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._open import check_no_choice, open_table, read_table
from ._source import TableSource, make_column
from ._versions import are_versions, join_columns, stack_versions

__all__ = [
    "TableSource",
    "are_versions",
    "check_no_choice",
    "join_columns",
    "make_column",
    "open_table",
    "read_table",
    "stack_versions",
]
