# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tiles make the same map as the whole, where a function sees no farther than they overlap."""

import types

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from lensmap.networks import Network
from lensmap.networks._tiles import Tiling, tile_positions
from lensmap.networks.models import ARCHITECTURES

RNG = np.random.default_rng(2)


def _blur(planes):
    """A function that sees 8 pixels far, and is wrong at the edges of what it is given."""
    return uniform_filter(planes, (17, 17, 0), mode="constant").astype(np.float32)


@pytest.mark.parametrize("shape", [(64, 64), (128, 64), (160, 208), (320, 144), (16, 336)])
def test_no_seams(shape):
    planes = RNG.standard_normal((*shape, 3)).astype(np.float32)
    tiling = Tiling(size=96, overlap=32, dead=8, stride=16)
    np.testing.assert_allclose(tiling.apply(_blur, planes, 3), _blur(planes), atol=1e-6)


def test_an_overlap_of_twice_the_reach_suffices():
    planes = RNG.standard_normal((160, 240, 2)).astype(np.float32)
    tiling = Tiling(size=64, overlap=16, dead=8, stride=4)
    found = tiling.apply(_blur, planes, 2)
    np.testing.assert_allclose(found, _blur(planes), atol=1e-6)
    narrower = Tiling(size=64, overlap=12, dead=6, stride=4)
    assert np.abs(narrower.apply(_blur, planes, 2) - _blur(planes)).max() > 1e-3


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
    (shape,) = set(sizes)
    assert shape[0] % 16 == shape[1] % 16 == 0 and shape[0] * shape[1] <= 2.3 * 128**2


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("side", [1100, 1600, 2048, 2928, 4096])
def test_few_pixels_of_large_maps_are_computed_twice(name, side):
    architecture = ARCHITECTURES[name]
    model = types.SimpleNamespace(architecture=architecture)
    tiling = Network._tiling(model, 1024)
    padded = Network._padded_side(model, side)
    counts = tiling.tile_counts(padded, padded)
    sides = [tile_positions(padded, n, tiling.overlap, tiling.stride)[1] for n in counts]
    assert np.prod(counts) * np.prod(sides) <= 1.3 * padded**2
    # No tile takes more memory than 2.3 of those of 1024 pixels.
    assert np.prod(sides) <= 2.3 * 1024**2
    assert tiling.dead >= architecture.reach or architecture.tile_overlap


@pytest.mark.parametrize("shape", [(64, 64), (96, 400), (2000, 96), (304, 304), (5000, 7000)])
@pytest.mark.parametrize("overlap, size", [(0, 64), (32, 96), (240, 256), (64, 1024)])
def test_tiles_fit_into_the_memory_of_their_size(shape, overlap, size):
    tiling = Tiling(size=size, overlap=overlap, dead=overlap // 2, stride=16)
    padded = [-(-n // 16) * 16 for n in shape]
    counts = tiling.tile_counts(*padded)
    sides = [tile_positions(n, k, overlap, 16)[1] for n, k in zip(padded, counts)]
    assert np.prod(sides) <= 2.3 * size**2
    assert all(side > overlap or k == 1 for side, k in zip(sides, counts))
    if np.prod(sides) > size**2:  # only where this computes fewer pixels
        usual = [-(-(n - overlap) // (size - overlap)) if n > size else 1 for n in padded]
        square = [tile_positions(n, k, overlap, 16)[1] for n, k in zip(padded, usual)]
        assert np.prod(counts) * np.prod(sides) < np.prod(usual) * np.prod(square)


@pytest.mark.parametrize("n", range(400, 1000, 48))
@pytest.mark.parametrize("n_tiles", [1, 2, 3, 7])
def test_positions_cover_the_axis(n, n_tiles):
    starts, size = tile_positions(n, n_tiles, 48, 16)
    ends = [start + size for start in starts]
    assert starts[0] == 0 and ends[-1] == n and all(start % 16 == 0 for start in starts)
    shared = [end - start for end, start in zip(ends, starts[1:])]
    assert len(starts) == n_tiles and all(48 <= overlap < size for overlap in shared)
    # The smallest side that covers the axis.
    assert n_tiles == 1 or n_tiles * (size - 16) < n + (n_tiles - 1) * 48
