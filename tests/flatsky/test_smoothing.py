# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Smoothing against scipy's own Gaussian, and what it does at holes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt, gaussian_filter

from lensmap.flatsky import gaussian_smooth, near_data, normalized_smooth


@given(
    st.integers(1, 40), st.integers(1, 40), st.floats(0.2, 8), st.integers(0, 2**32 - 1)
)
def test_is_the_gaussian_of_scipy(ny, nx, sigma, seed):
    field = np.random.default_rng(seed).normal(size=(ny, nx))
    radius = max(1, int(np.ceil(5 * sigma)))
    expected = gaussian_filter(field, sigma, mode="constant", radius=radius)
    np.testing.assert_allclose(gaussian_smooth(field, sigma), expected, atol=1e-12)


def test_complex_and_single_precision():
    rng = np.random.default_rng(1)
    field = rng.normal(size=(30, 41)) + 1j * rng.normal(size=(30, 41))
    expected = gaussian_smooth(field.real, 2.0) + 1j * gaussian_smooth(field.imag, 2.0)
    np.testing.assert_allclose(gaussian_smooth(field, 2.0), expected, atol=1e-13)
    single = gaussian_smooth(field.astype(np.complex64), 2.0)
    assert single.dtype == np.complex64
    np.testing.assert_allclose(single, expected, atol=1e-6)


def test_holes_are_not_zeros():
    weight = np.random.default_rng(2).uniform(0.5, 2, (64, 64))
    weight[20:30, 20:30] = 0
    weight[:, :5] = 0
    value, smoothed = normalized_smooth(0.1 * weight, weight, 3.0)
    np.testing.assert_allclose(value, 0.1, rtol=1e-10)
    assert smoothed[25, 25] < smoothed[45, 45]


def test_no_data_near_gives_zero():
    weight = np.zeros((80, 80))
    weight[:10, :10] = 1
    value, _ = normalized_smooth(weight, weight, 2.0)
    assert np.all(value[40:, 40:] == 0)
    np.testing.assert_allclose(value[:12, :12], 1)


def test_without_smoothing_it_is_the_mean_of_the_pixel():
    weight = np.array([[0.0, 2.0], [1.0, 0.0]])
    value, smoothed = normalized_smooth(weight * 3, weight, 0)
    np.testing.assert_array_equal(value, [[0, 3], [3, 0]])
    np.testing.assert_array_equal(smoothed, weight)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 3.0])
def test_the_kernel_is_positive(sigma):
    """A narrow Gaussian, cut in Fourier space, would ring below zero."""
    point = np.zeros((41, 41))
    point[20, 20] = 1
    smooth = gaussian_smooth(point, sigma)
    assert smooth.min() > -1e-15
    np.testing.assert_allclose(smooth.sum(), 1, rtol=2e-6)


@given(st.integers(1, 60), st.floats(0, 12), st.floats(0.001, 0.999), st.integers(0, 2**32 - 1))
def test_near_data_is_a_distance(n, radius, part, seed):
    occupied = np.random.default_rng(seed).random((n, 37)) < part
    occupied[0, 0] = True
    expected = distance_transform_edt(~occupied) <= radius
    np.testing.assert_array_equal(near_data(occupied, radius), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (12, 5)])
@pytest.mark.parametrize("sigma", [3.0, 40.0, 900.0])
def test_a_gaussian_wider_than_the_field(shape, sigma):
    field = np.random.default_rng(4).normal(size=shape)
    ny, nx = shape
    radius = int(np.ceil(5 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    along_y, along_x = (
        np.array([[kernel[radius + i - j] if abs(i - j) <= radius else 0 for j in range(n)]
                  for i in range(n)])
        for n in (ny, nx)
    )
    expected = along_y @ field @ along_x
    np.testing.assert_allclose(gaussian_smooth(field, sigma), expected, rtol=1e-9, atol=1e-18)


def test_far_beyond_the_field_is_refused():
    with pytest.raises(ValueError, match="smoothing must be at most 1000 pixels on this field of "
                                         "20 x 30 pixels, not 1e.12 pixels: .* check the unit"):
        gaussian_smooth(np.ones((20, 30)), 1e12)
    with pytest.raises(ValueError, match="smoothing"):
        normalized_smooth(np.ones((20, 30)), np.ones((20, 30)), np.nan)


@pytest.mark.parametrize("radius", [29.0, 100.0, 1e15, np.inf])
def test_a_disc_larger_than_the_field(radius):
    occupied = np.zeros((20, 30), dtype=bool)
    occupied[0, 0] = True
    y, x = np.indices(occupied.shape)
    np.testing.assert_array_equal(near_data(occupied, radius), np.hypot(y, x) <= radius)
    assert not near_data(np.zeros((20, 30)), radius).any()
