# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A catalog as it is made, selected, written and read again."""

import copy
import pickle

import numpy as np
import pytest
from astropy import log
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from catalogs import shear_catalog
from regions import CirclePixelRegion, CircleSkyRegion, PixCoord, RectangleSkyRegion

from lensmap import ShearCatalog
from lensmap.catalog import as_shear_catalog
from lensmap.masks import SkyMask
from lensmap.utils import CatalogWarning


def columns(n=40, seed=1):
    rng = np.random.default_rng(seed)
    return {
        "ra": (359.5 + rng.uniform(0, 1, n)) % 360,
        "dec": rng.uniform(29.5, 30.5, n),
        "e1": rng.normal(0, 0.2, n),
        "e2": rng.normal(0, 0.2, n),
        "weight": rng.uniform(0.5, 1.5, n),
    }


def assert_same(one, other):
    assert len(one) == len(other)
    assert (one.kind, one.frame, one.response) == (other.kind, other.frame, other.response)
    for name in ("ra", "dec", "e1", "e2", "weight", "sigma_m", "redshift", "m", "c1", "r11", "r12"):
        if one[name] is None:
            assert other[name] is None
        else:
            np.testing.assert_array_equal(one[name], other[name])


# --- making ----------------------------------------------------------------------------------


def test_columns_as_they_are():
    table = columns()
    catalog = shear_catalog(table)
    for name, values in table.items():
        np.testing.assert_array_equal(catalog[name], values)
        np.testing.assert_array_equal(getattr(catalog, name), values)
    assert catalog["m"] is None and len(catalog) == 40
    assert shear_catalog({k: v for k, v in table.items() if k != "weight"}).weight is None
    with pytest.raises(KeyError, match="no column 'mag'; there are ra, dec, e1, e2, weight"):
        catalog["mag"]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_lists_and_one_galaxy(n):
    table = {name: values[:n].tolist() for name, values in columns().items()}
    if n == 0:
        with pytest.raises(ValueError, match="no usable row is left of 0"):
            shear_catalog(table)
    else:
        assert len(shear_catalog(table)) == n


def test_duplicate_positions_are_galaxies_of_their_own():
    table = {name: np.repeat(values[:1], 3) for name, values in columns().items()}
    assert len(shear_catalog(table)) == 3


@pytest.mark.parametrize("table", [None, "cat.fits", [1, 2], np.zeros(3)])
def test_not_a_table(table):
    with pytest.raises(TypeError, match="an astropy table or a dict .*: ShearCatalog.read reads"):
        shear_catalog(table)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"convention": "east"}, "convention must be one of"),
        ({"kind": "ellipticity"}, "kind must be one of 'shear', 'distortion', not 'ellipticity'"),
        ({"frame": "equatorial"}, "frame must be the name of an astropy frame, not 'equatorial'"),
        ({"frame": 5}, "frame must be"),
        ({"frame": "altaz"}, "one that converts to ICRS, .* depends on the place of an observer"),
        ({"frame": "itrs"}, "frame must be one that converts to ICRS"),
        ({"frame": "galactocentric"}, "this frame has no longitude and latitude"),
        ({"frame": "hcrs"}, "this frame needs distances, or the place and time of an observer"),
        ({"columns": {"e1": "no"}}, "columns must name columns .* not 'no' .for 'e1'."),
    ],
)
def test_wrong_declarations(kwargs, words):
    with pytest.raises(ValueError, match=words):
        shear_catalog(columns(), **kwargs)


@pytest.mark.parametrize(
    ("convention", "signs"),
    [("celestial", (1, 1)), ("euclidean", (1, -1)), ("iau", (-1, 1)), ((-1, -1), (-1, -1))],
)
def test_ellipticities_are_celestial(convention, signs):
    table = columns() | {"c1": np.full(40, 0.1), "c2": np.full(40, 0.2)}
    catalog = shear_catalog(table, convention=convention)
    for i, names in ((0, ("e1", "c1")), (1, ("e2", "c2"))):
        for name in names:
            np.testing.assert_array_equal(catalog[name], signs[i] * table[name])


def test_skycoord_has_the_frame():
    table = columns()
    sky = shear_catalog(table, frame="galactic").skycoord
    assert sky.frame.name == "galactic"
    np.testing.assert_allclose(sky.l.deg, table["ra"])


