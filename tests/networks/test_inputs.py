# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The channels of networks: known mass, known noise, known depth."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import tangent_wcs

from lensmap import MockSurvey
from lensmap.flatsky import convergence_to_shear, gaussian_smooth, shear_to_convergence
from lensmap.networks import INPUTS, GridArrays
from lensmap.networks._multiscale_inputs import (
    MULTISCALE_CHANNELS,
    multiscale_inputs,
    reference_noise,
)
from lensmap.utils import MapWarning

SHAPE = (128, 128)
WCS = tangent_wcs(SkyCoord(30, 10, unit="deg"), SHAPE, 0.41)


def _blob():
    y, x = np.indices(SHAPE)
    return 0.4 * np.exp(-0.5 * ((x - 70) ** 2 + (y - 50) ** 2) / 4**2)


def _channel(planes, name):
    return planes[..., MULTISCALE_CHANNELS.index(name)]


def _gains(planes):
    return [planes[..., i].mean() for i, name in enumerate(MULTISCALE_CHANNELS) if "gain" in name]


class TestMultiscale:
    def test_a_known_mass_is_seen_in_units_of_the_noise(self):
        kappa, sigma = _blob(), 0.1
        shear = convergence_to_shear(kappa)
        planes, unit = multiscale_inputs(shear, np.full(SHAPE, sigma**-2), 0.41)
        np.testing.assert_allclose(unit, sigma, rtol=1e-3)
        inner = np.s_[24:100, 24:100]
        found = _channel(planes, "E") * unit
        assert np.abs(found - kappa + kappa.mean())[inner].max() < 0.005
        # white noise of 1 per pixel, smoothed over 3 pixels, has the scatter 1 / (2 sqrt(pi) 3)
        smooth = gaussian_smooth(kappa - kappa.mean(), 3) / sigma * 2 * np.sqrt(np.pi) * 3
        assert np.abs(_channel(planes, "E 3") - smooth)[inner].max() < 0.06 * smooth.max()
        assert np.abs(_channel(planes, "B"))[inner].max() < 0.02 * _channel(planes, "E").max()

    def test_noise_has_a_scatter_of_1_in_every_map_and_none_of_its_kind_elsewhere(self):
        rng = np.random.default_rng(3)
        shape = (512, 512)
        sigma = 0.17
        noise = sigma * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
        planes, _ = multiscale_inputs(noise, np.full(shape, sigma**-2), 0.41)
        for name in ("E", "B", "E 1.5", "E 3", "E 6", "B 3"):
            inner = _channel(planes, name)[64:-64, 64:-64]
            assert inner.std() == pytest.approx(1, abs=0.08), name

    def test_the_same_signal_to_noise_looks_the_same_at_any_depth(self):
        kappa = _blob()
        one, _ = multiscale_inputs(convergence_to_shear(kappa), np.full(SHAPE, 100.0), 0.41)
        two, _ = multiscale_inputs(convergence_to_shear(2 * kappa), np.full(SHAPE, 25.0), 0.41)
        same = [i for i, name in enumerate(MULTISCALE_CHANNELS) if name != "log noise"]
        np.testing.assert_allclose(one[..., same], two[..., same], atol=1e-3)
        more = _channel(two, "log noise") - _channel(one, "log noise")
        assert np.mean(more) == pytest.approx(np.log(2), abs=1e-3)

    def test_the_adaptive_map_is_near_a_wiener_filter_of_known_power(self):
        """Of white noise and a Gaussian signal, without being told of either."""
        rng, shape, sigma = np.random.default_rng(5), (256, 256), 0.1
        f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in shape)))
        f[0, 0] = np.inf
        for strength in (1e-4, 1e-3):
            power = strength * f**-1.5  # the noise has sigma^2 in each mode
            white = np.fft.fft2(rng.standard_normal(shape))
            kappa = np.fft.ifft2(np.sqrt(power) * white).real
            shear = convergence_to_shear(kappa)
            shear = shear + sigma * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
            planes, unit = multiscale_inputs(shear, np.full(shape, sigma**-2), 0.41)
            found = 0.3 * _channel(planes, "adaptive") * unit
            kappa_e = shear_to_convergence(shear, padding=1).real
            best = np.fft.ifft2(np.fft.fft2(kappa_e) * power / (power + sigma**2)).real
            r_found, r_best = (np.corrcoef(m.ravel(), kappa.ravel())[0, 1] for m in (found, best))
            assert 0.3 < r_best < 0.95
            assert r_best - 0.03 < r_found < r_best
            gains = _gains(planes)
            assert np.all(np.diff(gains) > -0.1) and 0 <= min(gains) and max(gains) <= 1

    def test_a_field_without_signal_has_no_gain(self):
        rng, shape = np.random.default_rng(6), (256, 256)
        noise = 0.1 * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
        planes, _ = multiscale_inputs(noise, np.full(shape, 100.0), 0.41)
        gains = _gains(planes)
        assert max(gains[:3]) < 0.12 and max(gains) < 0.5

    def test_scale(self):
        planes = [
            multiscale_inputs(np.zeros(SHAPE, complex), np.ones(SHAPE), scale)[0]
            for scale in (0.41, 0.82)
        ]
        planes = [_channel(one, "log pixel") for one in planes]
        assert np.all(planes[0] == 0) and planes[1] == pytest.approx(np.log(2))


