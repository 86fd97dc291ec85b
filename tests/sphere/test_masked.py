# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of `lensmap.sphere.solve_masked_shear` on Gaussian skies with a known power."""

import numpy as np
import pytest

from lensmap.sphere import HealpixPixels, SphericalTransform, solve_masked_shear
from lensmap.utils import MapWarning

pytest.importorskip("ducc0")

LMAX = 96


@pytest.fixture(scope="module")
def sky():
    """Return pixels, the power, the coefficients of a sky, its shear, and a footprint of 5 %."""
    pixels = HealpixPixels(64)
    transform = SphericalTransform(pixels, lmax=LMAX)
    ell = np.arange(LMAX + 1)
    power = np.where(ell < 2, 0, 1e-8 * (1 + (ell / 30.0) ** 2) ** -0.5)
    rng = np.random.default_rng(3)
    kappa = rng.standard_normal(len(transform.ell)) + 1j * rng.standard_normal(len(transform.ell))
    kappa /= np.sqrt(2)
    kappa[: LMAX + 1] = rng.standard_normal(LMAX + 1)
    kappa *= np.sqrt(power)[transform.ell]
    lon, lat = pixels.centers(np.arange(pixels.n_pixels))
    footprint = (np.abs(lon - 180) < 27) & (np.abs(lat - 15) < 22)
    footprint &= np.random.default_rng(4).random(pixels.n_pixels // 64)[
        np.arange(pixels.n_pixels) // 64] > 0.15
    return pixels, transform, power, kappa, transform.to_shear(kappa), np.flatnonzero(footprint)


def relative_error(sky, modes):
    _, transform, _, kappa, _, index = sky
    difference = transform.to_map(modes - kappa)[index]
    return np.std(difference) / np.std(transform.to_map(kappa)[index])


def test_a_footprint_of_five_per_cent(sky):
    pixels, _, power, _, shear, index = sky
    part = SphericalTransform(pixels, index, LMAX)
    variance = np.full(len(index), 1e-10)
    kappa, kappa_b = solve_masked_shear(part, shear[index], variance, power)
    assert kappa_b is None
    zero_filled = part.to_convergence(shear[index])[0]
    error = relative_error(sky, kappa)
    assert error < 0.6 * relative_error(sky, zero_filled)
    # With a B-mode in the model, less is known of the convergence.
    both = solve_masked_shear(part, shear[index], variance, power, power_b=power)
    assert error < relative_error(sky, both[0])
    # Pixels without data are pixels that are not there.
    more = np.union1d(index, np.arange(500))
    variance = np.where(np.isin(more, index), 1e-10, np.inf)
    with_gaps = solve_masked_shear(
        SphericalTransform(pixels, more, LMAX), shear[more] * np.isfinite(variance), variance, power
    )[0]
    np.testing.assert_allclose(with_gaps, kappa, atol=3e-4 * np.abs(kappa).max())


def test_the_whole_sky_is_a_wiener_filter(sky):
    """Without gaps, each coefficient is multiplied by C / (C + N)."""
    pixels, transform, power, kappa, shear, _ = sky
    sigma = 4e-4
    rng = np.random.default_rng(5)
    noise = sigma * (rng.standard_normal(len(shear)) + 1j * rng.standard_normal(len(shear)))
    data = shear + noise
    window = np.linspace(1, 0.8, LMAX + 1)
    found, _ = solve_masked_shear(
        transform, data, np.full(len(data), sigma**2), power, window=window, tolerance=1e-8
    )
    ell = np.arange(2, LMAX + 1)
    factor = np.sqrt(ell * (ell + 1) / ((ell + 2) * (ell - 1)))
    level = pixels.area * (sigma * factor / window[2:]) ** 2
    wiener = np.concatenate([[0, 0], power[2:] / (power[2:] + level) / window[2:]])
    expected = transform.to_convergence(data)[0] * wiener[transform.ell]
    assert np.std(found - expected) < 0.02 * np.std(expected)
    assert np.std(expected - kappa) < 0.9 * np.std(kappa)


def test_errors(sky):
    pixels, _, power, _, shear, index = sky
    part = SphericalTransform(pixels, index, LMAX)
    with pytest.raises(ValueError, match="variance must be finite for at least one pixel"):
        solve_masked_shear(part, shear[index], np.full(len(index), np.inf), power)
    with pytest.raises(ValueError, match="power must be non-negative, for each of the 97"):
        solve_masked_shear(part, shear[index], np.ones(len(index)), power[:-1])
    with pytest.warns(MapWarning, match="did not converge in 2 iterations"):
        solve_masked_shear(part, shear[index], np.full(len(index), 1e-10), power, max_iterations=2)
