# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One question for galaxies and pixels; inside and outside; masks in masks."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS
from catalogs import shear_catalog
from hypothesis import given
from hypothesis import strategies as st
from regions import CirclePixelRegion, CircleSkyRegion, PixCoord

from lensmap import ShearGrid
from lensmap.masks import SkyMask, excluded, pixel_mask

SHAPE = (20, 30)


def make_wcs(dec=40.0, cdelt=-0.01):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [0.03, dec]
    wcs.wcs.crpix = [14, 9]
    wcs.wcs.cdelt = [cdelt, 0.01]
    wcs.array_shape = SHAPE
    return wcs


Y, X = np.indices(SHAPE)
LEFT = X < 10
LOW = Y < 4
HOLES = Table({"ra": [0.0, 359.95], "dec": [40.02, 39.95], "radius": [0.03, 0.05]})


def test_none_excludes_nothing():
    assert not pixel_mask(None, make_wcs()).any()
    found = excluded(None, np.zeros(3), 0.0, make_wcs())
    assert found.shape == (3,) and not found.any()


def test_inside_and_outside():
    wcs = make_wcs()
    np.testing.assert_array_equal(pixel_mask(LEFT, wcs), LEFT)
    np.testing.assert_array_equal(pixel_mask(SkyMask(LEFT, exclude="outside"), wcs), ~LEFT)
    with pytest.raises(ValueError, match="exclude must be one of 'inside', 'outside', not 'out'"):
        SkyMask(LEFT, exclude="out")


def test_lists_and_nesting():
    wcs = make_wcs()
    footprint = SkyMask(LEFT, exclude="outside")
    both = pixel_mask([footprint, LOW], wcs)
    np.testing.assert_array_equal(both, ~LEFT | LOW)
    # Outside of what is excluded by both.
    np.testing.assert_array_equal(pixel_mask(SkyMask((footprint, LOW), exclude="outside"), wcs),
                                  LEFT & ~LOW)
    np.testing.assert_array_equal(pixel_mask([[LEFT], SkyMask([SkyMask(LOW)])], wcs), LEFT | LOW)


def test_all_kinds_in_one_list():
    wcs = make_wcs()
    circle = CirclePixelRegion(PixCoord(25, 15), 3)
    corner = make_wcs()
    corner.array_shape = (2, 2)
    image = (np.ones((2, 2)), corner)
    found = pixel_mask([LOW, circle, image, HOLES], wcs)
    expected = LOW | (np.hypot(X - 25, Y - 15) < 3) | ((X < 2) & (Y < 2)) | pixel_mask(HOLES, wcs)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("exclude", ["inside", "outside"])
@pytest.mark.parametrize("source", [LEFT, HOLES, CirclePixelRegion(PixCoord(3, 3), 2)], ids=repr)
def test_what_is_no_position_is_excluded(exclude, source):
    x = np.array([5.0, np.nan, 5.0, np.inf, -np.inf])
    y = np.array([5.0, 5.0, np.nan, 5.0, 5.0])
    found = SkyMask(source, exclude=exclude).excluded(x, y, make_wcs())
    assert found[1:].all()
    assert found[0] == SkyMask(source, exclude=exclude).excluded(5, 5, make_wcs())


def test_shapes_of_answers():
    mask, wcs = SkyMask(LEFT), make_wcs()
    assert mask.excluded(3, 3, wcs).shape == ()
    assert mask.excluded([3, 20], 3, wcs).tolist() == [True, False]
    assert mask.excluded(np.zeros((2, 1)), np.zeros((1, 5)), wcs).shape == (2, 5)
    assert mask.excluded([], [], wcs).shape == (0,)
    assert SkyMask(HOLES).excluded([], [], wcs).shape == (0,)


def test_pixels_are_from_half_to_half():
    """Beyond the edge of a boolean array nothing is said, so nothing is inside."""
    mask, wcs = SkyMask(np.ones(SHAPE, dtype=bool)), make_wcs()
    x = [-0.51, -0.5, 29.49, 29.5]
    assert mask.excluded(x, 0, wcs).tolist() == [False, True, True, False]
    assert mask.excluded(0, [-0.51, -0.5, 19.49, 19.5], wcs).tolist() == [False, True, True, False]


@given(
    ra=st.floats(-0.2, 0.2),
    dec=st.floats(-0.1, 0.1),
    radius=st.floats(1e-6, 0.15),
    row=st.integers(0, SHAPE[0] - 1),
    column=st.integers(0, SHAPE[1] - 1),
    exclude=st.sampled_from(["inside", "outside"]),
    kind=st.sampled_from(["hole", "region", "image"]),
)
def test_a_galaxy_at_a_pixel_center_and_the_pixel_agree(
    ra, dec, radius, row, column, exclude, kind
):
    wcs = make_wcs()
    if kind == "hole":
        source = Table({"ra": [ra % 360], "dec": [40 + dec], "radius": [radius]})
    elif kind == "region":
        source = CircleSkyRegion(SkyCoord(ra, 40 + dec, unit="deg"), (radius + 1e-6) * u.deg)
    else:
        source = (np.hypot(X - 100 * ra, Y - 100 * dec) < 100 * radius, make_wcs(40.013, 0.011))
    mask = SkyMask(source, exclude=exclude)
    galaxy_ra, galaxy_dec = wcs.wcs_pix2world(column, row, 0)
    x, y = wcs.wcs_world2pix(galaxy_ra, galaxy_dec, 0)
    pixels = pixel_mask(mask, wcs)
    assert mask.excluded(x, y, wcs) == pixels[row, column]
    sky = SkyCoord(galaxy_ra, galaxy_dec, unit="deg")
    assert mask.excluded_sky(sky) == pixels[row, column]
    assert excluded(mask, column, row, wcs) == pixels[row, column]


