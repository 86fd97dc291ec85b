# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Correlation by overlap-save against sums over pixels and against correlations by scipy.signal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate as scipy_correlate

from lensmap.networks.models import _overlap_save
from lensmap.networks.models._overlap_save import KeptSpectrum, correlate, kernel_spectrum

RNG = np.random.default_rng(3)


def _expected(images, kernel, before, after):
    """Correlate directly in float64."""
    padded = np.pad(images.astype(float), [(0, 0), *zip(before, after), (0, 0)])
    return np.stack([
        sum(
            np.stack([scipy_correlate(image[..., i], kernel[..., i, o], "valid", "direct")
                      for image in padded])
            for i in range(kernel.shape[2])
        )
        for o in range(kernel.shape[3])
    ], axis=-1)


@st.composite
def _cases(draw):
    kernel = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    before, after = (tuple(draw(st.integers(0, k - 1)) for k in kernel) for _ in range(2))
    size = tuple(max(1, draw(st.integers(k, 130)) - b - a)
                 for k, b, a in zip(kernel, before, after))
    n, c, filters = (draw(st.integers(1, 3)) for _ in range(3))
    return (n, *size, c), (*kernel, c, filters), before, after


@settings(max_examples=30)
@given(_cases(), st.sampled_from([1, 2, 64]))
def test_any_shape_equals_the_direct_correlation(case, tiles_per_band):
    shape, kernel_shape, before, after = case
    images, kernel = RNG.normal(size=shape), RNG.normal(size=kernel_shape)
    expected = _expected(images, kernel, before, after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_overlap_save, "_TILES_PER_BAND", tiles_per_band)
        found = correlate(images, kernel_spectrum(kernel), before, after)
        single = correlate(
            images.astype("f4"), kernel_spectrum(kernel.astype("f4")), before, after
        )
    assert found.shape == expected.shape and found.dtype == float and single.dtype == np.float32
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * scale)
    np.testing.assert_allclose(single, expected, rtol=0, atol=5e-6 * scale)


def test_threads_and_bands_of_a_large_image_change_nothing(monkeypatch):
    images, kernel = RNG.normal(size=(2, 300, 410, 4)), RNG.normal(size=(49, 25, 4, 3))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one = correlate(images, kernel_spectrum(kernel))
    monkeypatch.setattr(_overlap_save, "n_threads", lambda size: 3)
    monkeypatch.setattr(_overlap_save, "_TILES_PER_BAND", 7)
    np.testing.assert_array_equal(correlate(images, kernel_spectrum(kernel)), one)


def test_a_spectrum_is_kept_until_its_kernel_changes(monkeypatch):
    made = []

    def counted(kernel):
        made.append(kernel.shape)
        return kernel_spectrum(kernel)

    monkeypatch.setattr(_overlap_save, "kernel_spectrum", counted)
    kept, kernel = KeptSpectrum(), RNG.normal(size=(9, 7, 2, 3)).astype(np.float32)
    first = kept.of(kernel)
    assert kept.of(kernel.copy()) is first and len(made) == 1
    kernel[4, 3, 1, 2] += 1e-6  # in place, as TensorFlow changes variables
    second = kept.of(kernel)
    assert len(made) == 2 and not np.array_equal(second.factors, first.factors)
    np.testing.assert_array_equal(second.factors, kernel_spectrum(kernel).factors)
    assert kept.of(kernel.astype(float)).factors.dtype == complex


def test_images_smaller_than_the_kernel_are_refused():
    spectrum = kernel_spectrum(RNG.normal(size=(17, 17, 1, 2)))
    with pytest.raises(ValueError, match="smaller than the kernel of 17 x 17 pixels"):
        correlate(np.zeros((1, 30, 16, 1)), spectrum)
