# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The analytic noise against the textbook formula and against brute force."""

import numpy as np
import pytest

from lensmap.flatsky import (
    gaussian_smooth,
    gaussian_transfer,
    linear_noise,
    padded_shape,
    shear_kernel,
    shear_to_convergence,
)


def test_uniform_noise_is_that_of_the_textbook():
    """sigma_kappa = sigma_gamma / (sigma_s sqrt(4 pi n)), with one galaxy per pixel."""
    sigma = 3.0
    variance = np.full((96, 96), 0.3**2)
    found = linear_noise(variance, sigma)
    np.testing.assert_array_equal(found, linear_noise(variance, sigma, padding=2))
    np.testing.assert_allclose(found[48, 48], 0.3 / (sigma * np.sqrt(4 * np.pi)), rtol=0.01)


def test_uneven_noise_is_that_of_many_realizations():
    rng = np.random.default_rng(5)
    deviation = rng.uniform(0.1, 0.6, (28, 34))
    deviation[10:16, 10:16] = 0
    maps = []
    for _ in range(2000):
        noise = deviation * (rng.normal(size=(28, 34)) + 1j * rng.normal(size=(28, 34)))
        maps.append(shear_to_convergence(gaussian_smooth(noise, 1.2)))
    maps = np.array(maps)
    expected = linear_noise(deviation**2, 1.2)
    found = np.sqrt((maps.real**2 + maps.imag**2).mean(axis=0) / 2)
    inside = slice(6, -6)
    np.testing.assert_allclose(found[inside, inside], expected[inside, inside], rtol=0.07)
    # at the edge of the map, where smoothing is cut off, it is an approximation
    np.testing.assert_allclose(found, expected, rtol=0.25)


@pytest.mark.parametrize("shape", [(20, 33), (33, 20), (31, 25), (1, 7)])
@pytest.mark.parametrize("sigma", [0.0, 1.7])
def test_is_the_square_of_the_kernel(shape, sigma):
    """By the whole kernel, though a quadrant of it is enough, at odd and even lengths."""
    variance = np.random.default_rng(2).uniform(0.1, 1, shape)
    padded = padded_shape(shape, 1.5)
    response = shear_kernel(padded) * np.outer(*(gaussian_transfer(n, sigma) for n in padded))
    square = np.abs(np.fft.ifft2(response)) ** 2
    expected = np.fft.ifft2(np.fft.fft2(square) * np.fft.fft2(variance, padded)).real
    found = linear_noise(variance, sigma, padding=1.5)
    np.testing.assert_allclose(found**2, expected[: shape[0], : shape[1]], rtol=1e-9, atol=1e-15)
    single = linear_noise(variance.astype(np.float32), sigma, padding=1.5)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, rtol=1e-4)
