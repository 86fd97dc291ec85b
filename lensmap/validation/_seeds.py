# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The seed sequence of a source of random numbers."""

from typing import cast

import numpy as np

from lensmap.typing import RNGLike
from lensmap.utils import as_generator

__all__ = ["seed_sequence"]


def seed_sequence(rng: RNGLike) -> np.random.SeedSequence:
    """Return the seed sequence of a source of random numbers.

    Parameters
    ----------
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        As for ``lensmap.utils.as_generator``.

    Returns
    -------
    `numpy.random.SeedSequence`
        Its sequence; a copy of a given sequence, from the first child.
    """
    # The types of numpy name an interface, of which this is the only class.
    return cast(np.random.SeedSequence, as_generator(rng).bit_generator.seed_seq)
