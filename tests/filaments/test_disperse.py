# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pairs and skeletons, against the output of DisPerSE 0.9.25 on a simulated map.

The output is that of ``mse -cut c -upSkl -periodicity 0 -ppairs_ASCII``, c = 0 for the pairs and
0.005 for the skeletons, with and without ``-compactify torus``. It is not part of lensmap: the
folder ``reference`` beside LENSMAP_DATA has it.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy.spatial import cKDTree

from lensmap.filaments import persistence_pairs
from lensmap.filaments._skeleton import skeleton_arcs

CUT = 0.005
BORDERS = {"closed": "torus", "open": "natural"}


@pytest.fixture(scope="module")
def folder():
    path = Path(os.environ.get("LENSMAP_DATA", "."), "..", "reference", "persistence")
    if "LENSMAP_DATA" not in os.environ or not (path / "map.fits").is_file():
        pytest.skip("there is no output of DisPerSE beside LENSMAP_DATA")
    return path


@pytest.fixture(scope="module")
def image(folder):
    return fits.getdata(folder / "map.fits").astype(float)


def _read_pairs(path):
    """The two blocks of pairs: minimum and saddle, saddle and maximum."""
    lines = path.read_text().splitlines()[2:]
    n = int(lines[0].split()[0])
    return [np.array([line.split() for line in block], dtype=float)
            for block in (lines[1 : n + 1], lines[n + 2 :])]


def _read_skeleton(path):
    """All positions along the filaments, x and y, and the critical points by type."""
    lines = iter(path.read_text().splitlines())
    while next(lines) != "[CRITICAL POINTS]":
        pass
    points = {0: set(), 1: set(), 2: set()}
    for _ in range(int(next(lines))):
        words = next(lines).split()
        points[int(words[0])].add((float(words[1]), float(words[2])))
        for _ in range(int(next(lines))):
            next(lines)
    assert next(lines) == "[FILAMENTS]"
    positions = []
    for _ in range(int(next(lines))):
        for _ in range(int(next(lines).split()[2])):
            positions.append(next(lines).split())
    return np.array(positions, dtype=float), points


def _lasting(pairs, cut):
    return pairs[pairs[:, 1] - pairs[:, 0] >= cut]


def _farthest(pairs, others):
    """The largest difference in value of a pair from the nearest of the other pairs."""
    return cKDTree(others).query(pairs, p=np.inf)[0].max()


@pytest.mark.parametrize("border", BORDERS)
def test_values_of_all_pairs(folder, image, border):
    pairs = persistence_pairs(image, border=border, connectivity="triangles")
    value, joined = image.ravel(), pairs.joins >= 0
    minima = np.stack([value[pairs.minima], value[pairs.loops]], axis=1)
    along_border = np.stack([value[pairs.border_minima], value[pairs.border_maxima]], axis=1)
    # DisPerSE leaves the lowest and the highest pixel of the border without partners.
    along_border = along_border[along_border[:, 1] < value[pairs.border_maxima].max(initial=-1)]
    minima = np.concatenate([minima, along_border])
    maxima = np.stack([value[pairs.joins], value[pairs.maxima]], axis=1)[joined]
    expected = _read_pairs(folder / f"pairs_{BORDERS[border]}.txt")
    for found, others in zip((minima, maxima), map(lambda p: _lasting(p, 1e-9), expected)):
        assert _farthest(others, found) < 1e-6
    assert len(_lasting(minima, 1e-9)) == len(_lasting(expected[0], 1e-9))
    # Of torus, three pairs of maxima on the border are only in its skeleton, not in its pairs.
    n_left_out = 3 if border == "closed" else 0
    assert len(_lasting(maxima, 1e-9)) == len(_lasting(expected[1], 1e-9)) + n_left_out


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("connectivity", ["pixels", "triangles"])
def test_the_skeleton(folder, image, border, connectivity):
    expected, points = _read_skeleton(folder / f"skeleton_{BORDERS[border]}.txt")
    arcs, maxima = skeleton_arcs(image, CUT, border=border, connectivity=connectivity)
    assert {(x, y) for y, x in maxima.tolist()} == points[2]
    # A maximum of the border that is a maximum of the map has no ridge of its own.
    assert len(arcs) == len(points[1]) - len(points[1] & points[2])
    found = np.concatenate([arc.pixels[:, ::-1] for arc in arcs])
    for one, other in ((expected, found), (found, expected)):
        distance = cKDTree(other).query(one)[0]
        assert np.mean(distance <= 1.5) > 0.98 and distance.max() < 6
    if border == "open" and connectivity == "triangles":
        starts = {(x, y) for y, x in (arc.pixels[0].tolist() for arc in arcs if arc.saddle == 0)}
        at_border = {p for p in points[1] if set(p) & {0, 127} and p == tuple(map(int, p))}
        assert starts == at_border - points[2]
