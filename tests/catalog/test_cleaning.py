# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which rows are left out, each counted once."""

import warnings

import numpy as np
import pytest
from catalogs import shear_catalog
from hypothesis import given
from hypothesis import strategies as st

from lensmap.utils import CatalogWarning

GOOD = {"ra": 10.0, "dec": 20.0, "e1": 0.1, "e2": -0.2, "weight": 1.5, "sigma_m": 0.2,
        "sigma_e": 0.3, "redshift": 0.7, "m": -0.1, "c1": 0.001, "r11": 0.6}

UNSEEN = -1.6375e30

CAUSES = [
    ({"ra": np.nan}, "ra not finite"),
    ({"dec": np.inf}, "dec not finite"),
    ({"e1": -np.inf}, "e1 not finite"),
    ({"e2": np.nan}, "e2 not finite"),
    ({"weight": np.nan}, "weight not finite"),
    ({"sigma_m": np.inf}, "sigma_m not finite"),
    ({"m": np.nan}, "m not finite"),
    ({"r11": np.nan}, "r11 not finite"),
    ({"dec": 90.001}, "dec outside -90..90 deg"),
    ({"dec": -91.0}, "dec outside -90..90 deg"),
    ({"ra": 721.0}, "ra outside -360..720 deg"),
    ({"ra": -361.0}, "ra outside -360..720 deg"),
    ({"weight": -1e-9}, "negative weight"),
    ({"sigma_m": -0.1}, "negative sigma_m"),
    ({"sigma_e": -0.1}, "negative sigma_e"),
    ({"e1": 1.5, "e2": 1.5}, r"|e| above 2"),
    *(
        ({name: value}, f"{name} is {value:g} (placeholder)")
        for name in ("dec", "e1", "e2", "weight", "sigma_m", "sigma_e", "m", "c1", "r11")
        for value in (-99.0, -999.0, -9999.0, UNSEEN)
    ),
    *(
        ({name: value}, f"{name} is {value:g} (placeholder)")
        for name in ("dec", "sigma_m", "sigma_e", "m", "c1")
        for value in (99.0, 999.0)
    ),
    ({"ra": -9999.0}, "ra is -9999 (placeholder)"),
    ({"r11": 999.0}, "r11 is 999 (placeholder)"),
    ({"m": -1.2}, "m outside -1..1"),
    ({"m": 1.0}, "m outside -1..1"),
    ({"c1": 1.5}, "c1 outside -1..1"),
    ({"r11": 101.0}, "r11 outside -100..100"),
    ({"sigma_m": 10.5}, "sigma_m outside 0..10"),
    ({"sigma_e": 1e5}, "sigma_e outside 0..10"),
]


def catalog_of(rows, **kwargs):
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        catalog = shear_catalog(table, convention="celestial", kind="shear", **kwargs)
    messages = [str(w.message) for w in record if issubclass(w.category, CatalogWarning)]
    return catalog, messages


@pytest.mark.parametrize(("change", "cause"), CAUSES)
def test_each_cause(change, cause):
    rows = [GOOD, GOOD | change, GOOD, GOOD | change]
    catalog, messages = catalog_of(rows)
    assert messages == [f"2 of 4 rows are left out: 2 {cause}"]
    assert catalog.n_left_out == {cause: 2}
    assert len(catalog) == 2
    for name, value in GOOD.items():
        np.testing.assert_array_equal(catalog[name], [value, value])


@given(st.lists(st.lists(st.integers(0, len(CAUSES) - 1), max_size=3), min_size=1, max_size=30))
def test_a_row_is_counted_once_whatever_is_wrong_with_it(faults):
    rows = [GOOD]
    for causes in faults:
        row = dict(GOOD)
        for i in causes:
            row |= CAUSES[i][0]
        rows.append(row)
    bad = sum(bool(causes) for causes in faults)
    catalog, messages = catalog_of(rows)
    assert sum(catalog.n_left_out.values()) == bad
    assert len(catalog) == len(rows) - bad
    assert len(messages) == (bad > 0)


def test_kept():
    """Calibrated ellipticities above 1, weights of 0, RA beyond a turn, the poles, no redshift."""
    changes = [{"e1": 1.3, "e2": 1.3}, {"e1": 2.0, "e2": 0.0}, {"weight": 0.0}, {"ra": -10.0},
               {"ra": 370.0}, {"ra": 360.0}, {"dec": 90.0}, {"dec": -90.0}, {"redshift": np.nan},
               {"ra": -99.0}, {"ra": 99.0}, {"weight": 99.0}, {"weight": 9999.0}, {"m": -0.5},
               {"r11": -2.0}, {"r11": 60.0}, {"sigma_m": 0.0}]
    catalog, messages = catalog_of([GOOD | change for change in changes])
    assert messages == [] and catalog.n_left_out == {}
    assert len(catalog) == len(changes)


@pytest.mark.parametrize("value", [-99.0, 99.0, -1.0, 0.0, 22.5, np.inf, -np.inf, UNSEEN])
@pytest.mark.parametrize("dtype", [float, np.float32])
def test_a_placeholder_is_no_redshift_but_no_reason_to_leave_out_a_galaxy(value, dtype):
    rows = [GOOD, GOOD | {"redshift": value}, GOOD | {"redshift": np.nan}, GOOD]
    table = {name: np.array([row[name] for row in rows], dtype=dtype) for name in GOOD}
    with pytest.warns(CatalogWarning, match="1 of 4 rows count as galaxies without a redshift"):
        catalog = shear_catalog(table)
    np.testing.assert_array_equal(np.isnan(catalog["redshift"]), [False, True, True, False])
    assert catalog.n_left_out == {} and catalog["redshift"].dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, ">f4"])
