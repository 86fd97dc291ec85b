# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of HiPS folders, held against reproject and against the pixels of HEALPix."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from lensmap.sphere import HealpixPixels
from lensmap.survey.products import Block, HipsFolder, write_products
from lensmap.survey.products._hips import _Pyramid
from lensmap.survey.products._hips_tiles import (
    TILE_SIZE,
    tile_header,
    tile_image,
    tile_path,
    write_tile,
)

REQUIRED = [
    "creator_did", "obs_title", "dataproduct_type", "hips_version", "hips_release_date",
    "hips_status", "hips_tile_format", "hips_order", "hips_frame", "hips_tile_width",
]


def read_properties(folder):
    text = (folder / "properties").read_text(encoding="utf-8")
    return dict(line.split(" = ", 1) for line in text.splitlines())


def properties_of(folder):
    return {key.strip(): value for key, value in read_properties(folder).items()}


def smooth(sky):
    """A smooth function on the sphere, whose gradient is nowhere zero along both axes."""
    x, y, z = sky.cartesian.xyz.value
    return x + 2 * y - 0.7 * z


@pytest.mark.parametrize(
    ("order", "pixel"),
    # All faces but those that the projection cuts at RA 180, in several orders.
    [(0, 0), (0, 7), (0, 9), (1, 30), (3, 70), (3, 200), (3, 650), (4, 345), (4, 3000), (5, 10007)],
)
def test_the_wcs_of_a_tile_gives_the_centers_of_its_pixels(order, pixel):
    index = np.arange(4**9)
    image = tile_image(index)
    assert sorted(image.ravel()) == list(index)
    y, x = np.mgrid[0:TILE_SIZE:37, 0:TILE_SIZE:41]
    lon, lat = HealpixPixels(TILE_SIZE << order).centers(image[y, x].ravel() + pixel * 4**9)
    sky = WCS(tile_header(order, pixel)).pixel_to_world(x.ravel(), y.ravel())
    expected = SkyCoord(lon, lat, unit="deg")
    distance = sky.separation(expected).max() / (HealpixPixels(TILE_SIZE << order).scale)
    assert distance.to_value(u.dimensionless_unscaled) < 1e-4


def test_the_example_of_the_standard():
    header = tile_header(0, 7)
    assert (header["CRPIX1"], header["CRPIX2"]) == (-255.5, -255.5)
    assert header["CD1_1"] == header["CD1_2"] == header["CD2_2"] == -8.7890625e-2
    assert header["CD2_1"] == 8.7890625e-2


def test_a_tile_of_reproject(tmp_path):
    from reproject import reproject_interp
    from reproject.hips import reproject_to_hips

    # An image around the center of a tile of order 5, which it covers.
    tile = 1129
    center = SkyCoord(*HealpixPixels(32).centers([tile]), unit="deg")[0]
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = center.ra.deg, center.dec.deg
    wcs.wcs.crpix = 100.5, 100.5
    wcs.wcs.cdelt = -0.02, 0.02
    y, x = np.mgrid[0:200, 0:200]
    image = smooth(wcs.pixel_to_world(x, y))

    def only_one_tile(array, header):
        """Resample one tile, and leave the others out."""
        if header["NPIX"] != tile:
            return np.zeros((TILE_SIZE, TILE_SIZE)), np.zeros((TILE_SIZE, TILE_SIZE))
        return reproject_interp(array, header)

    reproject_to_hips(
        (image, wcs), coord_system_out="equatorial", reproject_function=only_one_tile,
        output_directory=str(tmp_path / "theirs"), level=5,
    )
    with fits.open(tile_path(tmp_path / "theirs", 5, tile)) as hdus:
        theirs, header = np.array(hdus[0].data), hdus[0].header
    if "CRPIX1" not in header:
        pytest.skip("this release of reproject writes no WCS to its tiles")
    ours = tile_header(5, tile)
    for name in ("CRPIX1", "CRPIX2"):
        assert ours[name] == pytest.approx(header[name], abs=1e-6)
    lon, lat = HealpixPixels(2**14).centers(np.arange(tile * 4**9, (tile + 1) * 4**9))
    values = tile_image(smooth(SkyCoord(lon, lat, unit="deg")))
    assert theirs.shape == values.shape
    # The function changes by some 1e-4 from one pixel to the next.
    np.testing.assert_allclose(values, theirs, rtol=0, atol=1e-7)