def test_what_is_said_of_the_columns():
    table = columns()
    named = {"RAJ2000": table["ra"], "DECJ2000": table["dec"], "e1": table["e1"], "e2": table["e2"]}
    with log.log_to_list() as said:
        shear_catalog(named, convention="euclidean")
    (message,) = [record.getMessage() for record in said]
    assert "preset 'kids': ra=RAJ2000, dec=DECJ2000, e1=e1, e2=e2" in message
    with log.log_to_list() as said:
        shear_catalog(table)  # lensmap's own names
        shear_catalog(named, "kids", "euclidean")  # said by the user
    assert len(said) == 0


def test_a_selection_does_not_count_again_what_was_left_out():
    bad = columns()
    bad["e1"][0] = np.nan
    with pytest.warns(CatalogWarning, match="1 of 40"):
        catalog = shear_catalog(bad)
    assert catalog.n_left_out and not catalog.select(slice(10)).n_left_out


def test_extra_columns():
    table = Table(columns() | {"name": np.arange(40).astype(str)})
    table["mag"] = MaskedColumn(np.linspace(20, 25, 40), mask=np.arange(40) == 1)
    table["where"] = SkyCoord(table["ra"], table["dec"], unit="deg")
    table["e1"][0] = np.nan
    with pytest.warns(CatalogWarning, match="1 of 40"):
        catalog = shear_catalog(table, extra_columns=("name", "mag", "where"))
    assert catalog["name"][:2].tolist() == ["1", "2"]
    assert catalog["mag"].mask[:2].tolist() == [True, False]
    np.testing.assert_allclose(catalog["where"].ra.deg, catalog.ra)
    assert catalog.select(slice(5, 7))["name"].tolist() == ["6", "7"]
    assert catalog.table.colnames[-3:] == ["name", "mag", "where"]
    assert shear_catalog(columns() | {"z2": np.ones(40)}, extra_columns="z2")["z2"].sum() == 40


@pytest.mark.parametrize(
    ("extra", "words"),
    [("magnitude", "no column 'magnitude'; the catalog has ra, dec"), ("e1", "'e1' is the name"),
     ("M", "'M' is the name of one of lensmap's own columns; rename")],
)
def test_wrong_extra_columns(extra, words):
    table = columns() | {"M": np.ones(40), "g1": np.ones(40), "g2": np.ones(40)}
    with pytest.raises(ValueError, match=words):
        shear_catalog(table, {"e1": "g1", "e2": "g2"}, extra_columns=[extra])


def test_repr():
    text = repr(shear_catalog(columns(), convention="iau", kind="distortion"))
    assert text == (
        "<ShearCatalog of 40 galaxies; ra, dec, e1, e2, weight; convention='iau' (argument), "
        "kind='distortion' (argument)>"
    )


def test_copies():
    catalog = shear_catalog(columns(), convention="iau", response=0.7)
    for other in (pickle.loads(pickle.dumps(catalog)), copy.deepcopy(catalog)):
        assert_same(other, catalog)
        assert other.convention == "iau"


# --- selecting -------------------------------------------------------------------------------

CATALOG = shear_catalog(columns(), convention="euclidean", response=0.8, frame="fk5")


@pytest.mark.parametrize(
    "key",
    [
        slice(3, 9),
        slice(None, None, -2),
        [0, 5, 5, -1],
        np.array([7, 3], dtype=np.int16),
        np.arange(40) % 3 == 0,
        (np.arange(40) % 2 == 0).tolist(),
        range(4),
    ],
    ids=str,
)
def test_rows(key):
    chosen = CATALOG.select(key)
    assert isinstance(chosen, ShearCatalog)
    rows = np.arange(40)[key if not isinstance(key, range) else list(key)]
    for name in ("ra", "dec", "e1", "e2", "weight"):
        np.testing.assert_array_equal(chosen[name], CATALOG[name][rows])
    assert chosen.convention == "euclidean" and chosen.response == 0.8 and chosen.frame == "fk5"
    np.testing.assert_array_equal(chosen.skycoord.ra.deg, chosen.ra)


