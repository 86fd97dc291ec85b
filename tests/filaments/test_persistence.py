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


def _triangles(shape):
    """All triangles of an image, as flat indices of their corners."""
    ny, nx = shape
    for y, x in np.ndindex(ny - 1, nx - 1):
        a, b, c, d = y * nx + x, y * nx + x + 1, (y + 1) * nx + x, (y + 1) * nx + x + 1
        yield from [(a, b, d), (a, c, d)] if (x + y) % 2 == 0 else [(a, b, c), (b, c, d)]


@pytest.mark.parametrize("seed", range(3))
def test_pairs_of_triangles_are_those_of_gudhi(seed):
    gudhi = pytest.importorskip("gudhi")
    image = gaussian_filter(np.random.default_rng(seed).normal(size=(31, 26)), 1)
    # Above a level: a triangle counts when its lowest corner does.
    complex_ = gudhi.SimplexTree()
    for corners in _triangles(image.shape):
        complex_.insert(corners)
    for simplex, _ in list(complex_.get_simplices()):
        complex_.assign_filtration(simplex, -image.ravel()[simplex].min())
    complex_.compute_persistence()
    pairs = persistence_pairs(image, connectivity="triangles")
    for dimension, found in (
        (0, _intervals(image, pairs.maxima, pairs.joins)),
        (1, _intervals(image, pairs.loops, pairs.minima)),
    ):
        expected = np.array(complex_.persistence_intervals_in_dimension(dimension))
        expected = expected[np.lexsort((expected[:, 1], expected[:, 0]))]
        np.testing.assert_allclose(found, expected[expected[:, 0] != expected[:, 1]])


@pytest.mark.parametrize("connectivity", ["pixels", "triangles"])
def test_pairs_along_an_open_border_are_those_of_gudhi(connectivity):
    gudhi = pytest.importorskip("gudhi")
    image = gaussian_filter(np.random.default_rng(8).normal(size=(25, 32)), 1)
    ring = np.concatenate([image[0], image[1:, -1], image[-1, -2::-1], image[-2:0:-1, 0]])
    circle = gudhi.SimplexTree()
    for i in range(len(ring)):
        circle.insert([i, (i + 1) % len(ring)])
    for simplex, _ in list(circle.get_simplices()):
        circle.assign_filtration(simplex, ring[simplex].max())
    circle.compute_persistence()
    expected = circle.persistence_intervals_in_dimension(0)
    expected[np.isinf(expected)] = ring.max()  # extended persistence: the lowest and the highest
    pairs = persistence_pairs(image, border="open", connectivity=connectivity)
    values = image.ravel()[np.stack([pairs.border_minima, pairs.border_maxima], axis=1)]
    values = values[values[:, 0] != values[:, 1]]
    expected = expected[expected[:, 0] != expected[:, 1]]
    np.testing.assert_allclose(values[np.lexsort(values.T)], expected[np.lexsort(expected.T)])
    # the pairs of the image do not depend on its border
    closed = persistence_pairs(image, connectivity=connectivity)
    for one, other in zip(pairs[:4], closed[:4]):
        np.testing.assert_array_equal(one, other)
    assert len(closed.border_minima) == len(closed.border_maxima) == 0


def test_the_border_of_a_hole_is_open_too():
    image = np.zeros((7, 7))
    image[2:5, 2:5] = [[1, 5, 1.5], [2, np.nan, 2.5], [3, 4, 0.5]]
    pairs = persistence_pairs(image, border="open")
    value = image.ravel()
    # Beside the hole are 5, 2.5, 4 and 2: its highest pixel is paired with the lowest.
    assert {(value[low], value[high])
            for low, high in zip(pairs.border_minima, pairs.border_maxima)
            if value[low] != value[high]} == {(2.0, 5.0), (2.5, 4.0)}
