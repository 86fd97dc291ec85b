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


def test_two_that_touch_are_taken_apart():
    kappa = _map(_blob(40, 40, 5, 5, 0, 0.2) + _blob(58, 40, 5, 5, 0, 0.3))
    apart, together = (find_segments(kappa, 3, deblend=d) for d in (True, False))
    assert len(apart.table) == 2 and len(together.table) == 1
    # the largest first, under its number in the labels
    assert apart.table["x"][0] > apart.table["x"][1]
    assert apart.labels[40, 58] == 1 and apart.labels[40, 40] == 2
    total = apart.table["kappa_sum"].sum()
    assert (total / together.table["kappa_sum"][0]).value == pytest.approx(1)


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
    with pytest.raises(ValueError, match="kappa has no uncertainty"):
        find_segments(_map(kappa.data, error=None))
    with pytest.raises(ValueError, match="n_pixels must be at least 1"):
        find_segments(kappa, n_pixels=0)
    with pytest.raises(ValueError, match="threshold must be positive"):
        find_segments(kappa, -1)
