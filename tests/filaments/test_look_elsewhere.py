# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scans of skies without filaments."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.filaments import false_probability, matched_filter, random_scans

FILTER = {"radii": [10, 36] * u.arcmin, "core_width": 3 * u.arcmin, "z_lens": 0.07,
          "z_source": 1.0, "n_directions": 24}


@pytest.fixture(scope="module")
def scan(arm_catalog):
    catalog, center = arm_catalog(0.0, 0.0, noise=True, n_galaxies=40_000)
    return matched_filter(catalog, center, cluster=False, **FILTER)


@pytest.mark.parametrize("structure", [True, False])
def test_significance_of_noise_has_unit_variance(scan, structure):
    skies = random_scans(scan, 400, structure=structure, rng=3)
    assert skies.shape == (400, 24)
    if structure:
        assert np.std(skies) == pytest.approx(1, abs=0.025)
        correlation = np.corrcoef(skies.T)
        assert np.std(correlation - scan.correlation) < 0.06
    else:
        # Shapes alone are less noise than the errors of the scan have.
        assert np.std(skies) < 0.85
    assert abs(np.mean(skies)) < 0.04


def test_false_probability_is_uniform_on_gaussian_skies(scan):
    """On skies without filaments, the probability of the highest peak is uniform."""
    skies = random_scans(scan, 600, rng=4)
    highest = np.sort(np.max(skies, axis=1))
    threshold = np.interp(0.2, np.linspace(0, 1, 600), highest[::-1])
    # That of the scan itself comes from draws of the correlated amplitudes.
    row = np.argmax(scan.table["snr"])
    own = scan.table["false_probability"][row]
    assert false_probability(scan, skies)[row] == pytest.approx(own, abs=0.08)
    assert np.mean(highest >= threshold) == pytest.approx(0.2, abs=0.01)


def test_given_structure_is_added(scan):
    shape = scan.wcs.array_shape
    fields = [np.full(shape, 0.01 + 0.02j), np.zeros(shape)]
    both = random_scans(scan, 2, structure=fields, rng=5)
    noise = random_scans(scan, 2, structure=False, rng=5)
    assert not np.allclose(both[0], noise[0])
    np.testing.assert_allclose(both[1], noise[1])
    with pytest.raises(ValueError, match="a field for each of the 3 skies"):
        random_scans(scan, 3, structure=iter(fields))
    with pytest.raises(ValueError, match="structure must yield shear fields of the shape"):
        random_scans(scan, 1, structure=[np.zeros((2, 2))])


def test_invalid_parameters(scan):
    with pytest.raises(TypeError, match="scan must be the result of matched_filter"):
        random_scans(scan.table, 2)
    for skies in (np.zeros(24), np.zeros((0, 24)), np.zeros((3, 5))):
        with pytest.raises(ValueError, match="skies must have the shape"):
            false_probability(scan, skies)
