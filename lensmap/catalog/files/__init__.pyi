# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._open import open_table, read_table
from ._source import TableSource

__all__ = ["TableSource", "open_table", "read_table"]
