# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Convention, kind, frame and response: where each comes from, and what is said of it."""

import itertools
import re
import warnings

import numpy as np
import pytest
from astropy import log
from astropy.io import fits
from astropy.table import Table

from lensmap import KaiserSquires, ShearCatalog, ShearGrid, make_wcs
from lensmap.catalog import COLUMN_PRESETS, as_shear_catalog, convention_signs
from lensmap.utils import ConventionWarning

SURVEYS = [name for name, entry in COLUMN_PRESETS.items() if entry.kind and entry.convention]
# Surveys whose columns have the names of another one's, of the same convention and kind.
ALIKE = ("cfhtlens",)
NAMES = ("convention", "kind", "frame", "response")


def columns(n=40, seed=1):
    rng = np.random.default_rng(seed)
    return {
        "ra": rng.uniform(10, 11, n),
        "dec": rng.uniform(29.5, 30.5, n),
        "e1": rng.normal(0, 0.2, n),
        "e2": rng.normal(0, 0.2, n),
    }


def survey_table(survey):
    """Return a table with the names of a survey that it prefers."""
    entry, rng = COLUMN_PRESETS[survey], np.random.default_rng(2)
    values = columns() | {"r11": np.full(40, 0.7), "r22": np.full(40, 0.7)}
    needed = ("ra", "dec", "e1", "e2", "weight", *entry.signature)
    if survey == "anacal":  # the response is computed from derivatives
        values |= {f"fpfs1_de{i}_dg{i}": np.full(40, 0.7) for i in (1, 2)}
        values |= {f"dwsel_dg{i}": np.zeros(40) for i in (1, 2)}
        names = {name: entry.columns[name][0] for name in ("ra", "dec", "e1", "e2")}
        own = {names.get(name, name): column for name, column in values.items()}
        return Table({name: own[name] for name in own if name not in ("r11", "r22")}
                     | {"wsel": np.ones(40)})
    return Table({
        entry.columns[name][0]: values.get(name, rng.uniform(0.01, 0.02, 40))
        for name in needed if name in entry.columns
    })


def said_of(make):
    """Return a catalog, the codes and texts of warnings about declarations, and the log."""
    with warnings.catch_warnings(record=True) as record, log.log_to_list() as logged:
        warnings.simplefilter("always")
        catalog = make()
    doubts = [w.message for w in record if issubclass(w.category, ConventionWarning)]
    lines = [entry.getMessage() for entry in logged if "of the survey" in entry.getMessage()]
    return catalog, {one.code: str(one) for one in doubts}, lines


# --- nothing is declared ---------------------------------------------------------------------


@pytest.mark.parametrize("survey", SURVEYS)
def test_the_survey_declares_its_columns(survey):
    entry = COLUMN_PRESETS[survey]
    for named in (None, survey):
        catalog, doubts, lines = said_of(lambda: ShearCatalog(survey_table(survey), named))
        assert not doubts
        assert convention_signs(catalog.convention) == convention_signs(entry.convention)
        assert catalog.kind == entry.kind and catalog.survey == catalog.preset
        assert catalog.origins["convention"] == catalog.origins["kind"] == "survey"
        assert catalog.origins["frame"] == catalog.origins["response"] == "default"
        (line,) = lines
        assert COLUMN_PRESETS[catalog.survey].reference in line and f"kind {entry.kind!r}" in line
        assert catalog.survey == survey or named is None and survey in ALIKE
        assert "declared" not in line + repr(catalog)


def _names_of(table, survey):
    entry = COLUMN_PRESETS[survey]
    return {ours: next(n for n in entry.columns[ours] if n in table.colnames)
            for ours in ("ra", "dec", "e1", "e2")}


@pytest.mark.parametrize("survey", SURVEYS)
def test_columns_of_a_survey_that_are_named_one_by_one(survey):
    table = survey_table(survey)
    catalog, doubts, lines = said_of(lambda: ShearCatalog(table, _names_of(table, survey)))
    assert catalog.kind == COLUMN_PRESETS[survey].kind and not doubts and len(lines) == 1


