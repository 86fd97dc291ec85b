# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What a command says besides its results."""

import sys

__all__ = ["say"]


def say(text):
    """Say something in one line, apart from what the command gives out."""
    print("lensmap:", *text.removeprefix("lensmap: ").split(), file=sys.stderr)
