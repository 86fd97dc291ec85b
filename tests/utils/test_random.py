# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What a seed gives."""

import numpy as np
import pytest

from lensmap.utils import as_generator, seeded_generator


def _numbers(rng):
    """Return numbers of the generator and of its children."""
    rng = as_generator(rng)
    return [rng.random(), *(child.random() for child in rng.spawn(2))]


@pytest.mark.parametrize("seed", [5, np.random.SeedSequence(5, spawn_key=(1,))])
def test_a_seed_gives_the_same_each_time(seed):
    assert _numbers(seed) == _numbers(seed)
    if not isinstance(seed, int):
        assert seed.n_children_spawned == 0


def test_a_generator_goes_on_and_none_differs():
    rng = np.random.default_rng(1)
    assert as_generator(rng) is rng
    assert _numbers(None) != _numbers(None)


def test_the_seed_that_is_drawn_gives_the_same_numbers():
    rng, meta = seeded_generator(None)
    assert seeded_generator(meta["seed"])[0].random() == rng.random()
    assert seeded_generator(None)[1] != meta
    assert seeded_generator(np.int64(3))[1] == {"seed": 3}
    for other in (np.random.default_rng(1), np.random.SeedSequence(1)):
        assert seeded_generator(other)[1] == {}