def test_other_ellipticities_in_the_table_of_a_survey():
    """Shears that a user has added to an HSC table are not HSC's distortions."""
    table = survey_table("hsc_y3")
    table["mine1"], table["mine2"] = columns()["e1"], columns()["e2"]
    catalog, doubts, lines = said_of(lambda: ShearCatalog(table, {"e1": "mine1", "e2": "mine2"}))
    assert catalog.kind == "shear" and catalog.survey is None and not lines
    assert list(doubts) == ["undeclared_convention"]


def test_the_ellipticities_of_a_survey_at_other_positions():
    """The names of e1 and e2 say what they are, whatever the names of ra and dec."""
    table = survey_table("hsc_y3")
    table.rename_columns(["i_ra", "i_dec"], ["lon", "lat"])
    given = {"ra": "lon", "dec": "lat", "e1": "i_hsmshaperegauss_e1", "e2": "i_hsmshaperegauss_e2"}
    assert ShearCatalog(table, given).kind == "distortion"


@pytest.mark.parametrize(
    ("given", "code", "assumed"),
    [
        ({}, "undeclared_convention", ["convention='celestial'", "kind='shear'"]),
        ({"kind": "shear"}, "undeclared_convention", ["convention='celestial'"]),
        ({"convention": "iau"}, "undeclared_kind", ["kind='shear'"]),
        ({"convention": "iau", "kind": "distortion"}, None, []),
    ],
)
@pytest.mark.parametrize("by", ["argument", "meta"])
def test_a_table_of_no_known_survey(given, code, assumed, by, tmp_path):
    meta, arguments = (given, {}) if by == "meta" else ({}, given)
    table = Table(columns(), meta=meta)
    table.write(tmp_path / "cat.ecsv")
    makers = [lambda: ShearCatalog(table, **arguments),
              lambda: ShearCatalog.read(tmp_path / "cat.ecsv", **arguments)]
    if by == "meta":
        makers.append(lambda: as_shear_catalog(table))
    for make in makers:
        catalog, doubts, _ = said_of(make)
        assert list(doubts) == ([code] if code else [])
        for text in doubts.values():
            for word in assumed:
                assert word in text
            assert "or survey" in text and ("lensmap check" in text) == ("convention" not in given)
        for name in ("convention", "kind"):
            origin = "file" if by == "meta" else "argument"
            assert catalog.origins[name] == (origin if name in given else "default")


def test_what_lensmap_wrote_declares_itself(tmp_path):
    with pytest.warns(ConventionWarning):
        ShearCatalog(columns()).table.write(tmp_path / "again.fits")
    again = ShearCatalog.read(tmp_path / "again.fits")  # without a warning
    assert again.origins == {**dict.fromkeys(NAMES[:3], "file"), "response": "default"}


# --- who is right ----------------------------------------------------------------------------

OTHER = {"convention": "iau", "kind": "distortion", "frame": "fk5", "response": 0.5}
ONE = {"convention": "euclidean", "kind": "shear", "frame": "galactic", "response": 0.8}
KEYS = {"convention": "CONVENTN", "kind": "KIND", "frame": "FRAME", "response": "RESPONSE"}


def _catalog(tmp_path, ending, meta, arguments, number):
    table = Table(columns(), meta=meta)
    if ending is None:
        return said_of(lambda: ShearCatalog(table, **arguments))
    path = tmp_path / f"c{number}.{ending}"
    options = {}
    if ending == "hdf5":
        pytest.importorskip("h5py")
        options = {"path": "shear", "serialize_meta": True}
    table.write(path, **options)
    options.pop("serialize_meta", None)
    return said_of(lambda: ShearCatalog.read(path, **options, **arguments))


