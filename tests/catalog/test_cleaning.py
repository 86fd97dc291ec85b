# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which rows are left out, each counted once."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmap import ShearCatalog
from lensmap.utils import CatalogWarning

GOOD = {"ra": 10.0, "dec": 20.0, "e1": 0.1, "e2": -0.2, "weight": 1.5, "sigma_m": 0.2,
        "sigma_e": 0.3, "redshift": 0.7, "m": -0.1, "c1": 0.001, "r11": 0.6}

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
]


def catalog_of(rows, **kwargs):
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        catalog = ShearCatalog(table, **kwargs)
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
               {"redshift": -99.0}]
    catalog, messages = catalog_of([GOOD | change for change in changes])
    assert messages == [] and catalog.n_left_out == {}
    assert len(catalog) == len(changes)


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
    with pytest.raises(ValueError, match="^no usable row is left of 0$"):
        ShearCatalog(empty)


def test_masked_values_are_missing_whatever_lies_under_the_mask():
    n = 6
    table = {name: np.ma.array(np.full(n, value)) for name, value in GOOD.items()}
    for row, name in enumerate(("ra", "e2", "weight", "redshift")):
        table[name][row] = np.ma.masked
    with pytest.warns(CatalogWarning, match="3 of 6 .*: 1 ra not finite, 1 e2 not .*, 1 weight "):
        catalog = ShearCatalog(table)
    np.testing.assert_array_equal(catalog["redshift"], [np.nan, 0.7, 0.7])


def test_the_input_is_not_changed():
    table = {name: np.full(3, value) for name, value in GOOD.items()}
    table["e1"][1] = np.nan
    table["redshift"] = np.ma.array(table["redshift"], mask=[True, False, False])
    before = {name: values.copy() for name, values in table.items()}
    with pytest.warns(CatalogWarning):
        ShearCatalog(table, convention="iau")
    for name, values in table.items():
        np.testing.assert_array_equal(values, before[name])
