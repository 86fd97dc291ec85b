# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Conditions on columns: what they select, what they refuse, and that they run no code."""

import warnings

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from catalogs import read_shear_catalog, shear_catalog
from hypothesis import given
from hypothesis import strategies as st

from lensmap.catalog._selection import RowSelection, computed_column
from lensmap.utils import CatalogWarning

N = 12
INDEX = np.arange(N)


def table():
    """Return columns of all types, with missing values and odd names."""
    return {
        "ra": 10.0 + INDEX / 100,
        "z": np.array([0.1, 0.5, 0.9, 1.4, 1.5, 1.6, np.nan, -99.0, np.inf, 2.0, 0.2, 0.3]),
        "flag": np.array([0, 0, 4, 0, 1, 0, 0, 0, 0, 5, 0, 0]),
        "mag": MaskedColumn(20.0 + INDEX, mask=INDEX == 10),
        "field": np.array(["XMM", "W1", "W2"] * 4),
        "step": np.array([b"ns", b"1p"] * 6),
        "primary": INDEX % 2 == 0,
        "odd name": INDEX,
        "m-1": INDEX.astype(np.uint8),
        "Big": (INDEX + 2**62).astype(np.int64),
        "g": np.stack([INDEX, -INDEX], axis=1).astype(float),
        "XMM": INDEX,
        "single": (INDEX / 10).astype(np.float32),
        ">f4": INDEX.astype(">f4"),
    }


def selected(where, mapping=None):
    return np.flatnonzero(RowSelection(where).rows(table(), mapping or {})[0]).tolist()


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("z < 1.5", [0, 1, 2, 3, 10, 11]),  # neither NaN nor -99
        ("z <= 1.5 and flag == 0", [0, 1, 3, 10, 11]),
        ("z < 1.5 or flag == 5", [0, 1, 2, 3, 9, 10, 11]),
        ("not z < 1.5", [4, 5, 9]),
        ("not (z < 1.5 and flag == 0)", [2, 4, 5, 9]),
        ("z != 0.5", [0, 2, 3, 4, 5, 9, 10, 11]),
        ("0.4 < z <= 1.5", [1, 2, 3, 4]),
        ("1.5 > z", [0, 1, 2, 3, 10, 11]),
        ("z == -99", [7]),  # named, hence not missing
        ("z < 0", []),
        ("z > -100 and z < 1", [0, 1, 2, 10, 11]),
        ("isnan(z)", [6, 7, 8]),
        ("isfinite(z) and z > 1.5", [5, 9]),
        ("not isfinite(z)", [6, 7, 8]),
        ("mag > 28", [9, 11]),  # masked in row 10
        ("not mag > 28", [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("isnan(mag)", [10]),
        ("flag in (1, 5)", [4, 9]),
        ("flag not in [0, 1]", [2, 9]),
        ("flag in {-1, 4}", [2]),
        ("(flag & 4) == 4", [2, 9]),
        ("(flag & 4) == 0 and (flag | 1) == 1", [0, 1, 3, 4, 5, 6, 7, 8, 10, 11]),
        ("(z < 1) & (flag == 0)", [0, 1, 10, 11]),
        ("(z < 1) | (flag > 4)", [0, 1, 2, 9, 10, 11]),
        ("~(flag == 0)", [2, 4, 9]),
        ("field == 'XMM'", [0, 3, 6, 9]),
        ('"W1" == field', [1, 4, 7, 10]),
        ("field in ('W1', 'W2') and ra < 10.05", [1, 2, 4]),
        ("field != 'XMM' and flag == 4", [2]),
        ("step == 'ns' and flag > 0", [2, 4]),
        ("step in ('1p',) and flag > 0", [9]),
        ("primary", [0, 2, 4, 6, 8, 10]),
        ("not primary and z < 1", [1, 11]),
        ("primary == 1", [0, 2, 4, 6, 8, 10]),
        ("primary == False", [1, 3, 5, 7, 9, 11]),
        ("primary != True", [1, 3, 5, 7, 9, 11]),
        ("`odd name` > 9", [10, 11]),
        ("`m-1` == 3", [3]),
        ("'odd name' > 9", [10, 11]),  # quotes where no text is compared
        ("`XMM` > 10", [11]),
        ("'XMM' > 10", [11]),
        ("`m-1` - 5 < -3", [0, 1]),  # differences of unsigned integers do not wrap
        ("-`m-1` < -9", [10, 11]),
        ("abs(`m-1` - 5) <= 1", [4, 5, 6]),
        ("sqrt(`odd name`) == 3", [9]),
        ("ra * 100 - 1000 > 9.5", [10, 11]),
        ("(`odd name` + 1) % 3 < 0.5 and flag == 4", [2]),
        ("primary > 0 and z < 1", [0, 2, 10]),
        ("2 ** (`odd name`) > 1000", [10, 11]),
        ("log10(mag) > 1.48", [11]),
        ("Big == 4611686018427387907", [3]),  # beyond the precision of floats
        ("big < 4611686018427387906", [0, 1]),  # case does not matter where it is unique
        ("g[0] > 9", [10, 11]),
        ("g[1] < -9", [10, 11]),
        ("g[1] < -9 and g[0] != 10", [11]),
        ("`>f4` > 9.5", [10, 11]),
        ("single == 0.3", [3]),
        ("True", list(range(N))),
        ("not False and flag == 4", [2]),
        ("z\n < 1 and\n flag == 4", [2]),
        ("  z < .15", [0]),
        ("flag == 4 and redshift < 1", [2]),  # lensmap's name
        ("flag < 1e400", list(range(N))),
        (f"flag < {10**400}", list(range(N))),
    ],
)
def test_conditions(where, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert selected(where, {"redshift": "z"}) == rows


COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


@st.composite
def conditions(draw, depth=3):
    """Return the text of a condition on x and y."""
    if depth == 0 or draw(st.booleans()):
        side = st.sampled_from(["x", "y", "x + y", "2 * x - y", "-x", "x / 2", "(x - y) % 3"])
        number = st.integers(-3, 3).map(str)
        return (
            f"{draw(side)} {draw(st.sampled_from(COMPARISONS))} {draw(st.one_of(side, number))}"
        )
    left, right = draw(conditions(depth=depth - 1)), draw(conditions(depth=depth - 1))
    return draw(st.sampled_from([
        f"({left}) and ({right})", f"({left}) or ({right})", f"not ({left})",
        f"({left}) & ({right})", f"{left} and {right} or {left}",
    ]))


@given(conditions())
def test_conditions_are_those_of_python(text):
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(-3, 4), np.arange(-3, 4)))
    expected = [bool(eval(text, {"x": float(a), "y": float(b)})) for a, b in zip(x, y, strict=True)]
    found, _ = RowSelection(text).rows({"x": x, "y": y.astype(float)}, {})
    np.testing.assert_array_equal(found, expected)


