# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The pixels along borders: by hand, around holes and where corners touch."""

import numpy as np
import pytest

from lensmap.filaments._border import border_loops


def _cells(loop, nx):
    return [divmod(pixel, nx) for pixel in loop.tolist()]


def test_a_rectangle_has_one_border_in_order():
    (loop,) = border_loops(np.ones((4, 6), dtype=bool))
    cells = np.array(_cells(loop, 6))
    assert len(loop) == 2 * (4 + 6)  # one for each side of a pixel
    steps = np.abs(np.diff(np.concatenate([cells, cells[:1]]), axis=0)).sum(axis=1)
    assert set(steps.tolist()) == {0, 1} and (steps == 0).sum() == 4
    y, x = cells.T
    assert np.all((y == 0) | (y == 3) | (x == 0) | (x == 5))
    assert len(np.unique(loop)) == 2 * (4 + 6) - 4


def test_a_hole_has_its_own_border():
    unmasked = np.ones((7, 8), dtype=bool)
    unmasked[3, 2:5] = False
    outer, hole = sorted(border_loops(unmasked), key=len, reverse=True)
    assert len(outer) == 30 and len(hole) == 8
    assert {(2, 2), (2, 4), (4, 3), (3, 1), (3, 5)} < set(_cells(hole, 8))


@pytest.mark.parametrize("parity", [0, 1])
def test_pixels_that_share_a_corner(parity):
    unmasked = np.zeros((4, 5), dtype=bool)
    unmasked[1, 1 + parity] = unmasked[2, 2 + parity] = True
    assert [len(loop) for loop in border_loops(unmasked)] == [8]
    expected = [8] if parity == 0 else [4, 4]
    assert [len(loop) for loop in border_loops(unmasked, "even")] == expected
    mirrored = unmasked[:, ::-1]
    (loop,) = border_loops(mirrored)
    assert len(loop) == 8 and len(np.unique(loop)) == 2


def test_each_side_is_on_one_border():
    unmasked = np.random.default_rng(3).random((30, 40)) < 0.6
    padded = np.pad(unmasked, 1)
    n_sides = sum(
        np.count_nonzero(unmasked & ~padded[1 + dy : 31 + dy, 1 + dx : 41 + dx])
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
    )
    for joined in ("all", "even"):
        loops = border_loops(unmasked, joined)
        assert sum(map(len, loops)) == n_sides
        for loop in loops:
            cells = np.array(_cells(loop, 40))
            assert np.abs(cells - np.roll(cells, 1, axis=0)).max() <= 1
    assert border_loops(np.zeros((3, 3), dtype=bool)) == []
