# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of partial HEALPix tables, read by healpy and by lensmap."""

import numpy as np
import pytest

from lensmap.maps import HealpixMap
from lensmap.provenance import read_provenance, verify
from lensmap.survey.products import Block, HealpixTable, write_products

LAYERS = ["kappa", "error", "counts", "density"]
META = {"estimator": "KaiserSquires", "uncertainty": "noise", "n_galaxies": 12}


@pytest.fixture(scope="module")
def path(small_sky, tmp_path_factory):
    """A table of several layers."""
    path = tmp_path_factory.mktemp("table") / "kappa.fits"
    write_products([HealpixTable(path, LAYERS)], small_sky.blocks(3), small_sky.nside, meta=META)
    return path


def test_healpy_reads_all_columns(small_sky, path):
    healpy = pytest.importorskip("healpy")
    values = healpy.read_map(path, field=range(4), partial=True, nest=True, dtype=float)
    inside = ~small_sky.layers["mask"]
    for name, column in zip(LAYERS, values, strict=True):
        np.testing.assert_array_equal(column[inside], small_sky.layers[name][inside])
        assert healpy.mask_bad(column)[~inside].all()


def test_healpy_reads_larger_maps(tmp_path):
    healpy = pytest.importorskip("healpy")
    values = np.arange(4.0**7)
    path = tmp_path / "kappa.fits"
    write_products([HealpixTable(path, ["kappa"])], [Block(3, 700, {"kappa": values})], 1024)
    kappa = healpy.read_map(path, partial=True, nest=True)
    np.testing.assert_array_equal(kappa[700 * 4**7:701 * 4**7], values)
    assert np.count_nonzero(kappa != healpy.UNSEEN) == len(values)


def test_lensmap_reads_the_map(small_sky, path):
    kappa = HealpixMap.read(path)
    inside = np.flatnonzero(~small_sky.layers["mask"])
    np.testing.assert_array_equal(kappa.index, inside)
    np.testing.assert_array_equal(kappa.data, small_sky.layers["kappa"][inside])
    np.testing.assert_array_equal(kappa.uncertainty.array, small_sky.layers["error"][inside])
    np.testing.assert_array_equal(kappa.counts, small_sky.layers["counts"][inside])
    assert (kappa.nside, kappa.pixels.frame, kappa.meta) == (small_sky.nside, "icrs", META)


def test_records_and_checksums(path):
    assert verify(path).findings == []
    assert read_provenance(path)["schema"] == 1


def test_a_file_without_its_last_hdu_is_noticed(path, tmp_path):
    from astropy.io import fits

    with fits.open(path) as hdus:
        size = hdus[2].fileinfo()["hdrLoc"]
    cut = tmp_path / "cut.fits"
    cut.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="ends too early, after 2 of 3 HDUs"):
        HealpixMap.read(cut)


def test_tables_without_metadata(tmp_path):
    path = tmp_path / "kappa.fits"
    write_products([HealpixTable(path, ["kappa"])], [Block(7, 3, {"kappa": np.ones(1)})], 128)
    assert HealpixMap.read(path).meta == {}
    assert verify(path).findings == []


@pytest.mark.parametrize(
    ("name", "layers", "words"),
    [
        ("kappa.fits.gz", ["kappa"], "path must be a name that ends in .fits or .fit, not"),
        ("kappa.hsp", ["kappa"], "path must be a name that ends in"),
        ("kappa.fits", ["kappa", "mask"], "layers must be layers of numbers, not 'mask'"),
        ("kappa.fits", ["e1"], "layers must be among those of the survey"),
    ],
)
def test_bad_tables(small_sky, tmp_path, name, layers, words):
    with pytest.raises(ValueError, match=words):
        write_products(
            [HealpixTable(tmp_path / name, layers)], small_sky.blocks(3), small_sky.nside
        )
    assert list(tmp_path.iterdir()) == []
