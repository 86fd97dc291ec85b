# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The seed sequence of a seed or random generator."""

from typing import cast

import numpy as np

from lensmap.typing import RNGLike
from lensmap.utils import as_generator

__all__ = ["seed_sequence"]


def seed_sequence(rng: RNGLike) -> np.random.SeedSequence:
    """Return the `numpy.random.SeedSequence` of a seed or generator.

    Parameters
    ----------
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        Seed or generator of random numbers. None draws a new seed in each call.

    Returns
    -------
    `numpy.random.SeedSequence`
        The seed sequence. If ``rng`` is a seed sequence, the result is a copy that has not spawned
        any child sequence yet.
    """
    # numpy's type hints declare an interface here; SeedSequence is its only implementation.
    return cast(np.random.SeedSequence, as_generator(rng).bit_generator.seed_seq)
