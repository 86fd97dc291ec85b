# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of the blocks of a survey map, and of their division into cells."""

import numpy as np
import pytest

from lensmap.maps import HealpixMap
from lensmap.sphere import HealpixPixels
from lensmap.survey.products import Block, map_blocks
from lensmap.survey.products._blocks import CELL_ORDER, cells_of, is_valid

NSIDE = 128
N_CELL = 4 ** (7 - CELL_ORDER)


def block(order=6, pixel=0, n=4, **layers):
    return Block(order, pixel, layers or {"kappa": np.full(n, 0.1)})


def filled(cells, name, dtype, outside, n):
    """Put the cells of a layer onto the whole sphere."""
    result = np.full(n, outside, dtype)
    for cell in cells:
        size = len(cell.layers[name])
        result[cell.pixel * size:(cell.pixel + 1) * size] = cell.layers[name]
    return result


@pytest.mark.parametrize("blocks", ["mixed", 0, 5, 7])
def test_cells_hold_the_layers_at_any_order_of_blocks(sky, blocks):
    if blocks == "mixed":
        blocks = list(sky.mixed_blocks())
        assert {1, 2, 4, 6, 8} <= {block.order for block in blocks}
        assert any(block.layers["mask"].all() for block in blocks)
    else:
        blocks = sky.blocks(blocks)
    cells = list(cells_of(blocks, sky.nside))
    pixels = [cell.pixel for cell in cells]
    assert pixels == sorted(set(pixels))
    for name, outside in (("kappa", np.nan), ("counts", 0), ("mask", True)):
        layer = sky.layers[name]
        result = filled(cells, name, layer.dtype, outside, len(layer))
        # Blocks without data were left out: compare what lies in the others.
        has_data = ~sky.layers["mask"]
        np.testing.assert_array_equal(result[has_data], layer[has_data])
        assert not is_valid(result)[~has_data & ~is_valid(layer)].any()


def test_pixels_of_missing_blocks_are_outside():
    blocks = [
        Block(7, 17, {"kappa": np.array([0.5]), "counts": np.array([3]), "mask": np.array([False])})
    ]
    (cell,) = cells_of(blocks, NSIDE)
    assert cell.pixel == 1
    assert [cell.layers[name].dtype for name in ("kappa", "counts", "mask")] == [
        np.float32, np.int32, bool]
    expected = np.arange(N_CELL) == 1
    for layer in cell.layers.values():
        np.testing.assert_array_equal(is_valid(layer), expected)
    assert (cell.layers["kappa"][1], cell.layers["counts"][1]) == (0.5, 3)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([block(pixel=3), block(pixel=2)], "order of the nested index, without overlap, not pixel 2"
         " of order 6"),
        ([block(pixel=5), block(pixel=5)], "without overlap"),
        ([block(4, 1, 64), block(6, 31)], "without overlap, not pixel 31 of order 6"),
        ([block(9)], "blocks must be of an order from 0 to 7, not 9"),
        ([block(-1)], "order from 0 to 7, not -1"),
        ([block(pixel=49152)], "pixels from 0 to 49151 at order 6, not 49152"),
        ([block(n=5)], r"\(4,\), in layer 'kappa', not float64 of shape \(5,\) in pixel 0"),
        ([block(kappa=np.array(["a"] * 4))], "real numbers, integers or bool"),
        ([block(kappa=np.ones(4)), block(pixel=1, kappa=np.ones(4, int))], "one type in layer"),
        ([block(kappa=np.ones(4)), block(pixel=1, error=np.ones(4))],
         "blocks must all hold the layers kappa, not error in pixel 1 of order 6"),
        ([block(counts=np.array([0, 1, 2, -1]))], "integers from 0 to 2147483647 in layer 'counts',"
         " not -1 to 2"),
        ([block(counts=np.array([0, 1, 2, 2**31]))], "integers from 0 to 2147483647"),
    ],
)
def test_bad_blocks(blocks, words):
    with pytest.raises(ValueError, match=words):
        list(cells_of(blocks, NSIDE))


def test_small_nside():
    with pytest.raises(ValueError, match="nside must be at least 128 for a survey map, not 64"):
        list(cells_of([block()], 64))


def test_blocks_of_a_map():
    index = np.array([3, 5, 4**4 + 1, 11 * 4**7])
    kappa = HealpixMap(
        [0.1, np.nan, 0.3, 0.4], NSIDE, index, uncertainty=[0.1, 0.2, 0.3, 0.4],
        counts=np.array([1, 2, 3, 4], np.uint16),
    )
    blocks = list(map_blocks(kappa, 3))
    assert [(b.order, b.pixel) for b in blocks] == [(3, 0), (3, 1), (3, 11 * 64)]
    layers = blocks[0].layers
    assert layers.keys() == {"kappa", "error", "counts", "mask"}
    assert layers["kappa"].shape == (256,)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(layers["kappa"])), [3])
    np.testing.assert_array_equal(np.flatnonzero(layers["counts"]), [3, 5])
    np.testing.assert_array_equal(np.flatnonzero(~layers["mask"]), [3])
    assert (blocks[1].layers["error"][1], blocks[2].layers["counts"][0]) == (0.3, 4)
    assert len(list(cells_of(blocks, NSIDE))) == 48


def test_maps_in_other_frames_are_refused():
    kappa = HealpixMap([0.1], HealpixPixels(NSIDE, "galactic"), [3])
    with pytest.raises(ValueError, match="source must be in the frame 'icrs', not in 'galactic'"):
        list(map_blocks(kappa))