def test_a_column_of_the_catalog_selects():
    table = Table(columns())
    assert len(shear_catalog(table).select(table["e1"] > 0)) == np.sum(table["e1"] > 0)


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        (np.ones(39, dtype=bool), ValueError, "array has 39 elements, but the catalog has 40"),
        (np.zeros(40, dtype=bool), ValueError, "leaves none of the 40 galaxies"),
        ([], ValueError, "leaves none of the 40 galaxies"),
        (slice(40, None), ValueError, "leaves none"),
        ([40], IndexError, "40"),
        (3, TypeError, "a slice, a boolean array or an array of indices, not array.3.: within"),
        (np.float64(1), TypeError, "a slice"),
        ([0.5, 1.5], TypeError, "a slice"),
        (np.zeros((40, 2), dtype=bool), TypeError, "a slice"),
        (None, TypeError, "a slice"),
    ],
)
def test_wrong_rows(key, error, words):
    with pytest.raises(error, match=words):
        CATALOG.select(key)


@pytest.mark.parametrize("key", [slice(3), np.ones(40, dtype=bool), 3, None], ids=str)
def test_items_are_columns(key):
    with pytest.raises(TypeError, match=r"the name of a column.*select\(rows\).*within\(region\)"):
        CATALOG[key]


CENTER = SkyCoord(0.05, 30.02, unit="deg")
CIRCLE = CircleSkyRegion(CENTER, 0.3 * u.deg)
INSIDE = CENTER.separation(CATALOG.skycoord.icrs).deg < 0.3


def _moc():
    mocpy = pytest.importorskip("mocpy")
    return mocpy.MOC.from_cone(lon=CENTER.ra, lat=CENTER.dec, radius=0.3 * u.deg, max_depth=18)


def _file(tmp_path):
    path = tmp_path / "m.reg"
    path.write_text("icrs\ncircle(0.05,30.02,0.3)\n")
    return path


REGIONS = {
    "circle": lambda _: CIRCLE,
    "list": lambda _: [CIRCLE, CircleSkyRegion(CENTER, 1 * u.arcsec)],
    "holes": lambda _: Table({"ra": [0.05], "dec": [30.02], "radius": [0.3]}),
    "moc": lambda _: _moc(),
    "file": _file,
    "SkyMask": lambda _: SkyMask(CIRCLE),
    "twice turned": lambda _: SkyMask(SkyMask(CIRCLE, exclude="outside"), exclude="outside"),
}


@pytest.mark.parametrize("kind", REGIONS)
def test_regions(kind, tmp_path):
    region = REGIONS[kind](tmp_path)
    assert 5 < INSIDE.sum() < 35
    np.testing.assert_array_equal(CATALOG.within(region).ra, CATALOG.ra[INSIDE])
    np.testing.assert_array_equal(CATALOG.within(region, inside=False).ra, CATALOG.ra[~INSIDE])


@pytest.mark.filterwarnings("ignore:4000 galaxies spread over")
def test_regions_far_from_the_others():
    """On a catalog that covers much of the sky, a circle is a circle everywhere."""
    rng = np.random.default_rng(3)
    n = 4000
    table = columns(n) | {"ra": rng.uniform(0, 180, n), "dec": rng.uniform(-70, 70, n)}
    catalog = shear_catalog(table)
    for ra in (5, 90, 175):
        center = SkyCoord(ra, 60, unit="deg")
        found = catalog.within(CircleSkyRegion(center, 9 * u.deg))
        inside = center.separation(catalog.skycoord).deg < 9
        assert inside.sum() > 10
        np.testing.assert_array_equal(found.ra, catalog.ra[inside])


def test_empty_region():
    far = CircleSkyRegion(SkyCoord(180, -30, unit="deg"), 1 * u.deg)
    with pytest.raises(ValueError, match="the selection leaves none of the 40 galaxies"):
        CATALOG.within(far)
    assert len(CATALOG.within(far, inside=False)) == 40


@pytest.mark.parametrize(
    "region", [CirclePixelRegion(PixCoord(3, 3), 2), SkyMask(np.ones((2, 2), dtype=bool))], ids=str
)
def test_regions_of_pixels(region):
    with pytest.raises(TypeError, match="pixels of a map, and there is no map"):
        CATALOG.within(region)


# --- tables and back -------------------------------------------------------------------------


def _full():
    rng = np.random.default_rng(5)
    table = columns() | {
        name: rng.uniform(0.1, 0.5, 40)
        for name in ("sigma_m", "sigma_e", "redshift", "m", "c1", "c2", "r11", "r22", "r12", "r21")
    }
    table["ra"][0], table["ra"][1] = -10.0, 370.0
    return table


