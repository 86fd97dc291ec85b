# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The lognormal field: its power is what was asked for, and tracers follow it by their bias."""

import numpy as np
import pytest
import scipy.fft

from lensmap.simulate.halo_model._large_scale import LognormalField, white_noise

SHAPE = (96, 128)
K = np.hypot(scipy.fft.fftfreq(96)[:, None], scipy.fft.rfftfreq(128)[None, :])
RINGS = np.geomspace(0.02, 0.35, 7)


def _field(amplitude=1.0, **more):
    power = amplitude / (0.02 + K) ** 1.5 * np.exp(-((K / 0.15) ** 2))
    return LognormalField(power, SHAPE, np.float64, **more), power


def _ring_means(values):
    total = np.histogram(K, RINGS, weights=values)[0]
    return total / np.histogram(K, RINGS)[0]


def test_white_noise_has_the_same_variance_everywhere():
    rng = np.random.default_rng(1)
    power = np.mean([np.abs(white_noise(SHAPE, rng)) ** 2 for _ in range(40)], axis=0)
    np.testing.assert_allclose(_ring_means(power / (96 * 128)), 1, rtol=0.05)


def test_the_power_is_what_was_asked_for():
    field, power = _field(0.4)
    rng = np.random.default_rng(2)
    found, minimum, mean = 0.0, 1.0, []
    for _ in range(400):
        density, _smooth = field.draw(rng)
        minimum, mean = min(minimum, density.min()), [*mean, density.mean()]
        found = found + np.abs(scipy.fft.rfft2(density)) ** 2 / density.size / 400
    assert minimum > 0
    assert np.mean(mean) == pytest.approx(1, abs=4 * np.std(mean) / 20)
    np.testing.assert_allclose(_ring_means(found) / _ring_means(power), 1, rtol=0.06)
    assert 0.3 < field.variance < 3  # far from Gaussian


@pytest.mark.parametrize("bias", [0.7, 1.5, 2.8])
def test_tracers_have_their_bias_on_large_scales_and_mean_one(bias):
    smoothing = np.exp(-0.5 * (K / 0.06) ** 2)
    field, _ = _field(0.01, smoothing=smoothing)
    tracer = field.tracer(bias)
    rng = np.random.default_rng(3)
    cross, auto, mean = 0.0, 0.0, []
    for _ in range(400):
        density, smooth = field.draw(rng)
        traced = tracer(density, smooth)
        assert traced.min() >= 0
        mean.append(traced.mean())
        transform = scipy.fft.rfft2(density)
        cross = cross + (scipy.fft.rfft2(traced) * np.conj(transform)).real
        auto = auto + np.abs(transform) ** 2
    assert np.mean(mean) == pytest.approx(1, abs=4 * np.std(mean) / 20)
    largest = (K > 0) & (K < 0.025)
    assert cross[largest].sum() / auto[largest].sum() == pytest.approx(bias, rel=0.08)


def test_a_seed_gives_the_same_field():
    field, _ = _field(0.01)
    first, second = (field.draw(np.random.default_rng(5))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_power_of_matter_with_its_tracers_is_known_beforehand():
    """A smooth part, ordinary tracers and rare ones, against the mean of many draws."""
    smoothing = np.exp(-0.5 * (K / 0.06) ** 2)
    field, _ = _field(0.05, smoothing=smoothing)
    tracers = [field.tracer(bias) for bias in (1.0, 2.5, 4.0)]
    profile = np.exp(-((K / 0.1) ** 2))
    shares = (0.3, 0.1, 0.05)  # of the mass
    responses = [
        bias * share * profile for bias, share in zip((1.0, 2.5, 4.0), shares, strict=True)
    ]
    expected = field.total_power(0.4, responses, tracers)
    rng = np.random.default_rng(6)
    found = 0.0
    for _ in range(600):
        density, smooth = field.draw(rng)
        total = 0.4 * scipy.fft.rfft2(density)
        for share, tracer in zip(shares, tracers, strict=True):
            total = total + share * profile * scipy.fft.rfft2(tracer(density, smooth))
        found = found + np.abs(total) ** 2 / density.size / 600
    np.testing.assert_allclose(_ring_means(found) / _ring_means(expected), 1, rtol=0.08)


def test_the_rarest_tracers_are_held_back():
    field, _ = _field(0.4)
    tracer = field.tracer(100.0)
    density, smooth = field.draw(np.random.default_rng(7))
    assert tracer.bias < 100 and np.isfinite(tracer(density, smooth)).all()
