# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Numbers from a table are Poisson numbers."""

import numpy as np
import pytest
from scipy.stats import chisquare, poisson

from lensmap.simulate.surveys._counts import PoissonCounts

N = 400_000


@pytest.mark.parametrize("spread", [1.0, 1.1, 3.0], ids=["same", "similar", "different"])
@pytest.mark.parametrize("rate", [0.02, 0.7, 5.55, 40.0, 300.0])
def test_each_number_is_as_frequent_as_it_should_be(rate, spread):
    expected = rate * np.linspace(1, spread, N)
    count = PoissonCounts(expected).draw(slice(0, N), np.random.default_rng(1))
    assert count.dtype == np.int64 and count.shape == (N,)
    numbers = np.arange(count.max() + 2)
    means = rate * np.linspace(1, spread, 400)
    often = N * poisson.pmf(numbers[:, np.newaxis], means).mean(axis=1)
    found = np.bincount(count, minlength=len(numbers))
    good = often > 20
    often, found = (np.append(a[good], a[~good].sum()) for a in (often, found))
    often[-1] = N - often[:-1].sum()
    keep = often > 5
    assert chisquare(found[keep], often[keep] / often[keep].sum() * found[keep].sum()).pvalue > 1e-4


@pytest.mark.parametrize("spread", [1.1, 3.0])
def test_each_pixel_has_its_own_mean(spread):
    expected = 5 * np.linspace(1, spread, 50)
    expected[7:9] = 0
    counts = PoissonCounts(expected)
    rng = np.random.default_rng(2)
    drawn = np.stack([counts.draw(slice(5, 40), rng) for _ in range(20_000)])
    assert np.all(drawn[:, 2:4] == 0)
    pull = (drawn.mean(axis=0) - expected[5:40]) / np.sqrt(np.maximum(expected[5:40], 1) / 20_000)
    assert np.abs(pull).max() < 4.5
    full = expected[5:40] > 0
    np.testing.assert_allclose(drawn.var(axis=0)[full], expected[5:40][full], rtol=0.06)
    # neighbors are independent
    r = np.corrcoef(drawn[:, full].T)
    assert np.abs(r[np.triu_indices(len(r), 1)]).max() < 5.5 / np.sqrt(20_000)


def test_nothing_where_nothing_is_expected():
    assert PoissonCounts(np.zeros(9)).draw(slice(0, 9), np.random.default_rng(1)).sum() == 0