@pytest.mark.parametrize("ending", [None, "ecsv", "fits", "hdf5"])
@pytest.mark.parametrize(
    "declared",
    [
        {"convention": "iau", "kind": "shear"},
        {"convention": "-1,-1", "kind": "distortion", "frame": "galactic"},
        {"convention": "euclidean", "response": 0.75},
        {"convention": "euclidean", "response": [[0.7, 0.1], [0.05, 1 / 3]]},
    ],
)
def test_round_trip(tmp_path, ending, declared):
    catalog = shear_catalog(_full(), **declared)
    table = catalog.table
    if ending == "hdf5":
        pytest.importorskip("h5py")
        table.write(tmp_path / "c.hdf5", path="shear", serialize_meta=True)
        table = Table.read(tmp_path / "c.hdf5", path="shear")
    elif ending is not None:
        table.write(tmp_path / f"c.{ending}")
        table = Table.read(tmp_path / f"c.{ending}")
    again = as_shear_catalog(table)  # without a warning
    assert_same(again, catalog)
    assert again.convention == "celestial"
    assert table["ra"].unit == u.deg


def test_the_table_is_new():
    catalog = shear_catalog(columns())
    catalog.table.remove_column("e1")
    catalog.table.meta["KIND"] = "distortion"
    assert "e1" in catalog.table.colnames and catalog.table.meta["KIND"] == "shear"


def test_as_shear_catalog():
    catalog = shear_catalog(columns(), convention="iau")
    assert as_shear_catalog(catalog) is catalog
    table = Table(columns(), meta={"convention": "iau", "kind": "distortion"})
    found = as_shear_catalog(table)
    assert (found.convention, found.kind) == ("iau", "distortion")
    np.testing.assert_array_equal(found.e1, -table["e1"])
    for wrong in (columns(), None, "cat.fits"):
        with pytest.raises(TypeError, match="catalog must be a ShearCatalog or an astropy table"):
            as_shear_catalog(wrong)


# --- positions beyond a turn -----------------------------------------------------------------


def test_right_ascensions_of_another_turn():
    """-10 and 350, 370 and 10 are the same places, for masks, maps and selections."""
    from lensmap import ShearGrid, make_wcs

    table = columns()
    usual = shear_catalog(table)
    west = table["ra"] > 180
    turned = shear_catalog(table | {"ra": np.where(west, table["ra"] - 360, table["ra"])})
    other = shear_catalog(table | {"ra": np.where(west, table["ra"], table["ra"] + 360)})
    region = RectangleSkyRegion(CENTER, 0.5 * u.deg, 0.3 * u.deg, 20 * u.deg)
    wcs = make_wcs(usual, 6 * u.arcmin)
    grid = ShearGrid.from_catalog(usual, wcs, region)
    assert 0 < grid.n_masked < 40 and grid.n_outside == 0
    for catalog in (turned, other):
        np.testing.assert_array_equal(catalog.within(region).e1, usual.within(region).e1)
        found = ShearGrid.from_catalog(catalog, wcs, region)
        np.testing.assert_array_equal(found.count, grid.count)
        np.testing.assert_allclose(found.g2, grid.g2, atol=1e-7)
        assert make_wcs(catalog, 6 * u.arcmin).array_shape == wcs.array_shape


def test_other_ellipticities():
    table = Table({"ra": [10.0, 10.1], "dec": [5.0, 5.1], "e1": [0.1, 0.2], "e2": [0.3, 0.4],
                   "weight": [1.0, 2.0]})
    catalog = shear_catalog(table, "generic", "euclidean")
    other = catalog.with_ellipticities([3.0, 0.0], catalog.e2)  # none is left out, nor turned
    assert other.e1.tolist() == [3.0, 0.0] and other.e2.tolist() == [-0.3, -0.4]
    assert other.weight is catalog.weight and other.convention == "euclidean"
    assert catalog.e1.tolist() == [0.1, 0.2]
    for wrong in ([1.0], [np.nan, 0.0]):
        with pytest.raises(ValueError, match="e2 must be one finite number for each of the 2"):
            catalog.with_ellipticities(catalog.e1, wrong)
