# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors from field to field."""

import numpy as np
import pytest

from lensmap.scores import jackknife, mean_and_error, paired_difference


def test_mean_and_error():
    values = np.random.default_rng(1).normal(3, 2, 400)
    mean, error = mean_and_error(values)
    assert mean == values.mean() and error == pytest.approx(0.1, rel=0.1)
    assert mean_and_error([*values, np.nan]) == (mean, error)
    assert mean_and_error([2.0])[0] == 2 and np.isnan(mean_and_error([2.0])[1])
    assert np.isnan(mean_and_error([np.nan, np.nan])).all()


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(2).normal(size=30)
    np.testing.assert_allclose(jackknife(np.mean, values), mean_and_error(values), rtol=1e-12)


def test_the_jackknife_of_a_ratio_of_sums():
    """Its error is right where that of single ratios is not."""

    def ratio(a, b):
        return a.sum() / b.sum()

    rng = np.random.default_rng(3)

    def draw():
        b = rng.gamma(2.0, size=60)
        return 0.8 * b + 0.3 * b * rng.standard_normal(60), b

    results = np.array([jackknife(ratio, *draw()) for _ in range(300)])
    assert results[:, 0].mean() == pytest.approx(0.8, abs=0.01)
    assert np.mean(results[:, 1]) == pytest.approx(results[:, 0].std(), rel=0.12)


def test_a_jackknife_that_is_not_known():
    assert np.isnan(jackknife(np.mean, [1.0])[1])

    def only_with_all(values):
        return values.sum() if len(values) == 3 else np.nan

    estimate, error = jackknife(only_with_all, [1.0, 2.0, 3.0])
    assert estimate == 6 and np.isnan(error)
    with pytest.raises(ValueError, match=r"the same number of rows, .* with 2 and 3 rows"):
        jackknife(np.mean, [1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"at least one row .*, not arrays with 0 rows"):
        jackknife(np.mean, [])


def test_what_both_share_is_no_error():
    rng = np.random.default_rng(4)
    field = 5 + rng.normal(size=100)
    a, b = 0.9 * field + 0.01 * rng.normal(size=100), field
    result = paired_difference(a, b)
    assert result.n_fields == 100
    assert result.difference == pytest.approx(np.mean(a - b))
    assert result.difference_err == pytest.approx(0.1 * 0.1, rel=0.3)
    assert result.significance == result.difference / result.difference_err < -30
    assert result.mean_ratio == pytest.approx(0.9, abs=0.002)
    assert result.ratio_of_sums == pytest.approx(a.sum() / b.sum())
    assert 0 < result.ratio_of_sums_err < 0.001


def test_fields_that_one_has_no_score_for_are_left_out():
    result = paired_difference([1.0, np.nan, 3.0, 2.0], [2.0, 2.0, 5.0, np.nan])
    assert result.n_fields == 2 and result.difference == -1.5
    assert result.ratio_of_sums == pytest.approx(4 / 7)


def test_too_little_to_compare():
    alone = paired_difference([1.0], [2.0])
    assert alone.difference == -1 and alone.mean_ratio == 0.5
    assert np.isnan([alone.difference_err, alone.significance, alone.ratio_of_sums_err]).all()
    same = paired_difference([1.0, 2.0], [1.0, 2.0])
    assert same.difference == 0 and np.isnan(same.significance)
    assert np.isnan(paired_difference([1.0, 2.0], [0.0, 1.0]).mean_ratio)
    assert paired_difference([np.nan], [1.0]).n_fields == 0
    with pytest.raises(ValueError, match="of the same fields, .* not 1 and 2"):
        paired_difference([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="a must hold one number for each field"):
        paired_difference([], [])
