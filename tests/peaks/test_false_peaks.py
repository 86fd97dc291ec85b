# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The expected number of false peaks, from noise maps of the field."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lenses import tangent_wcs
from scipy.ndimage import gaussian_filter

from lensmap import ConvergenceMap, find_peaks

SHAPE = (64, 64)
WCS = tangent_wcs(SkyCoord(150, 2, unit="deg"), SHAPE, 0.5)


def _noise(rng):
    noise = gaussian_filter(rng.normal(size=SHAPE), 2, mode="wrap")
    return 0.01 * noise / noise.std()


@pytest.mark.parametrize("by", ["snr", "kappa"])
def test_peaks_of_noise_are_expected(by):
    """In maps of noise alone, all peaks are false."""
    rng = np.random.default_rng(4)
    noise_maps = [_noise(rng) for _ in range(20)]
    threshold = 2.0 if by == "snr" else 0.02
    found, expected = [], []
    for _ in range(8):
        kappa = ConvergenceMap(_noise(rng), np.full(SHAPE, 0.01), wcs=WCS)
        peaks = find_peaks(kappa, threshold, by=by, noise_maps=noise_maps)
        found.append(len(peaks))
        expected.append(peaks.meta["n_false"])
        assert peaks.meta["n_noise_maps"] == 20
        assert np.all(np.diff(peaks["n_false"]) >= 0)  # the highest first
        assert np.all(peaks["n_false"] <= peaks.meta["n_false"])
    assert np.ptp(expected) == 0 and 3 < expected[0] < 20
    error = np.hypot(np.std(found, ddof=1) / np.sqrt(8), peaks.meta["n_false_err"])
    assert np.mean(found) == pytest.approx(expected[0], abs=3.5 * error)


def test_a_cluster_is_not_false():
    rng = np.random.default_rng(5)
    y, x = np.indices(SHAPE)
    data = _noise(rng) + 0.15 * np.exp(-((x - 40) ** 2 + (y - 30) ** 2) / 18)
    noise_maps = [ConvergenceMap(_noise(rng), wcs=WCS) for _ in range(5)]
    kappa = ConvergenceMap(data, np.full(SHAPE, 0.01), wcs=WCS)
    peaks = find_peaks(kappa, 2.5, noise_maps=noise_maps)
    assert peaks["n_false"][0] == 0 and peaks["n_false"][-1] > 0
    troughs = find_peaks(-1 * kappa, 2.5, noise_maps=[-1 * one for one in noise_maps], troughs=True)
    assert list(troughs["n_false"]) == list(peaks["n_false"])
    with pytest.raises(ValueError, match="noise_maps must contain at least 5 maps, not 4"):
        find_peaks(kappa, 2.5, noise_maps=noise_maps[:4])
