# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""TensorFlow greets its user with a dozen lines about the machine: not between ours."""

import os

from lensmap.utils import kept_from_terminal

__all__ = ["load_networks"]


def load_networks():
    """Load what networks need, without TensorFlow's greeting; an error is told as it is."""
    # Warnings and what is worse are for those who ask for them.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with kept_from_terminal():
        from lensmap.networks import load_network  # noqa: F401
