# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of cutouts of a survey map, read from its files."""

import re

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import ConvergenceMap
from lensmap.grid import tangent_wcs
from lensmap.maps import HealpixMap
from lensmap.sphere import HealpixPixels
from lensmap.survey.products import Block, read_cutout, standard_files, write_products
from lensmap.utils import ParameterError

healsparse = pytest.importorskip("healsparse")

NSIDE = 512
CENTER = SkyCoord(150.0, 2.0, unit="deg")


@pytest.fixture(scope="module")
def kappa():
    """A map of 8 deg about the center, with a hole, on all layers."""
    pixels = HealpixPixels(NSIDE)
    lon, lat = pixels.centers(np.arange(pixels.n_pixels))
    sky = SkyCoord(lon, lat, unit="deg")
    distance = CENTER.separation(sky).deg
    index = np.flatnonzero(distance < 8)
    value = np.exp(-distance[index] ** 2 / 8)
    hole = sky[index].separation(SkyCoord(151, 3, unit="deg")).deg < 0.5
    return HealpixMap(
        value.astype(np.float32), NSIDE, index, kappa_b=(-value).astype(np.float32), mask=hole,
        uncertainty=np.full(len(index), 0.1, np.float32),
        counts=np.random.default_rng(1).poisson(20, len(index)),
        meta={"estimator": "Test", "uncertainty": "noise", "n_galaxies": 5},
    )


@pytest.fixture(scope="module")
def folder(kappa, tmp_path_factory):
    """The files of the map."""
    folder = tmp_path_factory.mktemp("survey")
    write_products(standard_files(folder, ["kappa", "kappa_b", "error", "counts", "mask"]), kappa)
    return folder


def image(size=40, scale="6 arcmin", center=CENTER):
    return tangent_wcs(center, (size, size), scale)


@pytest.mark.parametrize("scale", ["3 arcmin", "6 arcmin", "20 arcmin"])
def test_a_cutout_is_that_of_the_whole_map(kappa, folder, scale):
    wcs = image(scale=scale)
    cutout, expected = read_cutout(folder, wcs), kappa.cutout(wcs)
    assert isinstance(cutout, ConvergenceMap)
    np.testing.assert_array_equal(cutout.mask, expected.mask)
    for name in ("data", "kappa_b"):
        np.testing.assert_array_equal(getattr(cutout, name), getattr(expected, name))
    np.testing.assert_array_equal(cutout.uncertainty.array, expected.uncertainty.array)
    assert cutout.meta == expected.meta
    assert cutout.mask.any() and not cutout.mask.all()


def test_counts_are_distributed_by_area(kappa, folder):
    """The sum over an image is the integral of the density over its area."""
    # Some 40 pixels of the map on a side, and an image whose pixels have another scale.
    for scale, size in (("2 arcmin", 140), ("11 arcmin", 26)):
        wcs = image(size, scale)
        cutout = read_cutout(folder, wcs)
        lon, lat = HealpixPixels(NSIDE).centers(kappa.index)
        x, y = wcs.world_to_pixel(SkyCoord(lon, lat, unit="deg"))
        inside = (np.abs(x - size / 2 + 0.5) < size / 2) & (np.abs(y - size / 2 + 0.5) < size / 2)
        total = kappa.counts[inside].sum()
        # Pixels at the edge lie in the image in part: some 160 of 1700.
        assert cutout.counts.sum() == pytest.approx(total, rel=0.02)
        assert cutout.counts.mean() == pytest.approx(
            20 * (u.Quantity(scale) / HealpixPixels(NSIDE).scale).to_value("") ** 2, rel=0.02
        )


