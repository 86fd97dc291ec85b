# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Counts of pixels, and distributions."""

import numpy as np
import pytest

from lensmap.validation.measures._pixels import (
    KAPPA_EDGES,
    NULL_EDGES,
    RELATION_EDGES,
    count_pairs,
    count_pixels,
    distribution,
)


@pytest.mark.parametrize("edges", [KAPPA_EDGES, NULL_EDGES])
def test_counts_are_those_of_numpy(edges):
    values = np.random.default_rng(1).normal(0, 0.03, 5000)
    inside = values[(values > edges[0]) & (values < edges[-1])]
    counts = count_pixels(inside, edges)
    assert np.abs(counts - np.histogram(inside, edges)[0]).sum() <= 2  # rounding at an edge
    assert count_pixels(np.array([-9.0, 9.0]), edges)[[0, -1]].tolist() == [1, 1]


def test_pairs():
    rng = np.random.default_rng(2)
    one, other = rng.normal(0, 0.05, (2, 3000))
    counts = count_pairs(one, other)
    expected = np.histogram2d(one, other, [RELATION_EDGES] * 2)[0]
    assert np.abs(counts - expected).sum() <= 4


def test_a_distribution_is_one_and_has_errors():
    rng = np.random.default_rng(3)
    counts = [count_pixels(rng.normal(0, 0.05, 2000)) for _ in range(40)]
    table = distribution(counts)
    width = table["bin_high"] - table["bin_low"]
    assert np.sum(table["pdf"] * width) == pytest.approx(1)
    middle = np.argmax(table["pdf"])
    # independent pixels: the error is that of their number
    n = 40 * 2000 * table["pdf"][middle] * width[middle]
    relative = table["pdf_err"][middle] / table["pdf"][middle]
    assert relative == pytest.approx(1 / np.sqrt(n), rel=0.4)
    assert np.isnan(distribution(counts[:1])["pdf_err"]).all()
