# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Galaxy counts on other pixels, of any ratio of sizes, with bounded memory."""

import time
import tracemalloc

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.grid import tangent_wcs
from lensmap.maps import resample_counts

CENTER = SkyCoord(10, 20, unit="deg")


def wcs_of(n, scale, center=CENTER):
    return tangent_wcs(center, (n, n), scale * u.arcmin)


def turned(wcs, angle):
    wcs.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    wcs.wcs.set()
    return wcs


@pytest.mark.parametrize("ratio", [0.3, 1.0, 1.7, 2.0, 3.3, 8.0, 30.0])
@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_counts_are_conserved_and_in_their_place(ratio, angle):
    counts = np.zeros((12, 12))
    counts[3:9, 2:10] = np.random.default_rng(1).poisson(50, (6, 8))
    old = wcs_of(12, 2.0)
    n = int(np.ceil(12 * ratio * (1 if angle == 0 else 1.35)))
    new = turned(wcs_of(n, 2.0 / ratio), angle)
    result = resample_counts(counts, old, new)
    assert result.sum() == pytest.approx(counts.sum(), rel=1e-12)
    # The center of gravity stays, to a fraction of the smaller pixels.
    y, x = np.indices(counts.shape)
    place = old.pixel_to_world((counts * x).sum() / counts.sum(), (counts * y).sum() / counts.sum())
    y, x = np.indices(result.shape)
    moved = new.pixel_to_world((result * x).sum() / result.sum(), (result * y).sum() / result.sum())
    assert place.separation(moved) < 0.1 * u.arcmin


def test_a_factor_divides_evenly():
    counts = np.arange(16.0).reshape(4, 4)
    result = resample_counts(counts, wcs_of(4, 3.0), wcs_of(12, 1.0))
    np.testing.assert_allclose(result, np.repeat(np.repeat(counts / 9, 3, 0), 3, 1))


def test_only_the_part_on_the_new_map_counts():
    counts = np.ones((6, 6))
    # The new map covers the inner half of the width of the four central pixels.
    result = resample_counts(counts, wcs_of(6, 4.0), wcs_of(20, 0.2))
    assert result.sum() == pytest.approx(1.0, rel=1e-3)
    np.testing.assert_allclose(result, 1 / 400, rtol=1e-2)


def test_far_away_there_is_nothing():
    far = wcs_of(20, 0.2, SkyCoord(50, -20, unit="deg"))
    assert resample_counts(np.ones((6, 6)), wcs_of(6, 4.0), far).sum() == 0


def test_a_large_map_on_small_pixels():
    """Pixels of 10 arcmin and of 0.2 arcsec have a ratio of 3000."""
    counts = np.ones((50, 50))
    start = time.process_time()
    tracemalloc.start()
    try:
        result = resample_counts(counts, wcs_of(50, 10.0), wcs_of(64, 0.2 / 60))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.sum() == pytest.approx((64 * 0.2 / 600) ** 2, rel=1e-3)
    assert peak < 50e6 and time.process_time() - start < 5
