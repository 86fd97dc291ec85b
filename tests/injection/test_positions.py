# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Places of halos: on open pixels, even, and apart."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import ConvergenceMap
from lensmap.grid import tangent_wcs
from lensmap.injection._positions import draw_positions, max_halos

WCS = tangent_wcs(SkyCoord(359.9, -60, unit="deg"), (100, 120), 0.5 * u.arcmin)
MASK = np.zeros((100, 120), dtype=bool)
MASK[:, 60:80] = True
KAPPA = ConvergenceMap(np.zeros((100, 120)), wcs=WCS, mask=MASK)
ARCMIN = np.radians(1 / 60)


def test_places_are_open_even_and_apart():
    rng = np.random.default_rng(1)
    sizes = np.array([1.0, 5.0, 2.0, 1.0]) * ARCMIN
    x = []
    for _ in range(100):
        halos, controls = draw_positions(KAPPA, sizes, 5 * ARCMIN, rng, 3)
        assert len(halos) == 4 and len(controls) == 3
        every = SkyCoord([*halos, *controls])
        apart = every[:, np.newaxis].separation(every).to_value(u.arcmin)
        least = np.full((7, 7), 5.0)
        least[:4, :4] = np.maximum(5, (sizes[:, np.newaxis] + sizes) / ARCMIN)
        np.fill_diagonal(least, 0)
        assert np.all(apart >= least - 1e-6)
        there = np.array(WCS.world_to_pixel(every))
        assert not MASK[tuple(np.rint(there[::-1]).astype(int))].any()
        x.extend(there[0][:4])
    left = np.mean(np.array(x) < 60)
    assert abs(left - 0.6) < 4 * np.sqrt(0.24 / len(x))


def test_no_room():
    with pytest.raises(ValueError, match="not 40: only .* halos found room on the map"):
        draw_positions(KAPPA, np.full(40, 10 * ARCMIN), ARCMIN, np.random.default_rng(0))
    n = max_halos(KAPPA, 3 * ARCMIN, 10 * ARCMIN)
    halos, controls = draw_positions(
        KAPPA, np.full(n, 3 * ARCMIN), 10 * ARCMIN, np.random.default_rng(0), 300
    )
    assert len(halos) == n == int(0.3 * 50 * 50 / (np.pi * 25)) and len(controls) < 300
    assert max_halos(KAPPA, 1.0, 0.0) == 1
