# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Aperture masses, and peaks at the scale that suits them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import NFW

from lensmap import ConvergenceMap
from lensmap.grid import tangent_wcs
from lensmap.peaks import aperture_mass, find_multiscale_peaks, find_peaks

SHAPE = (120, 120)
WCS = tangent_wcs(SkyCoord(150, 2, unit="deg"), SHAPE, 0.5 * u.arcmin)


def _map(data, mask=None, **more):
    return ConvergenceMap(data, None, mask, WCS, **more)


def _gaussian(x0, y0, sigma, peak):
    y, x = np.indices(SHAPE)
    return peak * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2))


def test_of_a_gaussian():
    # A Gaussian of s through the filter of R: peak s^2 R^2 / (s^2 + R^2)^2
    s, scale = 4.0, 3.0
    found = aperture_mass(_map(_gaussian(60, 60, s, 0.2)), 1.5 * u.arcmin)
    assert found[60, 60] == pytest.approx(0.2 * s**2 * scale**2 / (s**2 + scale**2) ** 2, rel=0.01)


def test_a_mass_sheet_is_nothing_at_edges_and_holes_either():
    mask = np.random.default_rng(0).random(SHAPE) < 0.3
    found = aperture_mass(_map(np.full(SHAPE, 0.3), mask), 2 * u.arcmin)
    assert np.all(np.isnan(found[mask])) and np.abs(found[~mask]).max() < 1e-10


def test_of_an_nfw_halo_is_that_of_its_shear():
    # M_ap = int d^2 theta Q(theta) gamma_t(theta), Q = theta^2 / (4 pi R^4) exp(-theta^2 / 2 R^2)
    lens, scale = NFW(0.2, 3.0), 3.0
    y, x = np.indices(SHAPE) - 60
    theta = 0.5 * np.hypot(x, y)
    found = aperture_mass(_map(lens.kappa(np.maximum(theta, 0.19))), scale * u.arcmin)
    t = np.linspace(0.01, 25, 5000)
    q = t**2 / (4 * np.pi * scale**4) * np.exp(-(t**2) / (2 * scale**2))
    expected = np.trapezoid(2 * np.pi * t * q * lens.gamma_t(t), t)
    assert found[60, 60] == pytest.approx(expected, rel=0.02)


def test_each_peak_has_its_own_scale():
    rng = np.random.default_rng(3)
    data = _gaussian(35, 35, 2.0, 1.0) + _gaussian(85, 80, 8.0, 0.5)
    noise = [0.3 * rng.normal(size=SHAPE) for _ in range(21)]
    kappa = _map(data + noise[0], kappa_b=0.3 * rng.normal(size=SHAPE))
    scales = [1, 2, 4] * u.arcmin
    tables = [
        find_multiscale_peaks(kappa, scales, 6),
        find_multiscale_peaks(kappa, scales, 6, noise_maps=noise[1:]),
    ]
    for table in tables:
        by_x = {int(row["x"] // 20): row["scale"].to_value(u.arcmin) for row in table}
        # the significance in white noise is the highest at root 3 times the width of a Gaussian
        assert by_x[1] == 2.0 and by_x[4] == 4.0 and len(table) == 2
        assert table["id"].tolist() == [1, 2] and np.all(np.diff(table["snr"]) <= 0)
        np.testing.assert_allclose(
            table["snr"], table["aperture_mass"] / table["aperture_mass_err"]
        )
    none = find_multiscale_peaks(kappa, scales, 90)
    assert len(none) == 0 and none.colnames == tables[0].colnames
    assert "kappa" not in none.colnames and "kappa" in find_peaks(kappa, 9, by="kappa").colnames


def test_bad_input():
    kappa = _map(np.zeros(SHAPE))
    with pytest.raises(ValueError, match="noise_maps must be given for a map without a B-mode"):
        find_multiscale_peaks(kappa, 1 * u.arcmin)
    with pytest.raises(ValueError, match="noise_maps must be at least 5, not 2"):
        find_multiscale_peaks(kappa, 1 * u.arcmin, noise_maps=[np.zeros(SHAPE)] * 2)
    with pytest.raises(ValueError, match="noise_maps must have the shape"):
        find_multiscale_peaks(kappa, 1 * u.arcmin, noise_maps=[np.zeros((3, 3))])
    with pytest.raises(TypeError, match="scales must be an angle"):
        find_multiscale_peaks(kappa, [1.0])
