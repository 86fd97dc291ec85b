# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Aperture masses, and peaks at the scale that suits them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.convolution import convolve_fft
from astropy.coordinates import SkyCoord
from lenses import NFW

from lensmap import ConvergenceMap
from lensmap.grid import tangent_wcs
from lensmap.peaks import _multiscale as multiscale
from lensmap.peaks import aperture_mass, find_multiscale_peaks

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


def test_a_pixel_alone_has_no_ring():
    mask = np.ones(SHAPE, dtype=bool)
    mask[30, 40] = False
    found = aperture_mass(_map(np.full(SHAPE, 0.3), mask), 2 * u.arcmin)
    assert found[30, 40] == pytest.approx(0.3) and np.isnan(found).sum() == mask.sum()


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


@pytest.mark.parametrize("scale", [0.5, 2.0, 20.0])
def test_is_the_difference_of_two_normalized_convolutions(scale):
    # 20 pixels: the filter is wider than the map
    rng = np.random.default_rng(5)
    kappa = _map(rng.normal(size=SHAPE), rng.random(SHAPE) < 0.3)[:40, :70]
    reach = int(np.ceil(5 * scale))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    half = (x**2 + y**2) / (2 * scale**2)
    filled = np.pad(kappa.data, reach, constant_values=np.nan)
    inner, ring = (
        convolve_fft(filled, kernel, normalize_kernel=True)[reach:-reach, reach:-reach]
        for kernel in (np.exp(-half), half * np.exp(-half))
    )
    found = aperture_mass(kappa, scale * kappa.pixel_scale)
    expected = np.where(kappa.mask, np.nan, inner - ring)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_filters_are_made_once_for_each_scale(monkeypatch):
    made = []

    class Counted(multiscale._Aperture):
        def __init__(self, mask, scale):
            made.append(scale)
            super().__init__(mask, scale)

    monkeypatch.setattr(multiscale, "_Aperture", Counted)
    rng = np.random.default_rng(6)
    kappa = _map(rng.normal(size=SHAPE), rng.random(SHAPE) < 0.1)
    noise = [rng.normal(size=SHAPE) for _ in range(5)]
    find_multiscale_peaks(kappa, [1, 2] * u.arcmin, noise_maps=noise)
    assert made == pytest.approx([2, 4], rel=1e-3)


def test_the_error_is_the_root_mean_square_of_the_noise():
    noise = np.random.default_rng(8).normal(0, 0.01, SHAPE)
    found = find_multiscale_peaks(
        _map(_gaussian(60, 60, 4, 1.0)), 2 * u.arcmin, noise_maps=[noise, -noise] * 3
    )
    expected = np.abs(aperture_mass(_map(noise), 2 * u.arcmin))[found["y_peak"], found["x_peak"]]
    assert len(found) > 0
    np.testing.assert_allclose(found["aperture_mass_err"], expected)


def test_peaks_of_other_scales_close_to_each_other():
    # small, large and small, 12 arcmin apart: the large one that is hidden hides none
    kappa = _map(_gaussian(36, 60, 2, 1.2) + _gaussian(60, 60, 7, 0.3) + _gaussian(84, 60, 2, 0.35),
                 kappa_b=np.random.default_rng(9).normal(0, 0.1, SHAPE))
    for separation, places in (("11 arcmin", [36, 60, 84]), ("13 arcmin", [36, 84])):
        found = find_multiscale_peaks(kappa, [1, 4] * u.arcmin, min_separation=separation)
        np.testing.assert_allclose(found["x"], places, atol=1)


def test_a_map_that_is_all_masked_has_no_peaks():
    kappa = _map(np.zeros(SHAPE), np.ones(SHAPE, dtype=bool), kappa_b=np.zeros(SHAPE))
    assert len(find_multiscale_peaks(kappa, [1, 2] * u.arcmin)) == 0
    assert len(find_multiscale_peaks(kappa, 1 * u.arcmin, noise_maps=[np.zeros(SHAPE)] * 5)) == 0


def test_holes_of_noise_maps_are_no_places_without_noise():
    rng = np.random.default_rng(7)
    kappa = _map(_gaussian(60, 60, 4, 1.0))
    noise = [rng.normal(0, 0.3, SHAPE) for _ in range(20)]
    (whole,) = find_multiscale_peaks(kappa, 2 * u.arcmin, noise_maps=noise)
    for one in noise:
        one[58:62, 58:62] = np.nan
    (holed,) = find_multiscale_peaks(kappa, 2 * u.arcmin, noise_maps=noise)
    assert holed["snr"] == pytest.approx(whole["snr"], rel=0.3)


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
    assert not {"kappa", "kappa_err", "smoothing"} & set(none.colnames)


def test_bad_input():
    kappa = _map(np.zeros(SHAPE))
    with pytest.raises(ValueError, match="noise_maps must be given for a map without a B-mode"):
        find_multiscale_peaks(kappa, 1 * u.arcmin)
    with pytest.raises(ValueError, match="noise_maps must contain at least 5 maps, not 2"):
        find_multiscale_peaks(kappa, 1 * u.arcmin, noise_maps=[np.zeros(SHAPE)] * 2)
    with pytest.raises(ValueError, match="noise_maps must have the shape"):
        find_multiscale_peaks(kappa, 1 * u.arcmin, noise_maps=[np.zeros((3, 3))])
    with pytest.raises(TypeError, match="scales must be an angle"):
        find_multiscale_peaks(kappa, [1.0])
    too_small = "must be at least half a pixel .0.25 arcmin., not 0.1 arcmin"
    with pytest.raises(ValueError, match=f"scales {too_small}"):
        find_multiscale_peaks(kappa, [1, 0.1] * u.arcmin, noise_maps=[])
    with pytest.raises(ValueError, match=f"scale {too_small}"):
        aperture_mass(kappa, 0.1 * u.arcmin)
    assert not aperture_mass(kappa, 0.25 * u.arcmin).any()


@pytest.mark.parametrize("pixels", [4.0, 300.0, 1e9])
def test_a_filter_wider_than_the_map(pixels):
    shape, rng = (7, 10), np.random.default_rng(5)
    mask = rng.random(shape) < 0.2
    data = rng.normal(size=shape)
    kappa = ConvergenceMap(data, None, mask, tangent_wcs(SkyCoord(150, 2, unit="deg"), shape,
                                                         0.5 * u.arcmin))
    found = aperture_mass(kappa, 0.5 * pixels * u.arcmin)
    y, x = np.indices(shape)
    expected = np.full(shape, np.nan)
    for j, i in zip(*np.nonzero(~mask), strict=True):
        square = ((y - j) ** 2 + (x - i) ** 2) / (2 * pixels**2)
        weights = np.exp(-square) * ~mask
        expected[j, i] = np.average(data, weights=weights) - np.average(
            data, weights=square * weights
        )
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
