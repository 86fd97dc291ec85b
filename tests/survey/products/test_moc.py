# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of footprints as multi-order coverage maps."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.provenance import read_provenance, verify
from lensmap.sphere import HealpixPixels
from lensmap.survey.products import Block, MocFile, write_products

mocpy = pytest.importorskip("mocpy")


@pytest.mark.parametrize("layer", ["kappa", "mask", "counts"])
def test_the_footprint_is_that_of_the_layer(sky, tmp_path, layer):
    path = tmp_path / "footprint.fits"
    write_products([MocFile(path, layer)], sky.blocks(3), sky.nside)
    values = sky.layers[layer]
    valid = {"f": np.isfinite, "i": lambda v: v > 0, "b": np.logical_not}[values.dtype.kind](values)
    moc = mocpy.MOC.load(path)
    assert moc.max_order == sky.order
    np.testing.assert_array_equal(np.sort(moc.flatten()), np.flatnonzero(valid))
    assert verify(path).findings == []
    assert read_provenance(path)["schema"] == 1


def test_a_coarser_footprint_has_every_pixel_with_data(small_sky, tmp_path):
    path = tmp_path / "footprint.fits"
    write_products([MocFile(path, order=6)], small_sky.blocks(3), small_sky.nside)
    has_data = np.isfinite(small_sky.layers["kappa"]).reshape(-1, 4).any(axis=1)
    moc = mocpy.MOC.load(path)
    assert moc.max_order == 6
    np.testing.assert_array_equal(np.sort(moc.flatten()), np.flatnonzero(has_data))


def test_positions_in_the_footprint(tmp_path):
    # A pixel of order 7, with known position.
    path = tmp_path / "footprint.fits"
    write_products([MocFile(path)], [Block(7, 33333, {"kappa": np.ones(1)})], 128)
    lon, lat = HealpixPixels(128).centers([33333, 33334])
    inside = mocpy.MOC.load(path).contains_lonlat(lon * u.deg, lat * u.deg)
    assert list(inside) == [True, False]


@pytest.mark.parametrize("order", [4, 8])
def test_bad_order(small_sky, tmp_path, order):
    with pytest.raises(ValueError, match=f"order must be from 5 to .* map, 7, not {order}"):
        write_products(
            [MocFile(tmp_path / "a.fits", order=order)], small_sky.blocks(3), small_sky.nside
        )
