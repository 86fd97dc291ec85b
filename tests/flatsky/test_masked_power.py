# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The power of masked shear fields, against Gaussian fields of known power."""

import numpy as np
import pytest

from lensmap.flatsky import convergence_to_shear, interpolate_power, masked_power, mode_power

PIXEL = np.radians(0.41 / 60)
N = 128
TABLE = (np.array([10.0, 300, 1000, 10_000]), np.array([4e-9, 2e-9, 6e-10, 8e-12]))


def _power(ell):
    return interpolate_power(ell, *TABLE)


def _weights(rng, density=8.0):
    """Random counts of galaxies, with holes of several sizes and an oblique edge."""
    y, x = np.indices((N, N))
    counts = rng.poisson(density, (N, N)).astype(float)
    for j, i in rng.uniform(0, N, (25, 2)):
        counts[np.hypot(y - j, x - i) < rng.uniform(2, 9)] = 0
    counts[x + y < 40] = 0
    return counts


def _shear(rng):
    """The shear of a Gaussian field that is cut out of a larger one."""
    root = np.sqrt(mode_power((2 * N, 2 * N), PIXEL, _power))
    kappa = np.fft.ifft2(root * np.fft.fft2(rng.normal(size=root.shape))).real
    return convergence_to_shear(kappa)[:N, :N]


def _white(rng, variance):
    return np.sqrt(variance) * (rng.normal(size=(N, N)) + 1j * rng.normal(size=(N, N)))


def test_expectation_and_scatter_of_both_modes():
    """The mean over many fields is the prediction, and the pulls have the predicted scatter."""
    rng = np.random.default_rng(1)
    counts = _weights(rng)
    noise = 0.05 * counts
    pulls, ratios = [], []
    for _ in range(80):
        field = counts * _shear(rng) + _white(rng, noise)
        one = masked_power(field, counts, noise, PIXEL)
        signal = one.response @ _power(one.ell)
        expected = signal + one.noise
        ratios.append(one.power / expected)
        pulls.append((one.power / expected - 1) * np.sqrt(one.independent_modes(signal) / 2))
    error = np.std(ratios, axis=0) / np.sqrt(len(ratios))
    significance = (np.mean(ratios, axis=0) - 1) / error
    assert np.abs(significance).max() < 4 and np.sqrt(np.mean(significance**2)) < 1.5
    assert np.std(pulls) == pytest.approx(1, abs=0.15)
    # the mask mixes modes: the B-mode is expected to have a part of the power
    assert (signal[1] > 0.02 * signal[0]).all()


def test_e_and_b_and_area():
    """A rotation by 45 degrees exchanges E and B."""
    rng = np.random.default_rng(2)
    ones, noise, shear = np.ones((N, N)), np.full((N, N), 1e-9), _shear(rng)
    one = masked_power(shear, ones, noise, PIXEL)
    rotated = masked_power(1j * shear, ones, noise, PIXEL)
    np.testing.assert_allclose(rotated.power, one.power[::-1], rtol=1e-10)
    assert one.power[0].mean() > 4 * one.power[1].mean()
    assert one.area == pytest.approx((N * PIXEL) ** 2)


def test_noise_of_clouds():
    """With cloud-in-cell, the noise falls on small scales."""
    rng = np.random.default_rng(3)
    measured = predicted = 0
    for _ in range(20):
        n = 40_000
        x, y = rng.uniform(0, N, (2, n))
        i, j = np.floor(x).astype(int), np.floor(y).astype(int)
        e = rng.normal(size=n) + 1j * rng.normal(size=n)
        field, weight, noise = np.zeros((N, N), complex), np.zeros((N, N)), np.zeros((N, N))
        for di in (0, 1):
            for dj in (0, 1):
                share = np.abs(1 - di - (x - i)) * np.abs(1 - dj - (y - j))
                at = ((j + dj) % N, (i + di) % N)
                np.add.at(field, at, share * e)
                np.add.at(weight, at, share)
                np.add.at(noise, at, share**2)
        one = masked_power(field, weight, noise, PIXEL, smoothed=2)
        measured, predicted = measured + one.power, predicted + one.noise
    assert measured.mean(axis=0) == pytest.approx(predicted, rel=0.05)
    assert predicted[-1] < 0.8 * predicted[0]


@pytest.mark.parametrize("noise", [0.0, np.inf])
def test_no_information(noise):
    counts = np.ones((16, 16))
    assert masked_power(counts + 0j, counts, np.full((16, 16), noise), PIXEL) is None
    assert masked_power(counts + 0j, 0 * counts, counts, PIXEL) is None


def test_single_precision_and_one_pixel():
    rng = np.random.default_rng(4)
    counts = _weights(rng)
    field = counts * _shear(rng) + _white(rng, counts)
    single, double = (masked_power(field.astype(t), counts, counts, PIXEL)
                      for t in (np.complex64, complex))
    np.testing.assert_allclose(single.power, double.power, rtol=1e-4)
    one = np.ones((1, 1))
    assert masked_power(one + 0j, one, one, PIXEL) is None
