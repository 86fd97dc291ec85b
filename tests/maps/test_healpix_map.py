# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of `lensmap.maps.HealpixMap`."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from lensmap.grid import tangent_wcs
from lensmap.maps import HealpixMap
from lensmap.sphere import HealpixPixels
from lensmap.utils import LensmapWarning, MapWarning

pytest.importorskip("ducc0")

NSIDE = 64


@pytest.fixture
def kappa():
    """Return a smooth map, with holes, of a cap of 15 deg about RA 150, Dec 20."""
    pixels = HealpixPixels(NSIDE)
    lon, lat = pixels.centers(np.arange(pixels.n_pixels))
    center = SkyCoord(150, 20, unit="deg")
    distance = center.separation(SkyCoord(lon, lat, unit="deg")).deg
    index = np.flatnonzero(distance < 15)
    values = np.exp(-0.5 * (distance[index] / 5) ** 2)
    mask = np.zeros(len(index), bool)
    mask[::17] = True
    return HealpixMap(
        values, NSIDE, index, uncertainty=np.full(len(index), 0.1), mask=mask, kappa_b=-values,
        counts=np.arange(len(index)), meta={"estimator": "Test", "uncertainty": "noise"},
    )


def assert_equal(one, other, rtol=0.0):
    np.testing.assert_array_equal(one.index, other.index)
    np.testing.assert_array_equal(one.mask, other.mask)
    for name in ("data", "kappa_b", "counts"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol)
    np.testing.assert_allclose(one.uncertainty.array, other.uncertainty.array, rtol=rtol)
    assert (one.pixels, one.meta) == (other.pixels, other.meta)


def test_order_and_schemes(kappa):
    rng = np.random.default_rng(1)
    order = rng.permutation(len(kappa.index))
    ring = kappa.pixels.to_ring(kappa.index)[order]
    again = HealpixMap(
        kappa.data[order], NSIDE, ring, nest=False, mask=kappa.mask[order],
        uncertainty=kappa.uncertainty.array[order], kappa_b=kappa.kappa_b[order],
        counts=kappa.counts[order], meta=kappa.meta,
    )
    assert_equal(again, kappa)
    full = kappa.to_full()
    np.testing.assert_array_equal(HealpixMap(full, NSIDE).data[kappa.index], kappa.data)
    in_rings = kappa.to_full(nest=False)
    np.testing.assert_array_equal(HealpixMap(in_rings, NSIDE, nest=False).data, full)
    assert_equal(pickle.loads(pickle.dumps(kappa)), kappa)
    assert np.all(np.isnan(kappa.data[kappa.mask]))
    assert kappa.area.to_value(u.deg**2) == pytest.approx(666, rel=0.01)
    np.testing.assert_allclose(np.nanmax(kappa.snr), 10 * np.nanmax(kappa.data))


@pytest.mark.parametrize("name", ["map.fits", "map.fits.gz", "map.hsp"])
def test_files(kappa, tmp_path, name):
    if name.endswith("hsp"):
        pytest.importorskip("healsparse")
        # A HealSparse map has no masked pixels.
        good = ~kappa.mask
        kappa = HealpixMap(
            kappa.data[good], NSIDE, kappa.index[good], kappa_b=kappa.kappa_b[good],
            uncertainty=kappa.uncertainty.array[good], counts=kappa.counts[good], meta=kappa.meta,
        )
    path = tmp_path / name
    kappa.write(path)
    assert_equal(HealpixMap.read(path), kappa)
    with pytest.raises(FileExistsError):
        kappa.write(path)
    kappa.write(path, overwrite=True)
    for frame in ("galactic", "barycentricmeanecliptic"):
        HealpixMap([1.0, 2.0], HealpixPixels(8, frame), [4, 5]).write(path, overwrite=True)
        assert HealpixMap.read(path).pixels.frame == frame
    other = HealpixMap([1.0, 2.0], HealpixPixels(8, "fk5"), [4, 5])
    if name.endswith("hsp"):
        other.write(path, overwrite=True)
        assert HealpixMap.read(path).pixels.frame == "fk5"
        return
    before = path.read_bytes()
    with pytest.raises(ValueError, match="pixels must be in one of the frames icrs, galactic, .* "
                                         "not in 'fk5': write a HealSparse file"):
        other.write(path, overwrite=True)
    assert path.read_bytes() == before


