# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The ``lensmap`` command."""

from lensmap.cli.main import main

__all__ = ["main"]
