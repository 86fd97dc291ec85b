# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._main import main

__all__: list[str] = []
