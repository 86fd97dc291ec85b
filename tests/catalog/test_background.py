# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which galaxies are behind a lens."""

import numpy as np
import pytest
from astropy.table import Table

from lensmap import ShearCatalog

GRID = np.linspace(0, 2, 201)


def _catalog(redshift=None, **more):
    n = len(redshift) if redshift is not None else len(next(iter(more.values())))
    columns = {"ra": np.full(n, 10.0), "dec": np.zeros(n), "e1": np.zeros(n), "e2": np.zeros(n)}
    if redshift is not None:
        columns["redshift"] = redshift
    return ShearCatalog(Table(columns | more), "generic", "celestial", "shear",
                        extra_columns=list(more))


def test_by_redshift():
    catalog = _catalog([0.2, 0.35, 0.45, np.nan, 1.0])
    assert catalog.select_background(0.3)["redshift"].tolist() == [0.45, 1.0]
    assert len(catalog.select_background(0.3, margin=0)) == 3


@pytest.mark.parametrize("as_column", [False, True])
def test_by_the_probability_beyond(as_column):
    mean = np.array([0.2, 0.5, 0.62, 1.0])
    pz = np.exp(-0.5 * ((GRID - mean[:, np.newaxis]) / 0.1) ** 2)
    catalog = _catalog(mean, pz=pz)
    chosen = catalog.select_background(
        0.4, margin=0.1, pz="pz" if as_column else pz, z_grid=GRID, min_probability=0.86
    )
    # 0.62 has 0.885 of a Gaussian beyond 0.5
    assert chosen["redshift"].tolist() == [0.62, 1.0]
    half = catalog.select_background(0.4, margin=0.1, pz=pz, z_grid=GRID, min_probability=0.499)
    assert half["redshift"].tolist() == [0.5, 0.62, 1.0]


def test_probabilities_off_the_grid_and_of_nothing():
    pz = np.zeros((3, 201))
    pz[0], pz[1, 100:] = 1.0, 1.0
    catalog = _catalog([1.0, 2.0, 3.0])
    chosen = catalog.select_background(1.0, margin=0, pz=pz, z_grid=GRID + 1.0)
    assert chosen["redshift"].tolist() == [1.0, 2.0]  # all of it lies beyond; the third has none
    with pytest.raises(ValueError, match="the selection leaves none"):
        catalog.select_background(4.0, pz=pz, z_grid=GRID)


def test_by_a_cut_in_colors():
    color = np.array([0.2, 1.5, 0.4])
    catalog = _catalog(None, color=color)
    chosen = catalog.select_background(0.3, cut=lambda c: c["color"] < 1)
    assert chosen["color"].tolist() == [0.2, 0.4]
    both = _catalog([0.5, 0.5, 0.1], color=color)
    assert both.select_background(0.3, cut=color < 1)["color"].tolist() == [0.2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "cannot be selected without redshifts"),
        ({"cut": [1, 0]}, "cut must be one True or False for each of 2 galaxies"),
        ({"pz": np.ones((2, 3))}, "z_grid must be given with pz, not None"),
        ({"pz": np.ones((2, 3)), "z_grid": [0, 1]}, r"pz must have the shape \(2, 2\)"),
        ({"pz": np.ones((2, 2)), "z_grid": [1, 0]}, "two strictly increasing redshifts"),
        ({"z_lens": -1.0, "cut": [True, True]}, "z_lens must be positive"),
    ],
)
def test_bad_input(change, message):
    catalog = _catalog(None, color=[1.0, 2.0])
    with pytest.raises(ValueError, match=message):
        catalog.select_background(**({"z_lens": 0.3} | change))
