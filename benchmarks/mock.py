# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Galaxies without a signal, for timing only."""

import numpy as np


def columns(n, width, height, dec=45.0, seed=0):
    """Return the columns of n galaxies in a box of so many degrees around (10, dec)."""
    rng = np.random.default_rng(seed)
    half = width / 2 / np.cos(np.radians(dec))
    return {
        "ra": 10 + rng.uniform(-half, half, n),
        "dec": dec + rng.uniform(-height / 2, height / 2, n),
        "e1": rng.normal(0, 0.27, n).astype(np.float32),
        "e2": rng.normal(0, 0.27, n).astype(np.float32),
        "weight": rng.uniform(0.5, 1.0, n).astype(np.float32),
    }
