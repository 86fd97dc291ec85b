# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random holes and edges."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import tangent_wcs
from scipy import ndimage

from lensmap.masks import pixel_mask
from lensmap.simulate import MockSurvey, ragged_edge, random_mask, star_holes

WCS = tangent_wcs(SkyCoord(0, 75, unit="deg"), (300, 200), 0.4, angle=20)
DENSITY = 60 / u.deg**2
MAKERS = {
    "holes": lambda rng: star_holes(WCS, DENSITY, rng),
    "edge": lambda rng: ragged_edge(WCS, 0.3, rng),
    "both": lambda rng: random_mask(WCS, 0.4, rng),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_masks_are_boolean_and_reproducible(make):
    mask = make(1)
    assert mask.shape == (300, 200) and mask.dtype == bool and 0 < mask.mean() < 1
    np.testing.assert_array_equal(make(np.random.default_rng(1)), mask)
    assert np.any(make(2) != mask)


@pytest.mark.parametrize("fraction", [0, 0.1, 0.37, 0.4, 0.8, 0.99])
@pytest.mark.parametrize("make", [ragged_edge, random_mask])
def test_the_fraction_is_the_one_asked_for(make, fraction):
    for seed in range(4):
        assert abs(make(WCS, fraction, rng=seed).sum() - fraction * 60_000) <= 1


def test_holes_are_discs_of_the_radii_asked_for():
    mask = star_holes(WCS, 8 / u.deg**2, 3, radius=(2 * u.arcmin, 2 * u.arcmin))
    labels, n = ndimage.label(mask)
    inner = [
        np.count_nonzero(labels == i)
        for i, (y, x) in enumerate(ndimage.find_objects(labels), start=1)
        if y.start > 0 and x.start > 0 and y.stop < 300 and x.stop < 200
    ]
    assert n > 5
    # pixels in a disc of 2 arcmin, unless two discs overlap
    assert np.median(inner) == pytest.approx(np.pi * (2 / 0.4) ** 2, rel=0.06)


def test_the_covered_fraction_is_that_of_random_discs():
    radius = 1.5 * u.arcmin
    found = np.mean([star_holes(WCS, DENSITY, i, radius=(radius, radius)) for i in range(40)])
    overlap = float(DENSITY * np.pi * radius**2)
    assert found == pytest.approx(1 - np.exp(-overlap), rel=0.05)


@pytest.mark.parametrize("slope", [0, 1, 2.5])
def test_radii_follow_their_distribution(slope):
    low, high = 0.5 * u.arcmin, 4 * u.arcmin
    found = np.mean(
        [star_holes(WCS, 20 / u.deg**2, i, radius=(low, high), slope=slope) for i in range(60)]
    )
    r = np.geomspace(0.5, 4, 4001)
    square = np.average(r**2, weights=r ** (-slope - 1) * r)  # in equal steps of ln r
    expected = 1 - np.exp(-20 / 3600 * np.pi * square)
    assert found == pytest.approx(expected, rel=0.1)


def test_an_edge_is_outside_and_connected_to_it():
    mask = ragged_edge(WCS, 0.3, 1)
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert border.mean() > 0.5 and not mask[120:180, 80:120].any()


def test_a_random_mask_has_holes_within_its_edge():
    mask = random_mask(WCS, 0.4, 1)
    _, n = ndimage.label(mask)
    assert n > 5


def test_surveys_take_them():
    mask = random_mask(WCS, 0.4, 1)
    np.testing.assert_array_equal(pixel_mask(mask, WCS), mask)
    catalog = MockSurvey(density=5 / u.arcmin**2, mask=mask).observe(None, WCS, rng=1)
    assert len(catalog) == pytest.approx(5 * 0.6 * 60_000 * 0.16, rel=0.02)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_seed_sequence_is_not_used_up(make):
    seed = np.random.SeedSequence(3, spawn_key=(1,))
    first = make(seed)
    seed.spawn(2)
    np.testing.assert_array_equal(make(seed), first)


def test_bad_parameters_are_refused():
    for make in (ragged_edge, random_mask):
        for fraction in (-0.1, 1, 1.5, np.nan):
            with pytest.raises(ValueError, match="fraction must be the masked .* below 1, not"):
                make(WCS, fraction)
        with pytest.raises(TypeError, match="wcs must be an astropy.wcs.WCS"):
            make((300, 200), 0.3)
    with pytest.raises(TypeError, match="star_density must be a number per solid angle"):
        star_holes(WCS, 100)
    with pytest.raises(ValueError, match="star_density must be one positive and finite density"):
        star_holes(WCS, -DENSITY)
    with pytest.raises(TypeError, match="radius must be a pair of angles"):
        star_holes(WCS, DENSITY, radius=1 * u.arcmin)
    with pytest.raises(TypeError, match="radius must be an angle with a unit"):
        star_holes(WCS, DENSITY, radius=(1, 2))
    with pytest.raises(ValueError, match=r"a pair of angles with the smaller one first"):
        star_holes(WCS, DENSITY, radius=(2 * u.arcmin, 1 * u.arcmin))
    with pytest.raises(ValueError, match="slope must be a finite number of at least 0, not -1"):
        star_holes(WCS, DENSITY, slope=-1)
