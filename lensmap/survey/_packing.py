# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Values of any type as arrays of bytes, for the files of a run folder."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

__all__ = ["packed", "unpacked"]


def packed(value: object) -> np.ndarray:
    """Return a value of any type as an array of bytes."""
    return np.frombuffer(pickle.dumps(value, protocol=5), np.uint8)


def unpacked(array: np.ndarray) -> Any:
    """Return the value that `packed` packed."""
    return pickle.loads(array.tobytes())
