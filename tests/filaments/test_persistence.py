# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pairs of critical points, against GUDHI and by hand."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lensmap.filaments import persistence_pairs


def _intervals(image, begins, ends):
    flat = image.ravel()
    born = -flat[begins]
    died = np.where(ends < 0, np.inf, -flat[ends])
    order = np.lexsort((died, born))
    pairs = np.stack([born, died], axis=1)[order]
    return pairs[pairs[:, 0] != pairs[:, 1]]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("smooth", [0, 2])
def test_pairs_are_those_of_gudhi(seed, smooth):
    gudhi = pytest.importorskip("gudhi")
    image = np.random.default_rng(seed).normal(size=(35, 28))
    if smooth:
        image = gaussian_filter(image, smooth)
    pairs = persistence_pairs(image)
    cubes = gudhi.CubicalComplex(top_dimensional_cells=-image)
    cubes.compute_persistence()
    for dimension, found in (
        (0, _intervals(image, pairs.maxima, pairs.joins)),
        (1, _intervals(image, pairs.loops, pairs.minima)),
    ):
        expected = np.array(cubes.persistence_intervals_in_dimension(dimension))
        expected = expected[np.lexsort((expected[:, 1], expected[:, 0]))]
        np.testing.assert_allclose(found, expected)


def test_two_islands_and_a_lake():
    image = np.array([
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 9.0, 4.0, 7.0, 0.0],
        [0.0, 4.0, 1.0, 3.0, 0.0],
        [0.0, 5.0, 3.5, 3.2, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ])
    pairs = persistence_pairs(image)
    value = image.ravel()
    islands = {value[m]: value[j] if j >= 0 else None
               for m, j in zip(pairs.maxima, pairs.joins)}
    assert islands == {9.0: None, 7.0: 4.0, 5.0: 4.0}
    # the lake of 1 spills through the lowest side of its shore
    assert [(value[m], value[j]) for m, j in zip(pairs.minima, pairs.loops)] == [(1.0, 3.0)]


def test_masked_pixels_are_no_land():
    image = np.zeros((5, 9))
    image[2] = [1, 5, 4, 3, 2, 3, 4, 6, 1]
    mask = np.zeros(image.shape, dtype=bool)
    whole = persistence_pairs(image)
    top = {m: j for m, j in zip(whole.maxima.tolist(), whole.joins.tolist())}
    assert top[2 * 9 + 7] == -1 and image.ravel()[top[2 * 9 + 1]] == 2
    mask[:, 4] = True
    apart = persistence_pairs(image, mask)
    ends = dict(zip(apart.maxima.tolist(), apart.joins.tolist()))
    assert ends[2 * 9 + 7] == -1 and ends[2 * 9 + 1] == -1
    image[:, 4] = np.nan
    again = persistence_pairs(image)
    for one, other in zip(apart, again):
        np.testing.assert_array_equal(one, other)


def test_nothing_is_open():
    pairs = persistence_pairs(np.zeros((4, 4)), np.ones((4, 4), dtype=bool))
    assert all(len(part) == 0 for part in pairs)