@pytest.fixture(scope="module")
def hips(sky, tmp_path_factory):
    """A HiPS of order 0."""
    folder = tmp_path_factory.mktemp("hips") / "kappa"
    write_products([HipsFolder(folder)], sky.blocks(3), sky.nside)
    return folder


def test_tiles_hold_the_map(sky, hips):
    kappa = sky.layers["kappa"]
    for pixel in range(12):
        path = tile_path(hips, 0, pixel)
        part = kappa[pixel * 4**9:(pixel + 1) * 4**9]
        assert path.exists() == np.isfinite(part).any()
        if path.exists():
            np.testing.assert_array_equal(fits.getdata(path), tile_image(part))
    assert sorted(path.name for path in hips.iterdir()) == ["Moc.fits", "Norder0", "properties"]


def mean_of(values, n):
    """Return the means of n pixels in nested order over those that are finite."""
    values = np.asarray(values, float).reshape(-1, n)
    count = np.isfinite(values).sum(axis=1)
    total = np.nansum(values, axis=1)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def test_lower_orders_are_means(tmp_path):
    rng = np.random.default_rng(2)
    nside = 2048
    n = 4**8  # a block of order 3
    layers = {}
    for pixel in (0, 1, 65, 700):
        values = rng.normal(size=n).astype(np.float32)
        values[rng.random(n) < 0.3] = np.nan
        values[:100] = np.nan
        layers[pixel] = values
    blocks = [Block(3, pixel, {"kappa": values}) for pixel, values in layers.items()]
    write_products([HipsFolder(tmp_path / "hips")], blocks, nside)
    expected = {
        2: {0: [0, 1], 16: [65], 175: [700]}, 1: {0: [0, 1], 4: [65], 43: [700]},
        0: {0: [0, 1], 1: [65], 10: [700]},
    }
    for order, tiles in expected.items():
        found = sorted((tmp_path / "hips" / f"Norder{order}" / "Dir0").iterdir())
        assert {path.name for path in found} == {f"Npix{tile}.fits" for tile in tiles}
        n_mean = 4 ** (2 - order)
        for tile, pixels in tiles.items():
            nested = np.full(4**9, np.nan)
            for pixel in pixels:
                size = n // n_mean
                start = (pixel << 2 * (11 - 3)) // n_mean - tile * 4**9
                nested[start:start + size] = mean_of(layers[pixel], n_mean)
            image = fits.getdata(tile_path(tmp_path / "hips", order, tile))
            np.testing.assert_allclose(image, tile_image(nested), rtol=1e-6)