@given(conditions())
def test_a_row_without_values_is_never_selected(text):
    x = np.array([np.nan, 1.0, -99.0, np.inf])
    columns = {"x": x, "y": np.array([1.0, np.nan, 1.0, 1.0])}
    uses = {name for name in "xy" if name in text}
    for where in (text, f"not ({text})"):
        found, _ = RowSelection(where).rows(columns, {})
        if uses == {"x", "y"} and " or " not in text and " and " not in text and "&" not in text:
            assert not found.any()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("zz < 1", "there is no column 'zz', at character 1 of 'zz < 1'; the catalog has "),
        ("flag == 0 and zphoto < 1", "there is no column 'zphoto', at character 15 "),
        ("z <", "at character . of 'z <'"),
        ("z < 1 and", "at character"),
        ("z = 1", "write == to compare"),
        ("z < 1 AND flag == 0", "write and for AND"),
        ("z < 1 && flag == 0", "write and for &&"),
        ("z <> 1", "write != for <>"),
        ("odd name > 1", "write names with blanks or signs in `backticks`"),
        ("`odd name > 1", "the backtick is not closed, at character 1"),
        ("field == 'XMM", "the quote is not closed, at character 10"),
        ("z < 1 & flag == 0", "evaluated before comparisons, at character 5 .*write 'and'"),
        ("flag & 4 == 0", "& and | are evaluated before comparisons, .*for bits"),
        ("(z & 4) == 0", "& and | join two conditions or two whole numbers"),
        ("z", "where must be a condition, not 'z': compare the value"),
        ("z + 1", "where must be a condition"),
        ("flag and z < 1", "a number or a text is not a condition, at character 1"),
        ("field", "where must be a condition"),
        ("field < 'XMM'", "texts can be compared only by ==, != or in"),
        ("field == 3", "a text is compared with a number"),
        ("z < '3'", "a text is compared with a number"),
        ("field + 1 > 0", "a text is not a number"),
        ("(z < 1) + 1 > 0", "a condition is not a number"),
        ("(z < 1) < 2", "a condition can be compared only with True"),
        ("primary == 3", "a condition can be compared only with True"),
        ("flag in 3", "'in' needs a list"),
        ("flag in (1, z)", "the list after 'in' must hold numbers or texts"),
        ("flag in ()", "the list after 'in' is empty"),
        ("floor(z) == 1", "no function 'floor', at character 1 .*the functions are abs, sqrt"),
        ("sqrt(z, 2) > 1", "sqrt takes one value"),
        ("sqrt() > 1", "sqrt takes one value"),
        ("z is None", "this is not allowed"),
        ("z == None", "this is not allowed, at character 6"),
        ("g[z] > 1", "an index must be a whole number after a column"),
        ("g[0:1] > 1", "an index must be a whole number"),
        ("g[2] > 1", "elements that the column 'g' has, not 'g.2.'"),
        ("g > 1", "row of the column 'g' has the shape .2,.; its first element is g.0."),
        ("z[0] > 1", "elements that the column 'z' has"),
        ("", "where must be an expression of columns, not an empty text"),
        ("   ", "an empty text"),
        ("z < 1; flag == 0", "at character 6"),
        ("z if flag else ra", "this is not allowed"),
        ("lambda: 1", "this is not allowed"),
        ("[z for z in (1, 2)]", "this is not allowed"),
        ("z.real > 1", "this is not allowed"),
        ("(q := 1) > 0", "this is not allowed"),
        ("f'{z}' == '1'", "this is not allowed"),
        ("z @ z > 1", "this is not allowed"),
        ("z // 1 > 1", "this is not allowed"),
        ("1j > z", "this is not allowed"),
        ("b'x' == step", "this is not allowed"),
        ("__import__('os').system('true')", "only functions can be called, at character 1"),
        ("abs(z).__class__", "this is not allowed"),
        ("eval('1')", "there is no function 'eval'"),
        ("(" * 500 + "z" + ")" * 500 + " > 1", "nested|too many|at character"),
        ("z > 1" + " + 1" * 3000, "nested too deeply|at most 10000"),
        ("z < " + "1" * 20_000, "at most 10000 characters, not 20004"),
        ("z < 1 and '\x1b[31m' == field and", "at character"),
    ],
)
def test_errors_say_where(where, words):
    with pytest.raises(ValueError, match=words) as caught:
        selected(where)
    assert str(caught.value).startswith(("where must ", "columns must name elements", "columns"))
    assert "\x1b" not in str(caught.value) and len(str(caught.value)) < 1200


