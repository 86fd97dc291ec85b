# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random number generators for the parameter ``rng``."""

import numpy as np

from lensmap.typing import RNGLike

__all__ = ["GOLDEN_64", "as_generator", "mix_bits", "seeded_generator"]

#: The increment of SplitMix64.
GOLDEN_64 = np.uint64(0x9E3779B97F4A7C15)


def as_generator(rng: RNGLike) -> np.random.Generator:
    """Return a generator of random numbers.

    Parameters
    ----------
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        The seed or generator. None draws a new seed in each call. A generator continues from its
        current state. An int or a seed sequence gives the same random numbers in each call; the
        seed sequence itself is not changed.

    Returns
    -------
    `numpy.random.Generator`
        The generator.

    Raises
    ------
    TypeError, ValueError
        If ``rng`` is of another type or negative.
    """
    if isinstance(rng, np.random.SeedSequence):
        # A seed sequence counts the children that it has spawned; the copy starts at zero again.
        rng = np.random.SeedSequence(rng.entropy, spawn_key=rng.spawn_key)
    return np.random.default_rng(rng)


def seeded_generator(rng: RNGLike) -> tuple[np.random.Generator, dict[str, int]]:
    """Return a generator of random numbers and the seed that reproduces them.

    Parameters
    ----------
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        The seed or generator of the random numbers. None draws a new seed in each call.

    Returns
    -------
    generator : `numpy.random.Generator`
        The generator.
    meta : dict
        ``{"seed": int}``, to store in the metadata of a result. Empty if ``rng`` is a seed sequence
        or a generator, because no single number reproduces these.
    """
    if rng is None:
        rng = int(np.random.default_rng().integers(2**62))
    meta = {"seed": int(rng)} if isinstance(rng, (int, np.integer)) else {}
    return as_generator(rng), meta


def mix_bits(values: np.ndarray) -> np.ndarray:
    """Return 64-bit integers with mixed bits, by the finalizer of SplitMix64.

    Parameters
    ----------
    values : `numpy.ndarray`
        The integers, uint64, ``(n,)``, which are not changed.

    Returns
    -------
    `numpy.ndarray`
        The mixed integers, uint64, ``(n,)``; different ones for different integers.

    References
    ----------
    Steele, Lea & Flood 2014, OOPSLA '14, 453.
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
