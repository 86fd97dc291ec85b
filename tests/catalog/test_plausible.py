# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Positions in another unit, and rows far from all others, draw a warning; true fields do not."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from catalogs import shear_catalog

from lensmap import ShearCatalog
from lensmap.utils import CatalogWarning, ParameterError

RNG = np.random.default_rng(5)


def field(n=3000, ra=150.0, dec=2.0, width=1.0, height=1.0):
    """Return galaxies in a rectangle on the sky, by an astropy frame about its center."""
    center = SkyCoord(ra, dec, unit="deg")
    x, y = RNG.uniform(-0.5, 0.5, (2, n)) * [[width], [height]]
    sky = SkyCoord(x * u.deg, y * u.deg, frame=center.skyoffset_frame()).icrs
    e1, e2 = RNG.normal(0.0, 0.2, (2, n))
    return {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e1, "e2": e2}


def with_rows(columns, ra, dec):
    n = len(ra)
    more = {"ra": ra, "dec": dec, "e1": np.zeros(n), "e2": np.zeros(n)}
    return {name: np.concatenate([values, more[name]]) for name, values in columns.items()}


def merged(*fields):
    return {name: np.concatenate([one[name] for one in fields]) for name in fields[0]}


@pytest.mark.parametrize(
    "columns",
    [
        field(),
        field(ra=0.0),
        field(ra=359.9, dec=-60),
        field(dec=89.9),
        field(ra=10.0, dec=0.0),
        field(ra=12.0, dec=0.0, width=20.0, n=20_000),
        field(ra=12.0, width=0.3, height=1.0),
        field(n=1000, width=0.05, height=0.05),  # JWST
        field(n=200, width=2, height=2),
        merged(field(ra=30), field(ra=180), field(ra=340, n=500)),  # HSC
        merged(field(ra=359, width=3), field(ra=2)),
        field(n=90, width=20, height=20),  # too few to judge
        {name: np.repeat(values[:1], 500) for name, values in field().items()},
    ],
)
def test_no_warning(columns):
    assert len(shear_catalog(columns)) == len(columns["ra"])  # a warning would be an error


def test_radians():
    columns = field()
    for name in ("ra", "dec"):
        columns[name] = np.radians(columns[name])
    words = r"probably in radians.*units={'ra': 'rad', 'dec': 'rad'}"
    with pytest.warns(CatalogWarning, match=words):
        shear_catalog(columns)
    shear_catalog(columns, units={"ra": "rad", "dec": "radians"})


def test_too_dense():
    with pytest.warns(CatalogWarning, match="e.0. galaxies per square arcminute .* another unit"):
        shear_catalog(field(width=0.001, height=0.001))


@pytest.mark.parametrize("dec", [0.0, 45.0, -70.0])
def test_hours(dec):
    columns = field(dec=dec)
    columns["ra"] = columns["ra"] / 15
    with pytest.warns(CatalogWarning, match=r"RA are probably in hours.*units={'ra': 'hourangle'"):
        shear_catalog(columns)
    shear_catalog(columns, units={"ra": "hours"})


def test_too_sparse():
    with pytest.warns(CatalogWarning, match="3000 galaxies spread over about .* square degrees"):
        shear_catalog(field(width=40.0, height=40.0))


@pytest.mark.parametrize("center", [0.2, 150.0, 359.8])
@pytest.mark.parametrize("n", [1, 2])
def test_placeholder_positions(center, n):
    """A row at (0, 0) beside a field that reaches across RA = 0 or lies far away from it."""
    columns = field(ra=center, dec=30.0)
    with pytest.warns(
        CatalogWarning, match=f"{n} of {3000 + n} rows? lies? degrees away .* = 0, 0 deg, about"
    ) as caught:
        shear_catalog(with_rows(columns, np.zeros(n), np.zeros(n)))
    assert caught[0].message.code == "stray_positions"


def test_placeholder_beyond_the_edge_of_an_octant():
    n = 20_000
    ra, dec = RNG.uniform(0, 90, n), np.degrees(np.arcsin(RNG.uniform(0.1, 1, n)))
    columns = {"ra": ra, "dec": dec, "e1": np.zeros(n), "e2": np.zeros(n)}
    with pytest.warns(CatalogWarning) as caught:
        shear_catalog(with_rows(columns, [0.0], [-1.0]))
    assert any("1 of 20001 row lies" in str(one.message) for one in caught)


@pytest.mark.parametrize("e2", ["e1", "-e1", "e1 + 0"])
def test_the_same_values_for_both_components(e2):
    rng = np.random.default_rng(4)
    table = {name: rng.uniform(0, 0.3, 200) for name in ("ra", "dec", "e1", "other")}
    options = {"convention": "celestial", "kind": "shear"}
    if e2 == "e1":
        for columns in ({"e2": "e1"}, {"e1": "e1", "e2": "e1"}, "e1=e1,e2=e1"):
            with pytest.raises(ParameterError, match="different columns, not 'e1' for both"):
                ShearCatalog({**table, "e2": table["other"]}, columns, **options)
    else:
        with pytest.warns(CatalogWarning, match="e1 and e2 have the same absolute values"):
            ShearCatalog(table, {"e2": e2}, **options)