@pytest.mark.parametrize("where", [3, ["z < 1"], np.ones(3, bool), lambda t: t["z"] < 1])
def test_types(where):
    with pytest.raises(TypeError, match="where must be a str such as .*: catalog.select"):
        RowSelection(where)


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_one_error(text):
    try:
        RowSelection(text).rows(table(), {})
    except ValueError as error:
        assert "where must" in str(error) or "columns must" in str(error)


@pytest.mark.parametrize(
    ("constant", "rows"),
    [
        ("0/0", []), ("1 % 0", []), ("(-8)**0.5", []), ("0 * 1e400", []),
        ("1/0", list(range(N))), ("0**-1", list(range(N))), ("9.0**999", list(range(N))),
    ],
)
def test_constants_that_are_not_finite(constant, rows):
    assert selected(f"flag < {constant}") == rows
    assert selected(f"not flag < {constant}") == []
    with pytest.raises(ValueError, match="where must be a condition, not"):
        RowSelection(constant).rows(table(), {})


def test_the_columns_that_a_condition_uses():
    names = list(table())
    selection = RowSelection("Z < 1 and g[0] > 1 and field == 'XMM' and redshift > 0 and `m-1` > 0")
    assert selection.columns(names, {"redshift": "mag"}) == ["z", "g", "field", "XMM", "mag", "m-1"]
    assert RowSelection("weight > 0").columns(["a", "b"], {"weight": "1 / (a + b)"}) == ["a", "b"]


def test_computed_columns():
    values = computed_column(table(), "sqrt(`odd name`) / 2")
    np.testing.assert_allclose(values, np.sqrt(INDEX) / 2)
    mag = computed_column(table(), "mag + z")
    assert mag.mask.tolist() == [i in (7, 10) for i in range(N)]  # a placeholder is no number
    assert computed_column(table(), "single").dtype == np.float32
    with pytest.raises(ValueError, match="expressions that give numbers, not 'z < 1'"):
        computed_column(table(), "z < 1")


# ---- In a catalog


