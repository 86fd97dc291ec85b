# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Comparison of maps of the sphere with the truth."""

import numpy as np
import pytest

from lensmap.maps import HealpixMap
from lensmap.sphere import HealpixPixels, SphericalTransform, gaussian_window
from lensmap.survey import compare_maps

NSIDE, LMAX = 256, 511


@pytest.fixture(scope="module")
def sky():
    """A Gaussian sky with a steep spectrum on a part of the sphere, and its transform."""
    lon, lat = (pixels := HealpixPixels(NSIDE)).centers(np.arange(pixels.n_pixels))
    index = np.flatnonzero((np.abs(lat - 10) < 18) & (np.abs(lon - 180) < 20))
    transform = SphericalTransform(pixels, index, LMAX)
    rng = np.random.default_rng(1)
    modes = rng.standard_normal(len(transform.ell)) + 1j * rng.standard_normal(len(transform.ell))
    modes[: LMAX + 1] = modes[: LMAX + 1].real
    modes *= (transform.ell >= 2) / (10.0 + transform.ell)
    return index, transform, modes


def as_map(index, values, mask=None):
    return HealpixMap(values, NSIDE, index=index, mask=mask)


def test_transfer_is_the_factor_of_each_scale(sky):
    index, transform, modes = sky
    factor = 1 / (1 + np.exp((transform.ell - 150) / 20.0))
    table = compare_maps(
        as_map(index, transform.to_map(modes * factor)), as_map(index, transform.to_map(modes))
    )
    middle = 0.5 * (table["ell_low"] + table["ell_high"])
    expected = [np.mean(factor[(transform.ell >= low) & (transform.ell < high)])
                for low, high in zip(table["ell_low"], table["ell_high"], strict=True)]
    away = np.abs(middle - 150) > 60
    np.testing.assert_allclose(table["transfer"][away], np.array(expected)[away], atol=0.06)
    assert np.all(table["correlation"][middle < 100] > 0.99)


def test_noise_lowers_the_correlation_and_raises_the_power(sky):
    index, transform, modes = sky
    truth = transform.to_map(modes)
    noise = np.random.default_rng(2).standard_normal(len(index)) * np.std(truth)
    table = compare_maps(as_map(index, truth + noise), as_map(index, truth))
    np.testing.assert_allclose(table["transfer"], 1, atol=0.25)
    assert np.all(np.diff(table["correlation"]) < 0)
    np.testing.assert_allclose(table["power"], table["transfer"] ** 2 / table["correlation"] ** 2)


def test_smoothing_is_applied_to_the_truth(sky):
    index, transform, modes = sky
    smooth = transform.to_map(modes * gaussian_window(np.radians(1.0), LMAX)[transform.ell])
    table = compare_maps(
        as_map(index, smooth), as_map(index, transform.to_map(modes)), smoothing="1deg"
    )
    np.testing.assert_allclose(table["transfer"][:3], 1, atol=0.03)
    raw = compare_maps(as_map(index, smooth), as_map(index, transform.to_map(modes)))
    assert raw["transfer"][3] < 0.3


def test_masked_pixels_of_either_map_do_not_count(sky):
    index, transform, modes = sky
    truth = transform.to_map(modes)
    mask = np.random.default_rng(3).random(len(index)) < 0.02
    wrong = np.where(mask, 100.0, truth)
    table = compare_maps(as_map(index, wrong, mask), as_map(index, truth))
    np.testing.assert_allclose(table["transfer"], 1)
    table = compare_maps(as_map(index, truth), as_map(index, wrong, mask))
    np.testing.assert_allclose(table["transfer"], 1)


def test_maps_of_different_areas(sky):
    index, transform, modes = sky
    truth = transform.to_map(modes)
    with pytest.raises(ValueError, match="truth must cover the area of the map"):
        compare_maps(as_map(index, truth), as_map(np.arange(1000), np.zeros(1000)))