def test_other_programs_read_the_files(kappa, tmp_path):
    healpy, healsparse = pytest.importorskip("healpy"), pytest.importorskip("healsparse")
    kappa.write(tmp_path / "map.fits")
    values = healpy.read_map(tmp_path / "map.fits", partial=True, nest=True, dtype=float)
    np.testing.assert_array_equal(values[kappa.index], kappa.data)
    kappa.write(tmp_path / "map.hsp")
    sparse = healsparse.HealSparseMap.read(str(tmp_path / "map.hsp"))
    unmasked = ~kappa.mask
    np.testing.assert_array_equal(sparse.valid_pixels, kappa.index[unmasked])
    np.testing.assert_array_equal(sparse[kappa.index[unmasked]]["kappa"], kappa.data[unmasked])


def test_files_of_other_programs(kappa, tmp_path):
    healpy, healsparse = pytest.importorskip("healpy"), pytest.importorskip("healsparse")
    path = tmp_path / "healpy.fits"
    full = np.nan_to_num(kappa.to_full(nest=False), nan=healpy.UNSEEN)
    healpy.write_map(path, full, coord="G", dtype=np.float64)
    read = HealpixMap.read(path)
    np.testing.assert_array_equal(read.data, kappa.to_full())
    assert read.pixels.frame == "galactic"
    healpy.write_map(path, full, overwrite=True, dtype=np.float64)
    with pytest.warns(MapWarning, match="does not name its frame"):
        assert HealpixMap.read(path).pixels.frame == "icrs"
    with fits.open(path, mode="update") as hdus:
        hdus[1].header["COORDSYS"] = "H"
    with pytest.raises(ValueError, match=r"COORDSYS of a HEALPix map must be C .* not 'H'"):
        HealpixMap.read(path)
    sparse = healsparse.HealSparseMap.make_empty(32, NSIDE, dtype=np.float64)
    sparse.update_values_pix(kappa.index[~kappa.mask], kappa.data[~kappa.mask])
    sparse.write(str(tmp_path / "other.hsp"))
    read = HealpixMap.read(tmp_path / "other.hsp")
    np.testing.assert_array_equal(read.data, kappa.data[~kappa.mask])


def test_damaged_and_other_files(kappa, tmp_path):
    path = tmp_path / "map.fits"
    kappa.write(path)
    content = bytearray(path.read_bytes())
    content[7000] ^= 255
    path.write_bytes(content)
    with pytest.warns(LensmapWarning, match="checksum|DATASUM"):
        HealpixMap.read(path)
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "image.fits")
    with pytest.raises(ValueError, match="PIXTYPE= 'HEALPIX'; read images with ConvergenceMap"):
        HealpixMap.read(tmp_path / "image.fits")


def test_arithmetic(kappa):
    twice = kappa * 2
    np.testing.assert_allclose(twice.uncertainty.array, 2 * kappa.uncertainty.array)
    with pytest.warns(MapWarning, match="sum or difference has no uncertainty"):
        difference = twice - kappa
    np.testing.assert_allclose(difference.data, kappa.data)
    np.testing.assert_allclose(difference.kappa_b, kappa.kappa_b)
    assert difference.uncertainty is None and "uncertainty" not in difference.meta
    np.testing.assert_allclose((1 - kappa / 2).data, 1 - kappa.data / 2)
    other = HealpixMap(kappa.data[1:], NSIDE, kappa.index[1:])
    with pytest.raises(ValueError, match="must have the same pixels"):
        kappa - other


