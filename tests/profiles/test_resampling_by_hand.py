# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Covariances from resampling against sums that are written down by hand."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from lensmap.profiles._resampling import noise_covariances, patch_covariances, sum_patches
from lensmap.utils import LensmapWarning


class _Sums:
    """Sums of the number of pairs and of their shear, whose means need no calibration."""

    def pooling(self, total):
        return None

    def by_name(self, sums):
        return {"n": sums[..., 0, :], "t": sums[..., 1, :]}

    def means(self, sums, pool):
        with np.errstate(invalid="ignore"):
            shear = sums[..., 1, :] / sums[..., 0, :]
        return {"g_x": shear, "g_t": shear}

    def noise(self, sums, pool):
        return {"g_t": np.full(sums.shape[-1], 0.5)}

    def of_bins(self, terms):
        return None

    def deviations(self, terms, noise, total, pool):
        return {"g_t": noise}  # one pair in each bin


def _pairs(columns):
    """Return the sums of 12 patches with these numbers of pairs, and a shear for each."""
    n = np.zeros((12, len(columns)))
    for i, (patches, number) in enumerate(columns):
        n[:patches, i] = number
    shear = np.random.default_rng(1).normal(size=n.shape)
    return np.stack([n, n * shear], axis=1)


def test_which_bins_have_the_errors_of_noise():
    #          empty   one patch  just enough  few pairs  few patches  all
    columns = [(0, 0), (1, 300), (10, 10), (12, 8.25), (9, 100), (12, 50)]
    sums = _pairs(columns)
    with pytest.warns(LensmapWarning, match="3 of 6 bins"):
        found, from_noise = patch_covariances(_Sums(), sums, None, None)
    np.testing.assert_array_equal(from_noise, [False, True, False, True, True, False])
    assert list(found) == ["g_t"]
    expected = np.diag([np.nan, 0.25, 0, 0.25, 0.25, 0])
    expected[0] = expected[:, 0] = np.nan
    parts = np.array([np.delete(sums, i, axis=0).sum(axis=0) for i in range(12)])[:, :, [2, 5]]
    change = parts[:, 1] / parts[:, 0]
    change = change - change.mean(axis=0)
    expected[np.ix_([2, 5], [2, 5])] = 11 / 12 * change.T @ change
    np.testing.assert_allclose(found["g_t"], expected, rtol=1e-9)


def test_few_patches_may_fill_a_bin():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, from_noise = patch_covariances(_Sums(), _pairs([(12, 50)])[:3], None, None)
    np.testing.assert_array_equal(from_noise, [False])


def test_a_bootstrap_sample_without_a_bin_does_not_change_it():
    sums = _pairs([(10, 20), (12, 50)])
    counts = np.random.default_rng(2).multinomial(12, np.full(12, 1 / 12), size=30)
    counts[0] = [0] * 10 + [5, 7]  # none of the patches that fill the first bin
    asked = []

    def multinomial(n, shares, size):
        asked.append((n, shares, size))
        return counts

    found, _ = patch_covariances(_Sums(), sums, 30, SimpleNamespace(multinomial=multinomial))
    ((n, shares, size),) = asked
    assert (n, size) == (12, 30)
    np.testing.assert_allclose(shares, np.full(12, 1 / 12))
    total = sums.sum(axis=0)
    drawn = np.array([sum(k * one for k, one in zip(count, sums)) for count in counts])
    drawn[0, :, 0] = total[:, 0]
    change = drawn[:, 1] / drawn[:, 0]
    change = change - change.mean(axis=0)
    np.testing.assert_allclose(found["g_t"], change.T @ change / 29, rtol=1e-9)


def test_noise_is_turned_by_any_angle_and_scaled_to_each_galaxy():
    """Ellipticities of one orientation: of any other range of angles, the scatter differs."""
    sigma = np.linspace(0.1, 0.4, 20)
    usable = np.full(50, 0.3)
    sources = SimpleNamespace(  # the last have no weight or no noise, and must not be drawn
        weight=np.append(np.full(50, 0.5), [0, 1]), variance=np.append(usable**2, [1e-4, 0]),
        shear=1j * np.append(usable * np.sqrt(2), [50, 50]),
    )
    found = noise_covariances(_Sums(), SimpleNamespace(variance=sigma**2), sources, 2500,
                              np.random.default_rng(3))
    scaled = found["g_t"] / np.outer(sigma, sigma)
    assert np.mean(np.diag(scaled)) == pytest.approx(1, abs=0.015)
    assert np.abs(scaled - np.diag(np.diag(scaled))).max() < 5 / np.sqrt(2500)


def test_sums_of_patches():
    sums = np.arange(24.0).reshape(4, 2, 3)
    np.testing.assert_array_equal(
        sum_patches(sums, np.array([2, 0, 2, 0])), [sums[1] + sums[3], 0 * sums[0],
                                                    sums[0] + sums[2]]
    )