def shear_table(n=1000):
    rng = np.random.default_rng(1)
    return {"ra": rng.uniform(10, 11, n), "dec": rng.uniform(0, 1, n), "e1": rng.normal(0, 0.2, n),
            "e2": rng.normal(0, 0.2, n), "Z_B": rng.uniform(0, 2, n),
            "flag": rng.integers(0, 3, n), "imag": rng.uniform(20, 25, n)}


@pytest.mark.parametrize("bad", [False, True])
def test_a_catalog_of_selected_rows(bad, caplog):
    columns = shear_table()
    if bad:
        columns["e1"][::7] = np.nan
    keep = (columns["Z_B"] > 0.8) & (columns["flag"] == 0)
    where, expected = "Z_B > 0.8 and flag == 0", {k: v[keep] for k, v in columns.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CatalogWarning)
        catalog = shear_catalog(columns, {"redshift": "Z_B"}, where=where, extra_columns="imag")
        same = shear_catalog(expected, {"redshift": "Z_B"}, extra_columns="imag")
    for name in ("ra", "dec", "e1", "e2", "redshift", "imag"):
        np.testing.assert_array_equal(catalog[name], same[name])
    assert (catalog.where, catalog.n_not_selected) == (where, 1000 - keep.sum())
    assert catalog.n_left_out == same.n_left_out  # counted among the selected rows
    assert f"selects {keep.sum()} of 1000 rows and leaves out {1000 - keep.sum()}" in caplog.text


def test_a_condition_that_holds_everywhere_copies_nothing():
    columns = shear_table()
    catalog = shear_catalog(columns, where="imag > 0")
    assert np.shares_memory(catalog.ra, columns["ra"]) and catalog.n_not_selected == 0


def test_nothing_selected():
    with pytest.raises(ValueError, match="none of 1000 rows; 'imag' ranges from 20.* to 2"):
        shear_catalog(shear_table(), where="imag > 30")


def test_where_reads_files(tmp_path):
    path = tmp_path / "cat.fits"
    columns = shear_table()
    Table(columns | {"field": np.where(columns["flag"] == 0, "XMM", "W1")}).write(path)
    catalog = read_shear_catalog(path, where="field == 'XMM' and imag < 22")
    assert len(catalog) == np.sum((columns["flag"] == 0) & (columns["imag"] < 22))


def test_placeholders_of_a_redshift_are_not_selected():
    columns = shear_table()
    columns["Z_B"][:300] = 99.0
    columns["Z_B"][300:400] = -99.0
    with warnings.catch_warnings():
        warnings.simplefilter("error", CatalogWarning)
        catalog = shear_catalog(columns, {"redshift": "Z_B"}, where="Z_B > 0")
        assert len(catalog) == 600
        assert len(shear_catalog(columns, {"redshift": "Z_B"}, where="Z_B < 99")) == 600


def test_one_version_of_each_galaxy():
    """One version of metadetection has no response of its own."""
    columns = shear_table()
    steps = ("noshear", "1p", "1m", "2p", "2m")
    five = {name: np.tile(values, 5) for name, values in columns.items()}
    for name, dtype in (("mdet_step", "U8"), ("metaStep", "S8"), ("variant", object)):
        step = np.repeat(np.array(steps, dtype=dtype), 1000)
        with pytest.raises(ValueError, match=f"only noshear in the column '{name}'"):
            shear_catalog(five | {name: step}, where=f"{name} == 'noshear'")
        assert len(shear_catalog(five | {name: step}, response=0.8)) == 1000
        assert len(shear_catalog(columns | {name: step[:1000]}, response=0.8)) == 1000
    assert len(shear_catalog(five | {"variant": step}, {"variant": None})) == 5000


def test_rows_that_a_survey_leaves_out():
    columns = shear_table()
    hsc = {"i_ra": columns["ra"], "i_dec": columns["dec"], "weak_lensing_flag": np.ones(1000, bool)}
    for name in ("e1", "e2"):
        hsc[f"i_hsmshaperegauss_{name}"] = columns[name]
    hsc["weak_lensing_flag"][:10] = False
    declared = {"convention": "celestial", "kind": "distortion"}
    words = "of 1000 rows, 10 do not fulfill weak_lensing_flag == 1; where='"
    with pytest.warns(CatalogWarning, match=words):
        assert len(shear_catalog(hsc, **declared)) == 1000
    assert len(shear_catalog(hsc, where="weak_lensing_flag == 1", **declared)) == 990
    assert len(shear_catalog(hsc, where="weak_lensing_flag >= 0", **declared)) == 1000
    hsc["weak_lensing_flag"][:] = True
    shear_catalog(hsc, **declared)
