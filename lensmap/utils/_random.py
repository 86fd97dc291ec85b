# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One meaning of ``rng=`` for all that is random."""

import numpy as np

__all__ = ["as_generator"]


def as_generator(rng):
    """Return a generator of random numbers.

    Parameters
    ----------
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        None is different in each call; a generator goes on from where it is; anything else
        starts anew, and a seed sequence stays as it was.

    Returns
    -------
    `numpy.random.Generator`
        The generator.

    Raises
    ------
    TypeError, ValueError
        If ``rng`` is none of these.
    """
    if isinstance(rng, np.random.SeedSequence):
        # A sequence counts its children: a copy makes each call the same.
        rng = np.random.SeedSequence(rng.entropy, spawn_key=rng.spawn_key)
    return np.random.default_rng(rng)
