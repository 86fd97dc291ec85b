# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Segments of maps whose shapes are known."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import ConvergenceMap
from lensmap.grid import tangent_wcs
from lensmap.peaks import find_segments

SHAPE = (80, 100)
WCS = tangent_wcs(SkyCoord(150, 2, unit="deg"), SHAPE, 0.5 * u.arcmin)


def _blob(x0, y0, a, b, angle, peak):
    y, x = np.indices(SHAPE)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along, across = (x - x0) * c + (y - y0) * s, (y - y0) * c - (x - x0) * s
    return peak * np.exp(-0.5 * ((along / a) ** 2 + (across / b) ** 2))


def _map(data, mask=None, error=0.01):
    error = None if error is None else np.full(SHAPE, error)
    return ConvergenceMap(data, error, mask, WCS)


def test_one_ellipse():
    found = find_segments(_map(_blob(40.3, 30.6, 8, 4, 30, 0.2)), 3)
    (row,) = found.table
    assert row["x"] == pytest.approx(40.3, abs=0.1) and row["y"] == pytest.approx(30.6, abs=0.1)
    assert row["orientation"].to_value(u.deg) == pytest.approx(30, abs=2)
    assert (row["semimajor"] / row["semiminor"]).value == pytest.approx(2, rel=0.1)
    # above 0.03 of 0.2: an ellipse of 2 ln(0.2 / 0.03) in squared radius
    area = np.pi * 8 * 4 * 2 * np.log(0.2 / 0.03) * 0.25
    assert row["area"].to_value(u.arcmin**2) == pytest.approx(area, rel=0.03)
    total = 2 * np.pi * 32 * (0.2 - 0.03) * 0.25
    assert row["kappa_sum"].to_value(u.arcmin**2) == pytest.approx(total, rel=0.03)
    assert row["kappa_max"] == pytest.approx(0.2, rel=0.02)
    assert row["snr_max"] == pytest.approx(20, rel=0.02)
    sky = WCS.pixel_to_world(40.3, 30.6)
    assert SkyCoord(row["ra"], row["dec"]).separation(sky) < 0.1 * u.arcmin
    assert set(np.unique(found.labels)) == {0, 1} and found.labels[31, 40] == 1


@pytest.mark.parametrize(("large", "small"), [(58, 40), (40, 58)])
def test_two_that_touch_are_taken_apart(large, small):
    kappa = _map(_blob(small, 40, 5, 5, 0, 0.2) + _blob(large, 40, 5, 5, 0, 0.3))
    apart, together = (find_segments(kappa, 3, deblend=d) for d in (True, False))
    assert len(apart.table) == 2 and len(together.table) == 1
    # the largest first, under its number in the labels
    np.testing.assert_allclose(apart.table["x"], [large, small], atol=0.5)
    assert apart.labels[40, large] == 1 and apart.labels[40, small] == 2
    np.testing.assert_allclose(apart.table["snr_max"], [30, 20], rtol=0.02)
    total = apart.table["kappa_sum"].sum()
    assert (total / together.table["kappa_sum"][0]).value == pytest.approx(1)


def test_the_largest_is_first_wherever_it_lies():
    found = find_segments(_map(_blob(30, 20, 4, 4, 0, 0.2) + _blob(60, 60, 5, 5, 0, 0.3)), 3)
    np.testing.assert_allclose(found.table["y"], [60, 20], atol=0.1)
    assert found.labels[60, 60] == 1 and found.labels[20, 30] == 2


def test_how_small_a_segment_may_be():
    # 9 pixels, and a shoulder that has a hundredth of the whole
    data = np.zeros(SHAPE)
    data[20:23, 20:23] = 0.1
    kappa = _map(data)
    assert len(find_segments(kappa, 3, n_pixels=9).table) == 1
    assert len(find_segments(kappa, 3, n_pixels=10).table) == 0
    kappa = _map(_blob(40, 40, 6, 6, 0, 0.5) + _blob(58, 40, 2, 2, 0, 0.1))
    assert len(find_segments(kappa, 3, contrast=0.001).table) == 2
    assert len(find_segments(kappa, 3, contrast=0.1).table) == 1


def test_masked_pixels_and_maps_without_errors():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 50:] = True
    data = np.where(mask, 9.0, _blob(30, 40, 4, 4, 0, 0.2))
    found = find_segments(_map(data, mask, error=None), 0.05, by="kappa")
    assert len(found.table) == 1 and not found.labels[mask].any()
    assert np.isnan(found.table["snr_max"][0])


def test_nothing_and_bad_input():
    kappa = _map(_blob(30, 40, 4, 4, 0, 0.2))
    none, some = find_segments(kappa, 900), find_segments(kappa, 3)
    assert len(none.table) == 0 and none.table.colnames == some.table.colnames
    assert none.table["area"].unit == some.table["area"].unit and not none.labels.any()
    closed = find_segments(_map(kappa.data, np.ones(SHAPE, dtype=bool)), 3)
    assert len(closed.table) == 0 and closed.table.colnames == some.table.colnames
    assert closed.labels.shape == SHAPE and not closed.labels.any()
    with pytest.raises(ValueError, match="reconstruct the map with an uncertainty"):
        find_segments(_map(kappa.data, error=None))
    with pytest.raises(ValueError, match="n_pixels must be at least 1"):
        find_segments(kappa, n_pixels=0)
    with pytest.raises(ValueError, match="threshold must be positive"):
        find_segments(kappa, -1)