def test_tiles_that_are_smaller_than_cells(tmp_path):
    nside = 2**15
    values = np.full(4**9, np.nan)
    values[4**8 + 7] = 2.0
    blocks = [Block(6, 4 * 3000 + 1, {"kappa": values})]
    write_products([HipsFolder(tmp_path / "hips")], blocks, nside)
    (path,) = (tmp_path / "hips" / "Norder6").rglob("*.fits")
    assert path == tile_path(tmp_path / "hips", 6, 12001)
    assert path.parent.name == "Dir10000"
    np.testing.assert_array_equal(fits.getdata(path), tile_image(values))
    parent = fits.getdata(tile_path(tmp_path / "hips", 5, 3000))
    expected = np.full(4**9, np.nan)
    expected[4**8 + (4**8 + 7) // 4] = 2.0
    np.testing.assert_array_equal(parent, tile_image(expected))


def test_properties(sky, hips):
    properties = properties_of(hips)
    assert set(REQUIRED) <= properties.keys()
    assert all(properties.values())
    kappa = sky.layers["kappa"]
    assert properties["hips_frame"] == "equatorial"
    assert (properties["hips_order"], properties["hips_tile_width"]) == ("0", "512")
    assert (properties["hips_tile_format"], properties["dataproduct_type"]) == ("fits", "image")
    low, high = map(float, properties["hips_data_range"].split())
    assert low == pytest.approx(np.nanmin(kappa), rel=1e-5)
    assert high == pytest.approx(np.nanmax(kappa), rel=1e-5)
    cut = [float(text) for text in properties["hips_pixel_cut"].split()]
    # A Gaussian of sigma 0.1 about 0.01, half a percent above and below; symmetric about 0.
    assert cut[1] == pytest.approx(0.01 + 2.576 * 0.1, abs=0.02)
    assert cut[0] == -cut[1]
    fraction = np.mean(np.isfinite(kappa))
    assert float(properties["moc_sky_fraction"]) == pytest.approx(fraction, rel=1e-4)
    scale = HealpixPixels(sky.nside).scale.to_value("deg")
    assert float(properties["hips_pixel_scale"]) == pytest.approx(scale, rel=1e-5)


def test_entries_of_the_user(tmp_path):
    layers = {"kappa": np.ones(4**9), "counts": np.arange(4**9)}
    entries = {"creator_did": "ivo://x/P/y", "hips_status": "public mirror clonable",
               "obs_ack": "Thanks"}
    product = HipsFolder(tmp_path / "hips", "counts", title="Galaxies", properties=entries)
    write_products([product], [Block(0, 3, layers)], 512)
    properties = properties_of(tmp_path / "hips")
    assert {name: properties[name] for name in entries} == entries
    assert properties["obs_title"] == "Galaxies"
    assert properties["hips_data_range"] == f"1 {4**9 - 1:.6g}"
    assert float(properties["hips_pixel_cut"].split()[0]) > 0


def test_coverage_map_and_records(sky, hips):
    from mocpy import MOC

    from lensmap.provenance import verify

    moc = MOC.load(hips / "Moc.fits")
    index = np.flatnonzero(np.isfinite(sky.layers["kappa"]))
    np.testing.assert_array_equal(np.sort(moc.flatten()), index)
    assert verify(hips / "Moc.fits").findings == []
    for path in hips.rglob("Npix*.fits"):
        with fits.open(path) as hdus:
            assert hdus[0].verify_checksum() == 1
    assert '"schema": 1' in properties_of(hips)["lensmap_provenance"]


def test_the_samples_do_not_keep_the_map_in_the_memory(tmp_path):
    pyramid = _Pyramid(tmp_path, 3)
    n = 4**7
    for pixel in range(3):
        pyramid.add(pixel, np.arange(n, dtype=np.float32), np.ones(n, bool))
    assert all(sample.base is None for sample in pyramid.samples)
    assert 600 < sum(len(sample) for sample in pyramid.samples) < 1000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layer": "mask"}, "layer must be a layer of numbers, not 'mask': write the footprint"),
        ({"title": "a\nb"}, "title must be one line of text"),
        ({"title": ""}, "title must be one line of text"),
        ({"properties": {"hips_order": "9"}}, "do not follow from the map, not 'hips_order'"),
        ({"properties": {"a b": "c"}}, "keywords without blanks"),
        ({"properties": {"obs_ack": "a\nhips_order = 3"}}, "properties must be one line of text"),
        ({"properties": {"obs_ack": 3}}, "one line of text, not 3 for 'obs_ack'"),
    ],
)
def test_bad_parameters(sky, tmp_path, changes, words):
    with pytest.raises(ValueError, match=words):
        write_products([HipsFolder(tmp_path / "hips", **changes)], sky.blocks(3), sky.nside)
    assert list(tmp_path.iterdir()) == []


def test_small_nside(small_sky, tmp_path):
    with pytest.raises(ValueError, match="nside must be at least 512 for a HiPS, not 128"):
        write_products([HipsFolder(tmp_path / "hips")], small_sky.blocks(3), 128)


def test_the_path_of_a_tile(tmp_path):
    write_tile(tmp_path, 5, 10007, np.zeros(4**9, np.float32))
    assert (tmp_path / "Norder5" / "Dir10000" / "Npix10007.fits").is_file()
