# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._write import write_hats

__all__ = ["write_hats"]
