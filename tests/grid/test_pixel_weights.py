# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The sums of the weights of single and of merged galaxies, by hand."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from catalogs import shear_catalog
from lenses import catalog_columns, tangent_wcs

from lensmap.catalog import VarianceByWeight
from lensmap.grid import PixelAssignment
from lensmap.grid._pixel_weights import PixelWeights

# The variance 0.09 + 0.2 / w.
VARIANCE = VarianceByWeight(0.09, 0.2, np.array([1.0, 2.0]), np.zeros(2))
PIXEL = np.array([0, 2, 0, 0, 2, 0])
WEIGHT = np.array([1.0, 2.0, 1.1, 1.3, 2.2, 0.0])
# The sums of the weights in pixels 0 and 2, and of their squares.
LINEAR, SQUARE = np.array([3.4, 0, 4.2]), np.array([3.9, 0, 8.84])
NOISE = 0.09 * SQUARE + 0.2 * LINEAR


def many(n):
    """Return n galaxies of the weights 1.0 and 1.1 in turn, in the second of two pixels."""
    return PixelWeights(2, np.ones(n, dtype=np.int32), 1.0 + 0.1 * (np.arange(n) % 2))


def test_single_galaxies():
    weights = PixelWeights(3, PIXEL, WEIGHT)
    np.testing.assert_allclose(weights.noise_sum(VARIANCE), NOISE)
    assert weights.max_entries == 96 and weights.share is None and not weights.merged
    share = np.array([0.25, 1, 0.5, 1, 1, 1])
    parts = [PixelWeights(3, PIXEL[:3], WEIGHT[:3], share[:3]),
             PixelWeights(3, PIXEL[3:], WEIGHT[3:])]
    whole = PixelWeights.concatenate(parts)
    np.testing.assert_array_equal(whole.share, share)
    linear = np.array([0.25 + 0.55 + 1.3, 0, 4.2])
    square = np.array([0.25 + 0.605 + 1.69, 0, 8.84])
    np.testing.assert_allclose(whole.noise_sum(VARIANCE), 0.09 * square + 0.2 * linear)
    assert PixelWeights.concatenate(parts[:1]) is parts[0]


def test_a_galaxy_that_is_shared_by_four_pixels():
    """Its weight counts with the square of each share."""
    wcs = tangent_wcs(SkyCoord(330, -60, unit="deg"), (8, 8), 1.0)
    sky = wcs.pixel_to_world([3.25], [4.6])
    catalog = shear_catalog(catalog_columns(sky, np.array([0.2 + 0j]), weight=np.array([2.0])))
    weights = PixelWeights.from_assignment(PixelAssignment(catalog, wcs, scheme="cloud-in-cell"))
    expected = np.zeros((8, 8))
    for (y, x), share in {(4, 3): 0.3, (4, 4): 0.1, (5, 3): 0.45, (5, 4): 0.15}.items():
        expected[y, x] = share**2 * (0.09 * 4 + 0.2 * 2)
    np.testing.assert_allclose(weights.noise_sum(VARIANCE).reshape(8, 8), expected, atol=1e-7)


def test_merged_galaxies():
    """Galaxies within a quarter of an octave are one, with the same sums."""
    merged = PixelWeights(3, PIXEL, WEIGHT).merged_by_weight()
    assert merged.merged and merged.n_pixels == 3 and merged.pixel.dtype == PIXEL.dtype
    # Without weight; 1.0 and 1.1; 1.3; and in the other pixel 2.0 and 2.2.
    np.testing.assert_array_equal(merged.pixel, [0, 0, 0, 2])
    mean = np.array([0, 2.21 / 2.1, 1.3, 8.84 / 4.2])
    np.testing.assert_allclose(merged.weight, mean)
    np.testing.assert_allclose(merged.share, [0, 2.1**2 / 2.21, 1, 4.2**2 / 8.84])
    np.testing.assert_allclose(merged.noise_sum(VARIANCE), NOISE)
    # 1.25 and 1.5 begin the next groups.
    edges = np.array([1.0, 1.2499, 1.25, 1.4999, 1.5, 1.75, 2.0])
    assert len(PixelWeights(1, np.zeros(7, dtype=int), edges).merged_by_weight().pixel) == 5
    # Merged again with their shares, the sums stay.
    again = PixelWeights.concatenate([merged, PixelWeights(3, PIXEL, WEIGHT)])
    assert again.merged and len(again.pixel) == 4
    np.testing.assert_allclose(again.noise_sum(VARIANCE), 2 * NOISE)


@pytest.mark.parametrize("parts", [[64], [60, 4]])
def test_more_than_32_per_pixel_are_merged(parts):
    few = PixelWeights.concatenate([many(n) for n in parts])
    assert not few.merged and len(few.pixel) == 64
    parts = [parts[0] + 1, *parts[1:]]
    merged = PixelWeights.concatenate([many(n) for n in parts])
    assert merged.merged and len(merged.pixel) == 1
    weight = np.concatenate([many(n).weight for n in parts])
    noise = 0.09 * np.sum(weight**2) + 0.2 * np.sum(weight)
    np.testing.assert_allclose(merged.noise_sum(VARIANCE), [0, noise])