class TestReferenceNoise:
    def test_is_that_of_the_neighborhood(self):
        weight = np.full(SHAPE, 100.0)
        weight[:, 64:] = 25.0
        noise = reference_noise(weight)
        assert noise[64, 5] == pytest.approx(0.1, rel=0.02)
        assert noise[64, -5] == pytest.approx(0.2, rel=0.02)

    def test_does_not_see_holes_and_edges(self):
        rng = np.random.default_rng(4)
        weight = rng.poisson(6, SHAPE) * 15.0
        weight[:, :40] = 0
        weight[60:80, 60:80] = 0
        noise = reference_noise(weight)
        typical = 1 / np.sqrt(90)
        assert np.all(np.abs(noise[:, 40:] / typical - 1) < 0.05)
        assert np.all(np.isfinite(noise)) and noise.min() > 0

    def test_of_nothing(self):
        with pytest.raises(ValueError, match="at least one pixel with galaxies"):
            reference_noise(np.zeros(SHAPE))


class TestGridArrays:
    survey = MockSurvey(density=33 / u.arcmin**2)

    def test_are_those_of_a_catalog(self):
        catalog = self.survey.observe(None, WCS, rng=1)
        from lensmap import ShearGrid

        grid = ShearGrid.from_catalog(catalog, WCS)
        arrays = GridArrays.from_grid(grid)
        assert arrays.pixel_scale == pytest.approx(0.41, rel=1e-3)
        there = grid.count > 0
        expected = grid.sigma[there] ** -2
        np.testing.assert_allclose(arrays.inverse_variance[there], expected, rtol=1e-5)
        assert np.all(arrays.inverse_variance[~there] == 0)
        # the weighted root mean square of the measurement errors, by hand in one pixel
        x, y = WCS.world_to_pixel(catalog.skycoord)
        inside = (np.rint(x) == 50) & (np.rint(y) == 60)
        w, error = catalog["weight"][inside], catalog["sigma_m"][inside]
        expected = np.sqrt(np.sum(w**2 * error**2) / np.sum(w**2))
        assert arrays.measurement_error[60, 50] == pytest.approx(expected, rel=1e-3)

    def test_an_unknown_measurement_error_is_said(self):
        arrays = GridArrays(np.zeros(SHAPE, complex), np.ones(SHAPE), None, 0.41)
        with pytest.warns(MapWarning, match="no column sigma_m.*0.055"):
            planes, unit = INPUTS["paper"].make(arrays)
        assert np.all(planes[..., 2] == np.float32(0.055)) and unit == 1


def test_the_usual_measurement_error_is_that_of_the_survey():
    grid = TestGridArrays.survey.observe_grid(None, WCS, rng=2)
    error = GridArrays.from_grid(grid).measurement_error
    assert np.sqrt(np.mean(error[error > 0] ** 2)) == pytest.approx(0.055, abs=0.004)


def test_paper_inputs_are_means():
    shear = np.full(SHAPE, 0.1 - 0.2j)
    planes, _ = INPUTS["paper"].make(GridArrays(shear, np.ones(SHAPE), np.full(SHAPE, 0.03), 0.41))
    np.testing.assert_allclose(planes[3, 5], [0.1, -0.2, 0.03], rtol=1e-6)


def test_smoothed_inputs_fill_empty_pixels():
    shear, weight = np.full(SHAPE, 0.1 - 0.2j), np.ones(SHAPE)
    shear[10, 10] = weight[10, 10] = 0
    planes, _ = INPUTS["smoothed"].make(GridArrays(shear, weight, 0.03 * weight, 0.41))
    np.testing.assert_allclose(planes[10, 10], [0.1, -0.2, 0.03], rtol=1e-4)


def test_noise_between_scales_is_that_of_white_noise():
    from lensmap.flatsky import multiscale_convergence
    from lensmap.networks import _multiscale_inputs as module

    rng, shape = np.random.default_rng(7), (512, 512)
    noise = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    maps = [m.copy() for m in multiscale_convergence(noise, module._SIGMAS)]
    for finer, coarser, expected in zip(
        maps, [*maps[1:], 0], module._white_noise_between_scales(), strict=True
    ):
        found = np.var((finer - coarser).real[64:-64, 64:-64])
        # a Gaussian of 1.5 pixels is sampled at pixels, and of 14 there are few in a map
        assert found == pytest.approx(expected, rel=0.15)


def test_galaxies_without_noise_are_no_infinite_signal():
    planes, _ = multiscale_inputs(np.zeros(SHAPE, complex), np.full(SHAPE, 100.0), 0.41)
    assert np.all(planes[..., -5:] < 1e-3) and np.all(planes[..., 12] == 0)
