# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The analytic noise against the textbook formula and against brute force."""

import numpy as np

from lensmap.flatsky import gaussian_smooth, linear_noise, shear_to_convergence


def test_uniform_noise_is_that_of_the_textbook():
    """sigma_kappa = sigma_gamma / (sigma_s sqrt(4 pi n)), with one galaxy per pixel."""
    sigma = 3.0
    found = linear_noise(np.full((96, 96), 0.3**2), sigma)
    np.testing.assert_allclose(found[48, 48], 0.3 / (sigma * np.sqrt(4 * np.pi)), rtol=0.01)


def test_uneven_noise_is_that_of_many_realisations():
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
