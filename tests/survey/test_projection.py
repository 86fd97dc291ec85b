# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Means over HEALPix pixels of maps on the pixels of a tile."""

import numpy as np
import pytest

from lensmap.sphere import HealpixPixels
from lensmap.survey._projection import PixelMeans
from lensmap.survey._tiles import Tile


@pytest.fixture(params=[512, 2048])
def means(request):
    """Means over pixels that are larger and smaller than those of the tile."""
    tile = Tile(4, 40, 1.0)
    pixels = HealpixPixels(request.param)
    return PixelMeans(tile.lattice(0.05), pixels, tile.blended_pixels(pixels.order)), pixels


def test_mean_of_a_linear_function_is_its_value_at_the_center(means):
    means, pixels = means
    lattice = means._lattice
    y, x = np.indices(lattice.shape)
    found = means.means({"map": 3.0 + 0.2 * x - 0.1 * y}, {})["map"]
    px, py = lattice.pixel_positions(*lattice.tile.project(*pixels.centers(means.index)))
    expected = 3.0 + 0.2 * px - 0.1 * py
    away = 10 * 0.05 / pixels.scale.to_value("deg")
    np.testing.assert_allclose(found, expected, atol=0.02 / min(away, 1))


def test_mean_of_a_wave_has_the_window_of_the_pixel():
    tile = Tile(4, 40, 1.0)
    pixels = HealpixPixels(512)
    means = PixelMeans(tile.lattice(0.025), pixels, tile.blended_pixels(9))
    y, x = np.indices(means._lattice.shape)
    period = 0.4  # degrees
    phase = 2 * np.pi * 0.025 / period
    found = means.means({"map": np.cos(phase * x)}, {})["map"]
    px, _ = means._lattice.pixel_positions(*tile.project(*pixels.centers(means.index)))
    wave = np.cos(phase * px)
    ratio = np.sum(found * wave) / np.sum(wave**2)
    width = phase * pixels.scale.to_value("deg") / 0.025
    assert ratio == pytest.approx(np.exp(-(width**2) / 24), abs=0.006)
    assert ratio < 0.9


def test_fractions_are_shares_of_the_samples(means):
    means, _ = means
    y, x = np.indices(means._lattice.shape)
    found = means.means({}, {"left": (x < means._lattice.shape[1] // 2).astype(float)})["left"]
    assert set(np.unique(np.rint(found * 4**means.steps) / 4**means.steps)) == set(np.unique(found))
    assert (found == 1).any() and (found == 0).any()


def test_values_at_centers_are_those_of_a_linear_function(means):
    means, pixels = means
    y, x = np.indices(means._lattice.shape)
    found = means.means({}, {}, {"map": 2.0 - 0.3 * x + 0.1 * y})["map"]
    px, py = means._lattice.pixel_positions(
        *means._lattice.tile.project(*pixels.centers(means.index))
    )
    np.testing.assert_allclose(found, 2.0 - 0.3 * px + 0.1 * py, atol=0.02)


def test_sampled_pixels_have_the_same_means(means):
    means, _ = means
    plane = np.random.default_rng(1).standard_normal(means._lattice.shape)
    rows = np.arange(0, len(means.index), 7)
    (one, other) = means.sampled(rows, [plane, 2 * plane])
    np.testing.assert_allclose(one, means.means({"map": plane}, {})["map"][rows], atol=1e-6)
    np.testing.assert_allclose(other, 2 * one, atol=1e-6)


def test_pixels_off_the_lattice_or_without_weight_are_left_out(means):
    means, pixels = means
    tile = means._lattice.tile
    assert means.weight.min() > 0
    xi, eta = tile.project(*pixels.centers(means.index))
    np.testing.assert_allclose(means.weight, tile.weight(xi, eta))
    small = means._lattice.cropped(np.array([90.0]), np.array([90.0]), room=8)
    part = PixelMeans(small, pixels, tile.blended_pixels(pixels.order))
    assert 0 < len(part.index) < len(means.index)
