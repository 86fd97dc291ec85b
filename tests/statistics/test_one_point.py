# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Distributions of maps whose distribution is known."""

import numpy as np
import pytest
from astropy import units as u
from lenses import CENTERS, tangent_wcs
from scipy import stats

from lensmap import ConvergenceMap
from lensmap.scores import orthogonal_slope
from lensmap.statistics import (
    kappa_moments,
    kappa_pdf,
    peak_counts,
    pixel_relation,
    power_spectrum,
)

SHAPE = (200, 160)


def _map(data, mask=None, uncertainty=None, **more):
    wcs = tangent_wcs(CENTERS["equator"], data.shape, 0.5)
    return ConvergenceMap(data, uncertainty, mask, wcs, **more)


def _noise(seed, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=shape)


def test_pdf_of_gaussian_noise():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:60] = True
    data = np.where(mask, 50.0, _noise(0))
    edges = np.linspace(-3, 3, 13)
    table = kappa_pdf(_map(data, mask), edges)
    expected = np.diff(stats.norm.cdf(edges)) / np.diff(edges)
    pull = (table["pdf"] - expected) / table["pdf_err"]
    assert np.abs(pull).max() < 4 and 0.5 < np.std(pull) < 1.7
    whole = kappa_pdf(_map(data, mask), 40)
    assert np.sum(whole["pdf"] * (whole["bin_high"] - whole["bin_low"])) == pytest.approx(1)


def test_moments_of_a_skewed_map():
    # of an exponential: variance 1, skewness 2, excess kurtosis 6
    data = np.random.default_rng(1).exponential(size=(500, 500)) - 7
    row = kappa_moments(_map(data))[0]
    for name, truth in (("variance", 1), ("skewness", 2), ("kurtosis", 6)):
        assert abs(row[name] - truth) < 4 * row[f"{name}_err"]
        assert row[f"{name}_err"] < 0.1 * truth
    assert row["smoothing"] == 0 * u.arcmin


def test_moments_after_smoothing():
    table = kappa_moments(_map(_noise(2), uncertainty=np.ones(SHAPE)), [0, 1] * u.arcmin)
    # over a Gaussian of two pixels
    assert table["variance"][1] == pytest.approx(1 / (4 * np.pi * 4), rel=0.1)
    assert table["variance"][0] == pytest.approx(1, rel=0.05)


def test_peak_counts():
    data = np.zeros(SHAPE)
    data[20, 20], data[60, 60], data[100, 100], data[140, 60] = 3.0, 4.5, 4.6, -5.0
    kappa = _map(data, uncertainty=np.ones(SHAPE))
    table = peak_counts(kappa, [3, 4, 5])
    assert table["n"].tolist() == [1, 2]
    area = 200 * 160 * 0.25 / 3600 * u.deg**2
    density, error = table["peak_density"][1], table["peak_density_err"][1]
    assert density.to_value(1 / u.deg**2) == pytest.approx(2 / area.value, rel=1e-3)
    assert (error / density).value == pytest.approx(1 / np.sqrt(2))
    assert peak_counts(kappa, [3, 6], troughs=True)["n"].tolist() == [1]
    assert peak_counts(kappa, [3, 6], by="kappa", min_separation="90 arcmin")["n"].tolist() == [1]


def test_relation_of_a_noisy_map():
    truth = _noise(3)
    found = pixel_relation(_map(0.5 * truth + 0.5 * _noise(4)), truth)
    assert found.r == pytest.approx(1 / np.sqrt(2), abs=4 * found.r_err)
    assert found.slope == pytest.approx(1.0, abs=4 * found.slope_err)
    expected = orthogonal_slope(1, 0.5, 0.5)
    assert found.tls_slope == pytest.approx(expected, abs=4 * found.tls_slope_err)
    assert found.rms == pytest.approx(np.sqrt(0.5), rel=0.02)
    assert 0 < found.r_err < 0.01 and found.n_pixels == truth.size


def test_relation_of_open_pixels_and_shapes():
    truth = _noise(3)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:50] = True
    other = np.where(mask, 1e6, truth)
    found = pixel_relation(_map(other, mask), _map(truth))
    assert found.r == pytest.approx(1) and found.tls_slope == pytest.approx(1)
    assert found.n_pixels == (~mask).sum()
    with pytest.raises(ValueError, match=r"reference must have the shape \(ny, nx\) = "):
        pixel_relation(_map(truth), truth[:-1])


def test_errors_are_those_of_other_skies():
    found = [pixel_relation(_map(_noise(s) + _noise(100 + s)), _noise(s)) for s in range(40)]
    scatter = np.std([one.r for one in found])
    assert np.mean([one.r_err for one in found]) == pytest.approx(scatter, rel=0.35)


@pytest.mark.parametrize("function", [kappa_pdf, kappa_moments, power_spectrum])
def test_nothing_is_unmasked(function):
    with pytest.raises(ValueError, match="kappa must have at least one unmasked pixel"):
        function(_map(np.zeros((20, 20)), np.ones((20, 20), dtype=bool)))


def test_peaks_where_nothing_is_unmasked():
    mask = np.ones((20, 20), dtype=bool)
    with pytest.raises(ValueError, match="kappa must have at least one unmasked pixel"):
        peak_counts(_map(np.zeros((20, 20)), mask, np.ones((20, 20))), [3, 4])


def test_bad_bins():
    kappa = _map(_noise(0), uncertainty=np.ones(SHAPE))
    for function in (kappa_pdf, peak_counts):
        with pytest.raises(ValueError, match="strictly increasing"):
            function(kappa, [2.0, 1.0])
    with pytest.raises(ValueError, match="n_blocks must be at least 2"):
        kappa_pdf(kappa, n_blocks=1)
