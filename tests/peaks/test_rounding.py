# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Rounding errors over rounding errors are no detection."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import tangent_wcs

from lensmap import ConvergenceMap, find_peaks
from lensmap.filaments import azimuthal_excess, find_filaments
from lensmap.peaks import find_multiscale_peaks, find_segments
from lensmap.statistics import b_mode_test, kappa_moments
from lensmap.utils import rounding_level

SHAPE = (64, 64)
CENTER = SkyCoord(150, 2, unit="deg")
WCS = tangent_wcs(CENTER, SHAPE, 0.5)
THIRD = np.full(SHAPE, 0.1 / 3)
RNG = np.random.default_rng(2)
TINY = 1e-17 * RNG.normal(size=SHAPE)


def _map(data, error=None, b_mode=None):
    uncertainty = None if error is None else np.broadcast_to(error, SHAPE).astype(data.dtype)
    return ConvergenceMap(data, uncertainty, wcs=WCS, kappa_b=b_mode)


SCALES = [1, 2] * u.arcmin


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_peaks(_map(TINY, 1e-18), 5), "uncertainty above the rounding errors"),
        (lambda: find_peaks(_map(THIRD + TINY, 1e-17), 5), "uncertainty above the rounding"),
        (lambda: find_peaks(_map(THIRD.astype("f4"), 1e-8), 5), "uncertainty above the roun"),
        (lambda: find_segments(_map(TINY, 1e-18), 5), "uncertainty above the rounding errors"),
        (lambda: find_multiscale_peaks(_map(THIRD, None, THIRD), SCALES), "kappa must have noise"),
        (lambda: find_multiscale_peaks(_map(THIRD, None, TINY), SCALES), "kappa must have noise"),
        (
            lambda: find_multiscale_peaks(_map(THIRD), SCALES, noise_maps=[THIRD * k for k in
                                                                           range(5)]),
            "noise_maps must have noise above the rounding errors of kappa, not noise of",
        ),
        (lambda: find_filaments(_map(THIRD + TINY)), "values that vary"),
        (lambda: find_filaments(_map(THIRD).smooth(1 * u.arcmin)), "values that vary"),
        (lambda: find_filaments(_map(THIRD, 1e-18), by="uncertainty"), "a positive uncertainty"),
        (lambda: b_mode_test(_map(THIRD, 1e-18, TINY)), "a positive uncertainty"),
    ],
)
def test_maps_without_noise_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pixels_without_noise_have_no_significance():
    error = np.full(SHAPE, 0.01)
    error[:, :32] = 1e-18
    kappa = _map(RNG.normal(0, 0.01, SHAPE), error)
    assert np.isnan(kappa.snr[:, :32]).all() and np.abs(kappa.snr[:, 32:]).max() < 6
    assert np.all(find_peaks(kappa, 2.0)["x_peak"] >= 32)


def test_directions_of_a_constant_map_have_no_significance():
    noise = [np.full(SHAPE, 0.01 * k / 3) for k in range(4)]
    table = azimuthal_excess(_map(THIRD), CENTER, [2, 8] * u.arcmin, noise)
    assert np.isnan(table["snr"]).all() and not table["is_peak"].any()


def test_moments_of_a_constant_map_are_not_known():
    (row,) = kappa_moments(_map(THIRD).smooth(1 * u.arcmin))
    assert np.isnan(row["skewness"]) and np.isnan(row["kurtosis"])


def test_level():
    assert rounding_level() == rounding_level(None, TINY) == pytest.approx(2.2e-14, rel=0.01)
    assert rounding_level(np.array([1e3, np.nan])) == pytest.approx(2.2e-11, rel=0.01)
    assert rounding_level(np.array([0.5], "f4")) == pytest.approx(6e-6, rel=0.01)
