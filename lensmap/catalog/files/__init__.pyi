# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._open import open_table, read_table
from ._source import TableSource
from ._versions import are_versions, stack_versions

__all__ = ["TableSource", "are_versions", "open_table", "read_table", "stack_versions"]
