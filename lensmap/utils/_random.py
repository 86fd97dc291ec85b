# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One meaning of ``rng=`` for all that is random."""

import numpy as np

__all__ = ["as_generator", "seeded_generator"]


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


def seeded_generator(rng):
    """Return a generator of random numbers, and the seed that makes the same ones again.

    Parameters
    ----------
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        As for `as_generator`; None draws a seed.

    Returns
    -------
    generator : `numpy.random.Generator`
        The generator.
    meta : dict
        ``seed``, an int, for the meta of a result; empty for a seed sequence and for a generator,
        which no number makes again.
    """
    if rng is None:
        rng = int(np.random.default_rng().integers(2**62))
    known = isinstance(rng, (int, np.integer))
    return as_generator(rng), {"seed": int(rng)} if known else {}
