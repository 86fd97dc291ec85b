# Licensed under a 3-clause BSD style license - see LICENSE.rst
# For the script "lensmap"; not public.
from ._main import main as main

__all__: list[str] = []