def test_degrade(kappa):
    with pytest.warns(MapWarning, match="degraded map has no uncertainty"):
        coarse = kappa.degrade(16)
    assert coarse.counts.sum() == kappa.counts.sum()
    children = kappa.index >> 4 == coarse.index[20]
    assert coarse.data[20] == pytest.approx(np.nanmean(kappa.data[children]))
    assert coarse.kappa_b[20] == pytest.approx(-coarse.data[20])
    # At the edge, pixels of which less than half is in the map are masked.
    n_children = np.bincount(kappa.index >> 4, ~kappa.mask, minlength=coarse.index[-1] + 1)
    np.testing.assert_array_equal(coarse.mask, n_children[coarse.index] < 8)
    with pytest.raises(ValueError, match="nside must be at most that of the map, 64, not 128"):
        kappa.degrade(128)


def test_smooth(kappa):
    with pytest.warns(MapWarning, match="smoothed map has no uncertainty"):
        smooth = kappa.smooth("3 deg")
    np.testing.assert_array_equal(smooth.mask, kappa.mask)
    # A Gaussian of 5 deg, smoothed by one of 3 deg, in the middle.
    middle = smooth.at(SkyCoord(150, 20, unit="deg"))
    assert middle == pytest.approx(25 / 34, rel=0.03)
    assert smooth.meta["smoothed_by"] == ["3.0 deg"]
    constant = HealpixMap(np.ones(len(kappa.index)), NSIDE, kappa.index).smooth(3 * u.deg)
    np.testing.assert_allclose(constant.data, 1, atol=1e-9)


def test_cutout(kappa):
    wcs = tangent_wcs(SkyCoord(152, 21, unit="deg"), (30, 40), 20 * u.arcmin)
    image = kappa.cutout(wcs)
    assert image.shape == (30, 40)
    x, y = np.meshgrid(np.arange(40), np.arange(30))
    distance = wcs.pixel_to_world(x, y).separation(SkyCoord(150, 20, unit="deg")).deg
    good = ~image.mask
    assert good.mean() > 0.9
    truth = np.exp(-0.5 * (distance / 5) ** 2)
    error = np.abs(image.data - truth)[good]
    assert np.median(error) < 0.004 and error.max() < 0.1  # the latter beside masked pixels
    np.testing.assert_allclose(image.kappa_b[good], -image.data[good])
    np.testing.assert_allclose(image.uncertainty.array[good], 0.1)
    far = kappa.cutout(tangent_wcs(SkyCoord(0, -80, unit="deg"), (8, 8), 20 * u.arcmin))
    assert far.mask.all()


def test_at(kappa):
    sky = SkyCoord([150, 0], [20, 0], unit="deg")
    values = kappa.at(sky.galactic)
    assert np.isnan(values[1])
    index = kappa.pixels.at([150], [20])
    np.testing.assert_array_equal(values[0], kappa.data[kappa.index == index][0])
    assert np.isnan(kappa.at(SkyCoord(np.nan, 20, unit="deg")))
    with pytest.raises(TypeError, match="position must be a SkyCoord, not '150,30': such as SkyC"):
        kappa.at("150,30")
    with pytest.raises(ValueError, match="position must be in a frame that converts to ICRS"):
        kappa.at(SkyCoord(0, 45, unit="deg", frame="altaz"))


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"index": [1, 1]}, ValueError, "index must be different for all pixels, not 1 more"),
        ({"index": [1, 49152]}, ValueError, "index must be from 0 to 49151 for nside 64"),
        ({"index": [1.0, 2.0]}, TypeError, "index must be integers, one for each of the 2"),
        ({}, ValueError, "data must hold the 49152 pixels .* give index for a part"),
        ({"index": [1, 2], "mask": [0, 1]}, TypeError, "mask must be boolean"),
        ({"index": [1, 2], "counts": [1]}, ValueError, "counts must hold 2 values"),
        ({"index": [1, 2], "uncertainty": [-1, 1]}, ValueError, "uncertainty must be 0 or"),
    ],
)
def test_errors(keywords, error, words):
    with pytest.raises(error, match=words):
        HealpixMap([0.1, 0.2], NSIDE, **keywords)