def test_counts_of_pixels_that_are_those_of_the_map(tmp_path):
    """An image pixel in the middle of a HEALPix pixel has its density."""
    counts = np.zeros(4**4, np.int32)
    counts[77] = 9
    layers = {"kappa": np.ones(4**4), "counts": counts}
    write_products(standard_files(tmp_path, layers), [Block(5, 6000, layers)], NSIDE)
    lon, lat = HealpixPixels(NSIDE).centers([6000 * 4**4 + 77])
    wcs = image(1, "1 arcmin", SkyCoord(lon[0], lat[0], unit="deg"))
    expected = 9 * (1 / HealpixPixels(NSIDE).scale.to_value("arcmin")) ** 2
    assert read_cutout(tmp_path, wcs).counts[0, 0] == pytest.approx(expected, rel=1e-4)


def test_only_the_needed_coverage_pixels_are_read(folder, monkeypatch):
    read, given = healsparse.HealSparseMap.read, []

    def recorded(path, pixels):
        given.append(pixels)
        return read(path, pixels=pixels)

    monkeypatch.setattr(healsparse.HealSparseMap, "read", recorded)
    read_cutout(folder, image(10))
    (covered,) = np.nonzero(healsparse.HealSparseCoverage.read(str(folder / "kappa.hsp"))
                            .coverage_mask)
    assert len(given) == 5
    assert all(len(pixels) < 16 < len(covered) for pixels in given)


def test_images_at_the_edge_and_in_another_frame(kappa, folder):
    edge = image(center=SkyCoord(158, 2, unit="deg"))
    cutout = read_cutout(folder, edge)
    assert 0.2 < cutout.mask.mean() < 0.8
    np.testing.assert_array_equal(cutout.data, kappa.cutout(edge).data)
    galactic = image(20)
    galactic.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
    galactic.wcs.crval = CENTER.galactic.l.deg, CENTER.galactic.b.deg
    galactic.wcs.radesys = ""
    galactic.wcs.set()
    np.testing.assert_array_equal(
        read_cutout(folder, galactic).data, kappa.cutout(galactic).data
    )


def test_layers_that_are_missing_or_empty(tmp_path):
    layers = {"kappa": np.ones(4**4), "error": np.full(4**4, np.nan),
              "counts": np.zeros(4**4, int)}
    write_products(standard_files(tmp_path, layers), [Block(5, 6000, layers)], NSIDE)
    lon, lat = HealpixPixels(32).centers([6000])
    cutout = read_cutout(tmp_path, image(4, center=SkyCoord(lon[0], lat[0], unit="deg")))
    assert not cutout.mask.any()
    assert cutout.kappa_b is None
    assert np.all(cutout.data == 1) and np.all(cutout.counts == 0)
    assert np.isnan(cutout.uncertainty.array).all()


def test_no_overlap(folder):
    with pytest.raises(ParameterError, match="wcs must overlap the survey, not none of it"):
        read_cutout(folder, image(center=SkyCoord(330, 2, unit="deg")))


def test_large_pixels(folder):
    with pytest.raises(ParameterError, match="wcs must be of pixels of at most 30 arcmin, not 60"):
        read_cutout(folder, image(4, "60 arcmin"))


def test_other_folders(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape("has no file kappa.hsp")):
        read_cutout(tmp_path, image())
    layers = {"kappa": np.ones(4), "error": np.ones(4)}
    write_products(standard_files(tmp_path, layers), [Block(6, 24000, layers)], 128)
    (tmp_path / "kappa.hsp").write_bytes((folder / "kappa.hsp").read_bytes())
    with pytest.raises(ValueError, match="error.hsp has the nside 128, and kappa.hsp 512"):
        read_cutout(tmp_path, image())
    (tmp_path / "error.hsp").write_bytes((folder / "error.hsp").read_bytes()[:-6000])
    with pytest.raises(ValueError, match="error.hsp"):
        read_cutout(tmp_path, image())
    (tmp_path / "kappa.hsp").write_bytes(b"not FITS")
    with pytest.raises(ValueError, match="cannot read the map .*kappa.hsp"):
        read_cutout(tmp_path, image())