def test_galaxies_and_pixels_of_a_grid():
    """The whole way: no galaxy is counted in a masked pixel, and all others are."""
    wcs = make_wcs()
    ra, dec = wcs.wcs_pix2world(X.ravel(), Y.ravel(), 0)
    catalog = shear_catalog({"ra": ra, "dec": dec, "e1": 0 * ra, "e2": 0 * ra})
    grid = ShearGrid.from_catalog(catalog, wcs, HOLES)
    inside = pixel_mask(HOLES, wcs)
    assert 50 < inside.sum() < 200
    np.testing.assert_array_equal(grid.count, ~inside)
    np.testing.assert_array_equal(grid.mask, inside)
    assert grid.n_masked == inside.sum()


def test_sky_answers_need_no_map():
    sky = SkyCoord([0.0, 0.0, np.nan], [40.02, 41.0, 40.0], unit="deg")
    assert SkyMask(HOLES).excluded_sky(sky).tolist() == [True, False, True]
    assert SkyMask(HOLES).excluded_sky(sky[:2].galactic).tolist() == [True, False]
    assert SkyMask(HOLES).excluded_sky(sky.reshape(3, 1)).shape == (3, 1)
    assert SkyMask(HOLES).excluded_sky(sky[0]).shape == ()


@pytest.mark.parametrize("source", [LEFT, CirclePixelRegion(PixCoord(3, 3), 2)], ids=repr)
def test_pixels_without_a_map(source):
    with pytest.raises(TypeError, match="is defined in the pixels of a map, and there is no map"):
        SkyMask([HOLES, source]).excluded_sky(SkyCoord([0, 1], [40, 41], unit="deg"))


@pytest.mark.parametrize("source", [3, None, "", object(), [], [[]], {"ra": [1]}, [True, False]])
def test_not_a_mask(source):
    with pytest.raises((TypeError, FileNotFoundError, ValueError), match="mask"):
        SkyMask(source)


def test_wcs_is_checked():
    no_shape = make_wcs()
    no_shape.array_shape = None
    with pytest.raises(ValueError, match="set wcs.array_shape"):
        pixel_mask(HOLES, no_shape)
    # Galaxies can be asked about all the same, but not with an array.
    assert SkyMask(HOLES).excluded(13, 8, no_shape) == SkyMask(HOLES).excluded(13, 8, make_wcs())
    with pytest.raises(ValueError, match="the map has None"):
        SkyMask(LEFT).excluded(13, 8, no_shape)


def test_repr_and_pickle():
    mask = SkyMask([LEFT, HOLES, SkyMask(LOW, exclude="outside")])
    assert repr(mask) == (
        "<SkyMask of a boolean array, 2 star holes, <SkyMask of a boolean array; "
        "exclude='outside'>; exclude='inside'>"
    )
    wcs = make_wcs()
    regions = SkyMask([CircleSkyRegion(SkyCoord(0, 40, unit="deg"), 3 * u.arcmin), HOLES])
    for one in (mask, regions):
        again = pickle.loads(pickle.dumps(one))
        np.testing.assert_array_equal(pixel_mask(again, wcs), pixel_mask(one, wcs))
        np.testing.assert_array_equal(pixel_mask(one, wcs), pixel_mask(one, wcs))


def test_latitude_first():
    """astropy's own helpers swap the pixel axes of such a WCS."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["DEC--TAN", "RA---TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [40, 210], [25, 30]
    wcs.wcs.cd = [[0, 0.006], [-0.006, 0]]
    wcs.array_shape = (60, 50)
    center = wcs.pixel_to_world(10, 40)
    hole = Table({"ra": [center.ra.deg], "dec": [center.dec.deg], "radius": [0.008]})
    found = pixel_mask(hole, wcs)
    assert found[40, 10] and found.sum() == 5
    # and an image on such a WCS
    assert np.array_equal(pixel_mask((found, wcs), wcs), found)


@pytest.mark.parametrize("exclude", ["inside", "outside"])
def test_unknown_pixels_of_an_image_are_excluded_in_any_case(exclude):
    image = np.ones((4, 5)) if exclude == "outside" else np.zeros((4, 5))
    image[:, 3:] = np.nan
    wcs = make_wcs()
    wcs.array_shape = (4, 5)
    found = pixel_mask(SkyMask((image, wcs), exclude=exclude), wcs)
    np.testing.assert_array_equal(found, np.isnan(image))


def test_the_mask_of_a_map_counts_and_not_its_kappa():
    from astropy.nddata import NDData

    wcs = make_wcs()
    wcs.array_shape = (4, 5)
    mask = np.eye(4, 5, dtype=bool)
    found = pixel_mask(NDData(np.full((4, 5), 0.1), mask=mask, wcs=wcs), wcs)
    np.testing.assert_array_equal(found, mask)
