# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tiles make the same map as the whole, where a function sees no farther than they overlap."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from lensmap.networks._tiles import Tiling, tile_positions

RNG = np.random.default_rng(2)


def _blur(planes):
    """A function that sees 8 pixels far, and is wrong at the edges of what it is given."""
    return uniform_filter(planes, (17, 17, 0), mode="constant").astype(np.float32)


@pytest.mark.parametrize("shape", [(64, 64), (128, 64), (160, 208), (320, 144), (16, 336)])
def test_no_seams(shape):
    planes = RNG.standard_normal((*shape, 3)).astype(np.float32)
    tiling = Tiling(size=96, overlap=32, dead=8, stride=16)
    np.testing.assert_allclose(tiling.apply(_blur, planes, 3), _blur(planes), atol=1e-6)


def test_without_the_dead_edge_there_would_be_seams():
    planes = np.ones((160, 160, 1), dtype=np.float32)
    tiling = Tiling(size=96, overlap=32, dead=0, stride=16)
    assert np.abs(tiling.apply(_blur, planes, 1) - _blur(planes)).max() > 1e-3


def test_tiles_are_all_of_one_size_and_begin_at_the_stride():
    sizes = []

    def function(planes):
        sizes.append(planes.shape)
        return planes

    planes = RNG.standard_normal((400, 512, 2)).astype(np.float32)
    found = Tiling(size=128, overlap=48, dead=16, stride=16).apply(function, planes, 2)
    np.testing.assert_allclose(found, planes, rtol=1e-5, atol=1e-7)
    assert set(sizes) == {(128, 128, 2)}


@pytest.mark.parametrize("n", range(16, 1000, 16))
def test_positions_cover_the_axis(n):
    starts, size = tile_positions(n, 160, 48, 16)
    ends = [start + size for start in starts]
    assert starts[0] == 0 and ends[-1] == n and all(start % 16 == 0 for start in starts)
    shared = [end - start for end, start in zip(ends, starts[1:])]
    assert all(48 - 16 < overlap < size for overlap in shared)
    # No tile less would do, and none larger than that asks for.
    assert len(starts) == 1 or n > 160 + (len(starts) - 2) * (160 - 48)
    assert len(starts) == 1 or len(starts) * (size - 16) < n + (len(starts) - 1) * 48