@pytest.mark.parametrize("ending", [None, "fits", "ecsv", "hdf5"])
def test_the_argument_is_right(ending, tmp_path):
    full = {KEYS[name]: value for name, value in ONE.items()}
    for number, name in enumerate(NAMES):
        catalog, doubts, _ = _catalog(tmp_path, ending, full, {name: OTHER[name]}, number)
        expected = ONE | {name: OTHER[name]}
        assert {n: getattr(catalog, n) for n in NAMES} == expected
        assert catalog.origins == {**dict.fromkeys(NAMES, "file"), name: "argument"}
        (text,) = doubts.values()
        assert list(doubts) == ["differs_from_file"]
        assert f"{name} {ONE[name]!r}, but the argument {name} {OTHER[name]!r}" in text
        _, doubts, _ = _catalog(tmp_path, ending, full, {name: ONE[name]}, 10 + number)
        assert not doubts


@pytest.mark.parametrize("ending", [None, "fits", "ecsv", "hdf5"])
def test_what_is_not_understood_is_overridden(ending, tmp_path):
    """An entry of the file that means something else, or nothing, is the user's to decide."""
    strange = {"convention": "lensfit image axes", "kind": "galaxies", "frame": "tile",
               "response": "megacam-r"}
    sure = {"convention": "celestial", "kind": "shear"}
    for number, name in enumerate(NAMES):
        meta = {KEYS[name]: strange[name]}
        catalog, doubts, _ = _catalog(tmp_path, ending, meta, sure | {name: OTHER[name]}, number)
        assert getattr(catalog, name) == OTHER[name]
        assert strange[name] in doubts["differs_from_file"] and len(doubts) == 1
        others = {n: v for n, v in sure.items() if n != name}
        with pytest.raises(ValueError, match=f"{name} must be .*{strange[name]}.* meta") as found:
            _catalog(tmp_path, ending, meta, others, 10 + number)
        assert found.value.parameter == name and "override it" in str(found.value)


def test_no_response():
    table = Table(columns() | {"r11": np.full(40, 0.7)}, meta={"RESPONSE": 0.5, **ONE_OF_META})
    assert ShearCatalog(table).response == 0.5
    catalog, doubts, _ = said_of(lambda: ShearCatalog(table, response="none"))
    assert catalog.response is None and catalog.origins["response"] == "argument"
    assert list(doubts) == ["differs_from_file"]
    assert not said_of(lambda: ShearCatalog(Table(columns(), meta=ONE_OF_META), response="none"))[1]


ONE_OF_META = {"CONVENTN": "celestial", "KIND": "shear"}


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ({"CONVENTN": b"euclidean"}, ("convention", "euclidean")),
        ({"CONVENTN": np.bytes_(b"IAU ")}, ("convention", "iau")),
        ({"Convention": "iau", "CONVENTN": "euclidean"}, ("convention", "iau")),
        ({"convention": np.array([1, -1])}, ("convention", "euclidean")),
        ({"convention": "(-1, -1)"}, ("convention", "(-1, -1)")),
        ({"convention": None, "CONVENTN": "iau"}, ("convention", "iau")),
        ({"KIND": "Distortion"}, ("kind", "distortion")),
        ({"KIND": ""}, ("kind", "shear")),
        ({"KIND": fits.card.UNDEFINED}, ("kind", "shear")),
        ({"FRAME": "FK5"}, ("frame", "fk5")),
        ({"RESPONSE": 0.7, 3: "three"}, ("response", 0.7)),
        ({"RESPONSE": "0.7"}, ("response", 0.7)),
        ({"RESPONSE": "0.7 0.1 -0.1 .6"}, ("response", ((0.7, 0.1), (-0.1, 0.6)))),
        ({"RESPONSE": np.array([[0.7, 0.1], [-0.1, 0.6]])},
         ("response", ((0.7, 0.1), (-0.1, 0.6)))),
    ],
    ids=lambda item: re.sub(r" at 0x\w+", "", str(item)),
)
def test_entries_of_the_meta(entry, value):
    """Whatever a format makes of the words."""
    catalog = said_of(lambda: ShearCatalog(Table(columns(), meta=entry)))[0]
    name, expected = value
    assert getattr(catalog, name) == expected


