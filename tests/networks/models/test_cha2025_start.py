# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The map that the network of Cha et al. 2025 makes before it is trained."""

import keras
import numpy as np
import pytest

from lensmap.cosmology import convergence_power
from lensmap.flatsky import convergence_to_shear
from lensmap.networks import cha2025_network
from lensmap.networks.models._cha2025_start import start_from_wiener

PIXEL = 0.41  # arcmin


@pytest.fixture(scope="module")
def started():
    model = cha2025_network()
    start_from_wiener(model)
    return model


def _channels(gamma):
    return np.stack([gamma.real, gamma.imag, np.full(gamma.shape, 0.05)], -1)[np.newaxis]


def _blob(shape, x0, y0, sigma, peak=0.3):
    y, x = np.indices(shape)
    return peak * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2))


def _map_of(model, gamma):
    return model.predict(_channels(gamma), verbose=0)[0, ..., 0]


@pytest.mark.slow
def test_is_nearly_a_wiener_filter(started):
    n, rng = 384, np.random.default_rng(2)
    side = np.deg2rad(PIXEL / 60)
    ky, kx = np.fft.fftfreq(n)[:, np.newaxis], np.fft.rfftfreq(n)
    ell = 2 * np.pi * np.hypot(kx, ky) / side
    power = np.zeros(ell.shape)
    power[ell > 0] = convergence_power(ell[ell > 0], 2.0) / side**2
    power *= (np.sinc(kx) * np.sinc(ky)) ** 2
    kappa = np.fft.irfft2(np.sqrt(power) * np.fft.rfft2(rng.normal(size=(n, n))), (n, n))
    sigma = np.sqrt((0.24**2 + 0.06**2) / (33 * PIXEL**2) * 1.27)
    noise = sigma * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
    gamma = convergence_to_shear(kappa, padding=1) + noise
    # The best linear map, which knows the power, the noise and that the field is periodic. Of white
    # noise on both components, its E-mode has the level of either.
    observed = np.fft.rfft2(kappa) + sigma * np.fft.rfft2(rng.normal(size=(n, n)))
    best = np.fft.irfft2(power / (power + sigma**2) * observed, (n, n))
    inside = np.s_[72:-72, 72:-72]
    r_best, r = (
        np.corrcoef(map_[inside].ravel(), kappa[inside].ravel())[0, 1]
        for map_ in (best, _map_of(started, gamma))
    )
    assert 0.5 < r_best < 0.8
    assert abs(r - r_best) < 0.02


def test_mass_is_where_it_is(started):
    found = _map_of(started, convergence_to_shear(_blob((180, 150), 60, 110, 4), padding=4))
    assert np.unravel_index(found.argmax(), found.shape) == (110, 60)
    assert 0.15 < found.max() < 0.3  # of 0.3: a Wiener filter lowers a small halo
    assert found.min() > -0.1 * found.max()


@pytest.mark.slow
def test_loses_nothing_of_negative_mass(started):
    gamma = convergence_to_shear(_blob((120, 120), 50, 60, 3))
    plus, minus = (_map_of(started, sign * gamma) for sign in (1, -1))
    np.testing.assert_allclose(minus, -plus, atol=0.02 * plus.max())


@pytest.mark.slow
def test_sees_no_b_mode_and_no_constant_shear(started):
    gamma = convergence_to_shear(_blob((200, 200), 95, 100, 3))
    inside = np.s_[72:-72, 72:-72]
    mass = _map_of(started, gamma)[inside].max()
    for empty in (1j * gamma, np.full(gamma.shape, 0.02 - 0.01j)):
        assert np.abs(_map_of(started, empty)[inside]).max() < 0.03 * mass


def test_smooths_over_the_same_angle_in_any_pixels(started):
    coarse = cha2025_network()
    start_from_wiener(coarse, 0.66)  # of the smoothing scales, the fourth becomes the second
    kernel, usual = (model.get_layer("conv_1").get_weights()[0] for model in (coarse, started))
    assert np.abs(kernel[..., 2] - usual[..., 0]).max() < 1e-7


def test_is_set_by_its_seed(started):
    again = cha2025_network()
    start_from_wiener(again)
    for a, b in zip(started.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    start_from_wiener(again, seed=1)
    a, b = (model.get_layer("conv_3").get_weights()[0] for model in (started, again))
    assert np.abs(a - b).max() > 0


@pytest.mark.slow
def test_can_be_trained(started):
    model = cha2025_network(dropout=0.0)
    model.set_weights(started.get_weights())
    model.compile(keras.optimizers.Adam(1e-6, clipnorm=1.0), "mse")
    kappa = _blob((100, 100), 50, 50, 3)
    images = _channels(convergence_to_shear(kappa)).astype(np.float32)
    truth = kappa[np.newaxis, ..., np.newaxis].astype(np.float32)
    losses = model.fit(images, truth, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