def test_placeholders_of_any_type(dtype):
    for name in ("m", "weight", "r11", "sigma_m"):
        columns = {key: np.array([value, value, value]) for key, value in GOOD.items()}
        columns[name] = np.array([0, -99, 0]).astype(dtype)
        with pytest.warns(CatalogWarning, match=rf"1 of 3 .*: 1 {name} is -99 \(placeholder\)"):
            assert len(shear_catalog(columns)) == 2


def test_a_column_that_is_something_else_is_an_error():
    """Magnitudes in a column m, signal-to-noise ratios in a column sigma_m."""
    rng = np.random.default_rng(1)
    table = {name: np.full(100, value) for name, value in GOOD.items()}
    for name, values in (("m", rng.uniform(18, 25, 100)), ("sigma_m", rng.uniform(11, 99, 100)),
                         ("c1", rng.uniform(10, 900, 100)), ("r11", rng.uniform(200, 300, 100))):
        words = f"for '{name}', not '{name}': 100 of 100 values are outside"
        with pytest.raises(ValueError, match=words):
            shear_catalog(table | {name: values})
        assert len(shear_catalog(table | {name: values}, {name: None})) == 100
    # Placeholders may be the majority: objects without a measured shape.
    table["m"] = np.where(np.arange(100) < 80, -99.0, 0.0)
    with pytest.warns(CatalogWarning, match="80 of 100 rows are left out: 80 m is -99"):
        assert len(shear_catalog(table)) == 20


@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e-15, 1e20, 1e30])
def test_the_size_of_weights_does_not_matter(scale):
    """Neither their squares in single precision nor sums of them over- or underflow."""
    from lensmap.catalog import Calibration

    rng = np.random.default_rng(2)
    weight = rng.uniform(0.5, 1.5, 1000)
    table = {"ra": rng.uniform(0, 1, 1000), "dec": rng.uniform(0, 1, 1000),
             "e1": rng.normal(0, 0.2, 1000), "e2": rng.normal(0, 0.2, 1000)}
    expected = Calibration.from_catalog(shear_catalog(table | {"weight": weight}))
    single = (scale * weight).astype(np.float32)
    found = Calibration.from_catalog(shear_catalog(table | {"weight": single}))
    assert found.noise_squares()[0] == pytest.approx(expected.noise_squares()[0], rel=1e-5)
    assert found.sum_w2 / found.sum_w**2 == pytest.approx(
        expected.sum_w2 / expected.sum_w**2, rel=1e-5
    )


@pytest.mark.parametrize("scale", [1e-310, 1e-180, 1e160])
def test_weights_beyond_double_precision(scale):
    table = {name: np.full(3, value) for name, value in GOOD.items()}
    words = "weight must have a maximum from 1e-100 to 1e.100, .* rescale the col"
    with pytest.raises(ValueError, match=words):
        shear_catalog(table | {"weight": np.full(3, scale)})


def test_max_ellipticity():
    rows = [GOOD | {"e1": e, "e2": 0.0} for e in (0.5, -0.9, 1.2, 5.0)]
    assert len(catalog_of(rows, max_ellipticity=10)[0]) == 4
    assert len(catalog_of(rows, max_ellipticity=np.inf)[0]) == 4
    catalog, messages = catalog_of(rows, max_ellipticity=0.9)
    assert catalog.e1.tolist() == [0.5, -0.9]
    assert messages == ["2 of 4 rows are left out: 2 |e| above 0.9"]
    for wrong in (0, -1, np.nan):
        with pytest.raises(ValueError, match="max_ellipticity must be positive, not"):
            catalog_of(rows, max_ellipticity=wrong)


def test_nothing_left():
    with pytest.raises(ValueError, match="no usable row is left of 2: 1 ra not finite, 1 negative"):
        catalog_of([GOOD | {"ra": np.nan}, GOOD | {"weight": -1.0}])
    empty = {name: [] for name in ("ra", "dec", "e1", "e2")}
    with pytest.raises(ValueError, match="must have usable rows, but no usable row is left of 0$"):
        shear_catalog(empty, convention="celestial", kind="shear")


def test_masked_values_are_missing_whatever_lies_under_the_mask():
    n = 6
    table = {name: np.ma.array(np.full(n, value)) for name, value in GOOD.items()}
    for row, name in enumerate(("ra", "e2", "weight", "redshift")):
        table[name][row] = np.ma.masked
    with pytest.warns(CatalogWarning, match="3 of 6 .*: 1 ra not finite, 1 e2 not .*, 1 weight "):
        catalog = shear_catalog(table, convention="celestial", kind="shear")
    np.testing.assert_array_equal(catalog["redshift"], [np.nan, 0.7, 0.7])


def test_the_input_is_not_changed():
    table = {name: np.full(3, value) for name, value in GOOD.items()}
    table["e1"][1] = np.nan
    table["redshift"] = np.ma.array(table["redshift"], mask=[True, False, False])
    before = {name: values.copy() for name, values in table.items()}
    with pytest.warns(CatalogWarning):
        shear_catalog(table, convention="iau", kind="shear")
    for name, values in table.items():
        np.testing.assert_array_equal(values, before[name])