@pytest.mark.parametrize("response", ["a b c d", "1 2 3 4 5", "0.7 0.1", [1, 2, 3], np.inf])
def test_wrong_responses(response):
    with pytest.raises(ValueError, match="response must be a finite number, a 2 x 2 matrix"):
        ShearCatalog(columns(), response=response)
    words = "which the table's meta declares: .*override it, .* response='none'"
    with pytest.raises(ValueError, match=words):
        ShearCatalog(Table(columns(), meta={"response": response}))


@pytest.mark.parametrize("by", ["argument", "meta"])
@pytest.mark.parametrize("survey", SURVEYS)
def test_what_differs_from_the_survey(survey, by):
    """The user and the file are right, with a warning that names the survey's source."""
    entry = COLUMN_PRESETS[survey]
    other = {
        "convention": {"celestial": "iau"}.get(entry.convention, "celestial"),
        "kind": {"shear": "distortion"}.get(entry.kind, "shear"),
    }
    whose = "the argument" if by == "argument" else "the table's meta"
    for names in itertools.chain(itertools.combinations(other, 1), [tuple(other)]):
        declared = {name: other[name] for name in names}
        table = survey_table(survey)
        if by == "meta":
            table.meta = declared
        given = declared if by == "argument" else {}
        catalog, doubts, _ = said_of(lambda: ShearCatalog(table, survey, **given))
        assert list(doubts) == ["differs_from_survey"]
        text = doubts["differs_from_survey"]
        assert entry.reference in text
        for name in other:
            expected = other[name] if name in names else getattr(entry, name)
            assert getattr(catalog, name) == expected
            assert (f"{name} {getattr(entry, name)!r}" in text) == (name in names)
            assert (f"{name} {other[name]!r} of {whose}" in text) == (name in names)
        assert ("lensmap check" in text) == ("convention" in names)
        assert ("1.7 times" in text) == ("kind" in names)


def test_a_file_that_differs_and_a_user_who_agrees_with_the_survey():
    table = survey_table("hsc_y3")
    table.meta["KIND"] = "shear"
    catalog, doubts, _ = said_of(lambda: ShearCatalog(table, kind="distortion"))
    assert catalog.kind == "distortion" and list(doubts) == ["differs_from_file"]


# --- what comes of it ------------------------------------------------------------------------


def test_maps_know_the_origins(tmp_path):
    table = survey_table("hsc_y3")
    catalog = ShearCatalog(table)
    wcs = make_wcs(catalog, "6 arcmin")
    whole = KaiserSquires(smoothing="6 arcmin").reconstruct(catalog, wcs)
    direct = KaiserSquires(smoothing="6 arcmin").reconstruct(table, wcs)
    grid = ShearGrid.from_chunks([table[:20], table[20:]], wcs)
    binned = KaiserSquires(smoothing="6 arcmin").reconstruct(grid)
    whole.write(tmp_path / "k.fits")
    for kappa in (whole, direct, binned, type(whole).read(tmp_path / "k.fits")):
        assert kappa.meta["origins"]["kind"] == "survey" and kappa.meta["survey"] == "hsc_y3"
        assert kappa.meta["kind"] == "distortion"


def test_chunks_warn_once():
    table = Table(columns())
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        wcs = make_wcs(table, "6 arcmin")
        count = len(record)
        ShearGrid.from_chunks((table[i : i + 10] for i in range(0, 40, 10)), wcs)
    assert count == 1 and len(record) == 2
    assert {w.message.code for w in record} == {"undeclared_convention"}


def test_chunks_of_different_kinds():
    tables = [Table(columns(), meta={"CONVENTN": "celestial", "KIND": kind})
              for kind in ("shear", "distortion")]
    with pytest.raises(ValueError, match="kind"):
        ShearGrid.from_chunks(tables, make_wcs(tables[0], "6 arcmin"))
