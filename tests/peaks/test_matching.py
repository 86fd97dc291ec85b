# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`match_peaks` against all matchings there are."""

import itertools

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap.peaks import match_peaks

ARCMIN = 1 / 60


def _at(*offsets):
    """Positions on the equator, at offsets in arcmin."""
    return SkyCoord(np.array(offsets) * ARCMIN, np.zeros(len(offsets)), unit="deg")


def _pairs(found):
    return list(zip(found["peak"].tolist(), found["reference"].tolist()))


def _best_by_trying(one, other, radius):
    """The number of pairs and their squares in the best of all matchings."""
    distance = one[:, np.newaxis].separation(other[np.newaxis]).arcmin
    best = 0, 0.0
    n, m = distance.shape
    for size in range(1, min(n, m) + 1):
        for rows in itertools.combinations(range(n), size):
            for columns in itertools.permutations(range(m), size):
                chosen = distance[list(rows), list(columns)]
                if np.all(chosen <= radius) and (
                    size > best[0] or np.sum(chosen**2) < best[1]
                ):
                    best = size, np.sum(chosen**2)
    return best


def test_greedy_would_lose_a_pair():
    # the closest pair of all is (1, 0): it would leave peak 0 and reference 1 alone
    found = match_peaks(_at(0.0, 1.5), _at(1.0, 3.0), 2 * u.arcmin)
    assert _pairs(found) == [(0, 0), (1, 1)]
    np.testing.assert_allclose(found["separation"].to_value(u.arcmin), [1.0, 1.5])


def test_a_chain_is_matched_whole():
    n = 40
    found = match_peaks(_at(*np.arange(n)), _at(*(np.arange(n) + 0.9)), 1 * u.arcmin)
    assert _pairs(found) == [(i, i) for i in range(n)]


def test_the_sum_of_squares_is_the_smallest():
    # the second peak lies on the first cluster: with it, the sum of distances were the smallest
    peaks = SkyCoord([0, ARCMIN], [0, 0], unit="deg")
    clusters = SkyCoord([ARCMIN, 1.6 * ARCMIN], [0, 0.8 * ARCMIN], unit="deg")
    assert _pairs(match_peaks(peaks, clusters, 2 * u.arcmin)) == [(0, 0), (1, 1)]


def test_those_left_over_in_a_group_are_in_no_pair():
    # the first peak is alone with two clusters, the others have one together
    peaks = SkyCoord([0, 3.5 * ARCMIN, 3.5 * ARCMIN], [0, 0, 0.3 * ARCMIN], unit="deg")
    clusters = SkyCoord([-1.7 * ARCMIN, 0, 1.8 * ARCMIN], [0, 1.8 * ARCMIN, 0], unit="deg")
    assert _pairs(match_peaks(peaks, clusters, 2 * u.arcmin)) == [(0, 0), (1, 2)]


def test_nobody_is_in_two_pairs():
    found = match_peaks(_at(0.0, 0.1, 0.2), _at(0.1), 2 * u.arcmin)
    assert _pairs(found) == [(1, 0)]


@pytest.mark.parametrize("seed", range(25))
def test_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 6, 2)
    one, other = (
        SkyCoord(rng.uniform(0, 5, k) * ARCMIN, rng.uniform(0, 5, k) * ARCMIN, unit="deg")
        for k in (n, m)
    )
    found = match_peaks(one, other, 2 * u.arcmin)
    size, squares = _best_by_trying(one, other, 2.0)
    assert len(found) == size
    assert np.sum(found["separation"].to_value(u.arcmin) ** 2) == pytest.approx(squares, abs=1e-9)


def test_many_groups_at_once():
    rng = np.random.default_rng(0)
    one, other = (
        SkyCoord(rng.uniform(0, 5, 3000), rng.uniform(0, 5, 3000), unit="deg") for _ in range(2)
    )
    found = match_peaks(one, other, 2 * u.arcmin)
    assert len(np.unique(found["reference"])) == len(found)
    assert np.all(np.diff(found["peak"]) > 0)
    assert found["separation"].max() <= 2 * u.arcmin
    again = one[found["peak"]].separation(other[found["reference"]])
    np.testing.assert_allclose(again.arcmin, found["separation"].to_value(u.arcmin), atol=1e-6)


def test_across_ra_zero_and_in_another_frame():
    one = SkyCoord([359.99, 10.0], [60.0, 89.999], unit="deg")
    other = SkyCoord([0.0, 190.0], [60.0, 89.999], unit="deg").galactic
    assert _pairs(match_peaks(one, other, "1 arcmin")) == [(0, 0), (1, 1)]


def test_tables_and_none():
    peaks = Table({"RA": [0.0, 0.01], "Dec": [0.0, 0.0]})
    assert _pairs(match_peaks(peaks, _at(0.0), "1 arcsec")) == [(0, 0)]
    for one, other in ((_at(), _at(1)), (_at(1), _at()), (_at(0), _at(30))):
        found = match_peaks(one, other, "1 arcmin")
        assert len(found) == 0 and found["separation"].unit == u.arcmin


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros(3), _at(0), "1 arcmin"), TypeError, "peaks must be a SkyCoord or a table"),
        ((_at(0), Table({"ra": [1.0]}), "1 arcmin"), ValueError, "not only the columns 'ra'"),
        ((_at(0), Table({"ra": [1.0], "dec": [np.nan]}), "1 arcmin"), ValueError, "finite"),
        ((_at(0), _at(0), 1.0), TypeError, "radius must be an angle"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        match_peaks(*arguments)
