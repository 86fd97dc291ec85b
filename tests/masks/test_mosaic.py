# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masks of many images, such as one for each patch of a survey."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from regions import CircleSkyRegion

from lensmap.grid import tangent_wcs
from lensmap.masks import SkyMask, pixel_mask
from lensmap.masks import _mosaic
from lensmap.utils import ParameterError

SIZE, SCALE = 60, 0.5 * u.arcmin


def patch(ra, dec=0.0, value=0, edge=0):
    """Return the image of a patch of half a degree, with a frame of masked pixels, and its WCS."""
    data = np.full((SIZE, SIZE), value, np.uint8)
    if edge:
        frame = np.ones_like(data)
        frame[edge:-edge, edge:-edge] = 0
        data[frame == 1] = 1
    return data, tangent_wcs(SkyCoord(ra, dec, unit="deg"), (SIZE, SIZE), SCALE)


def write(path, data, wcs, name=None):
    header = wcs.to_header()
    if name is None:
        fits.writeto(path, data, header)
    else:
        fits.HDUList([
            fits.PrimaryHDU(), fits.ImageHDU(data.astype(np.float32), header, name="IMAGE"),
            fits.ImageHDU(data, header, name=name),
        ]).writeto(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Three patches in a row that overlap by 6 arcmin, each masked in a frame of 2 arcmin."""
    masks = tmp_path / "masks"
    masks.mkdir()
    for number, ra in enumerate((10.0, 10.4, 10.8)):
        data, wcs = patch(ra, edge=4)
        data[28:32, 28:32] = 1  # a star in the middle
        write(masks / f"patch{number}.fits", data, wcs)
    (masks / "README.txt").write_text("not an image")
    return masks


def at(mask, *places):
    return mask.excluded_sky(SkyCoord(places, unit="deg")).tolist()


PLACES = {
    "free": (10.1, 0.1), "star": (10.0, 0.0), "frame alone": (10.1, 0.235),
    # In the frame of the first patch, and free in the second one.
    "frame and free": (10.23, 0.1), "uncovered": (10.1, 0.4), "far": (190.0, 5.0),
}


def test_used_where_one_image_allows_it_and_masked_without_image(folder):
    mask = SkyMask(folder)
    assert repr(mask) == "<SkyMask of a mosaic of 3 images; exclude='inside'>"
    excluded = dict(zip(PLACES, at(mask, *PLACES.values()), strict=True))
    assert excluded == {
        "free": False, "star": True, "frame alone": True, "frame and free": False,
        "uncovered": True, "far": True,
    }
    uncovered = mask.uncovered_sky(SkyCoord(list(PLACES.values()), unit="deg"))
    assert uncovered.tolist() == [False] * 4 + [True] * 2
    # A list of masks combines what they exclude, and nothing is excluded off their images.
    union = SkyMask(sorted(folder.glob("*.fits")))
    assert at(union, PLACES["frame and free"], PLACES["uncovered"]) == [True, False]
    assert not union.reads_images and not union.uncovered_sky(
        SkyCoord([PLACES["far"]], unit="deg")).any()


def test_images_of_footprints(tmp_path):
    """Outside of images of 1 for good pixels, nothing is used; where one is good, all is."""
    masks = tmp_path / "good"
    masks.mkdir()
    for number, ra in enumerate((10.0, 10.4)):
        data, wcs = patch(ra, edge=4)
        write(masks / f"{number}.fits", 1 - data, wcs)
    mask = SkyMask(masks, exclude="outside")
    assert at(mask, (10.1, 0.1), (10.1, 0.235), (10.23, 0.1), (10.1, 0.4)) == [
        False, True, False, True]


def test_pixels_without_a_value_are_not_used(tmp_path):
    data, wcs = patch(10.0)
    values = data.astype(float)
    values[:, :30] = np.nan
    write(tmp_path / "nan.fits", values, wcs)
    for exclude, good in (("inside", 0.0), ("outside", 1.0)):
        write(tmp_path / f"{exclude}.fits", np.where(np.isnan(values), np.nan, good), wcs)
        mask = SkyMask.from_images(tmp_path / f"{exclude}.fits", exclude=exclude)
        # Right ascension increases to the left.
        assert at(mask, (10.1, 0.0), (9.9, 0.0)) == [True, False]


@pytest.mark.parametrize("part", [":MASK", "[MASK]", "[2]", ""])
def test_patterns_folders_and_lists(tmp_path, part):
    for number, ra in enumerate((10.0, 10.4)):
        data, wcs = patch(ra, edge=4)
        write(tmp_path / f"p-{number}.fits", data, wcs, name="MASK")
    pattern = f"{tmp_path}/p-*.fits{part}"
    names = [f"{tmp_path}/p-0.fits{part}", f"{tmp_path}/p-?.fits{part}"]
    expected = [False, True, False, True]
    places = [(10.1, 0.1), (10.1, 0.235), (10.23, 0.1), (10.1, 0.4)]
    for mask in (SkyMask(pattern), SkyMask.from_images(pattern), SkyMask.from_images(names)):
        assert at(mask, *places) == expected
    assert len(SkyMask.from_images(names)._sources[0].images) == 3


def test_flags_need_their_bits_and_have_them(tmp_path):
    data, wcs = patch(10.0)
    data[:30] = 4
    data[30:] = 2
    write(tmp_path / "a.fits", data, wcs)
    with pytest.raises(ParameterError, match="bits"):
        SkyMask(tmp_path)
    for _ in range(2):  # the second time, the image is in memory already
        assert at(SkyMask(tmp_path, bits="2"), (10.1, -0.1), (10.1, 0.1)) == [True, False]


def test_with_other_masks_and_on_a_map(folder):
    """With regions in one mask, all that either excludes; on the pixels of a map as on the sky."""
    star = CircleSkyRegion(SkyCoord(10.1, 0.1, unit="deg"), 0.5 * u.arcmin)
    mask = SkyMask([folder, star])
    assert at(mask, (10.1, 0.1), (10.12, 0.1)) == [True, False] and mask.reads_images
    wcs = tangent_wcs(SkyCoord(10.4, 0, unit="deg"), (40, 90), 1 * u.arcmin)
    y, x = np.indices((40, 90))
    found = pixel_mask(mask, wcs)
    np.testing.assert_array_equal(found, mask.excluded_sky(wcs.pixel_to_world(x, y)))
    assert 0.1 < found.mean() < 0.6


def test_only_images_near_the_positions_are_read(folder, monkeypatch):
    mask = SkyMask(folder)
    read = []
    original = _mosaic.MosaicSource._read
    monkeypatch.setattr(_mosaic.MosaicSource, "_read",
                        lambda self, image: read.append(image.path) or original(self, image))
    rng = np.random.default_rng(1)
    sky = SkyCoord(10.0 + rng.uniform(-0.1, 0.1, 500), rng.uniform(-0.1, 0.1, 500), unit="deg")
    assert 0 < mask.excluded_sky(sky).sum() < 500
    assert [path.rpartition("/")[2] for path in read] == ["patch0.fits"]


def test_cache_is_limited(folder, monkeypatch):
    monkeypatch.setattr(_mosaic, "_CACHE", _mosaic._Cache())
    monkeypatch.setattr(_mosaic, "_CACHE_BYTES", 1000)  # of 450 for each image
    places = [(10.1, 0.1), (10.5, 0.1), (10.9, 0.1)]
    mask = SkyMask(folder)
    for _ in range(2):
        assert at(mask, *places) == [False] * 3
    assert len(_mosaic._CACHE._items) == 2 and _mosaic._CACHE._size <= 1000


def test_is_sent_to_workers_without_its_pixels(folder):
    mask = SkyMask(folder)
    packed = pickle.dumps(mask)
    assert len(packed) < 20_000
    assert at(pickle.loads(packed), *PLACES.values()) == at(mask, *PLACES.values())


def test_images_near_the_pole_and_across_ra_0(tmp_path):
    for number, (ra, dec) in enumerate(((0.0, 0.0), (77.0, 89.9))):
        write(tmp_path / f"{number}.fits", *patch(ra, dec))
    mask = SkyMask(tmp_path)
    assert at(mask, (359.9, 0.1), (0.1, 0.1), (200.0, 89.95), (77.0, 89.0)) == [
        False, False, False, True]


def test_wide_images_count_everywhere(tmp_path):
    wcs = tangent_wcs(SkyCoord(0, 0, unit="deg"), (90, 180), 2 * u.deg)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.set()
    data = np.zeros((90, 180), np.uint8)
    data[45:] = 1
    write(tmp_path / "allsky.fits", data, wcs)
    mask = SkyMask(tmp_path)
    assert mask._sources[0].images[0].radius == np.pi
    assert at(mask, (150.0, 40.0), (150.0, -40.0), (300.0, -70.0)) == [True, False, False]


def test_what_cannot_be_read(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="folder without FITS files"):
        SkyMask(empty)
    with pytest.raises(FileNotFoundError, match=r"no\*.fits' does not exist"):
        SkyMask(f"{tmp_path}/no*.fits")
    with pytest.raises(ParameterError, match="images must have at least one file"):
        SkyMask.from_images([])
    fits.writeto(empty / "flat.fits", np.zeros((3, 3)))
    with pytest.raises(ValueError, match="flat.fits' as an image: HDU 0 .* needs a celestial WCS"):
        SkyMask(empty)
    with pytest.raises(ValueError, match="holds no image 'DQ'"):
        SkyMask.from_images(f"{empty}/*.fits:DQ")
    (empty / "flat.fits").write_text("nothing")
    with pytest.raises(ValueError, match="cannot read the mask file '.*flat.fits'"):
        SkyMask(empty)


def test_files_that_change_or_go(folder):
    mask = SkyMask(folder)
    place = (10.5, 0.1)
    (folder / "patch1.fits").unlink()
    _mosaic._CACHE._items.clear()
    with pytest.raises(ValueError, match="cannot read the mask file '.*patch1.fits'"):
        at(mask, place)
    fits.writeto(folder / "patch1.fits", np.zeros((9, 9), np.uint8),
                 patch(10.4)[1].to_header())
    with pytest.raises(ValueError, match="patch1.fits' has changed"):
        at(mask, place)
