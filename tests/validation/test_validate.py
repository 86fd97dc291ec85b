# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A whole validation in small, stopped and gone on with, its tables and its report."""

import json
import re
import shutil

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from one_process import resources_in_this_process  # noqa: F401  a fixture

from lensmap import KaiserSquires, WienerFilter
from lensmap.estimators import ApertureMass
from lensmap.simulate import HaloModelField, field_seed
from lensmap.validation import (
    ValidationPlan,
    ValidationResults,
    ValidationSetup,
    compare,
    result_table,
    series_seed,
    summarize_scores,
    validate,
    write_report,
)
from lensmap.validation.measures import MEASURES, Measure, table_of_each
from lensmap.validation.report import describe_quantities

pytestmark = pytest.mark.usefixtures("resources_in_this_process")

SKY = HaloModelField(z_source=1.0, shape=(96, 96), pixel_scale=0.8 * u.arcmin)
SETUP = ValidationSetup(sky=SKY)
ESTIMATORS = {
    "ks": KaiserSquires(smoothing=1.5 * u.arcmin),
    "wiener": WienerFilter(z_source=1.0, dtype="float32"),
}
MORE = {"posterior": WienerFilter(z_source=1.0, uncertainty="posterior", n_realizations=4)}
PLAN = ValidationPlan(n_fields=4, n_null=3, n_masked=2, n_coma=0, n_more=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A validation that was stopped twice."""
    path = tmp_path_factory.mktemp("validation")
    done = []

    def stop(number, total):
        done.append(number)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validate(ESTIMATORS, SETUP, path, PLAN, more=MORE, seed=3, workers=1, progress=stop)
    assert 0 < ValidationResults.read(path).n_fields["fields"] < 4
    validate(ESTIMATORS, SETUP, path, PLAN, more=MORE, seed=3, workers=1)
    return path


@pytest.fixture
def results(folder):
    return ValidationResults.read(folder)


@pytest.mark.slow
def test_scores_are_those_of_compare(results):
    assert results.n_fields == {"fields": 4, "null": 3, "masked": 2, "coma": 0, "more": 2}
    expected = compare(ESTIMATORS, SETUP, 4, seed=3, workers=1)
    found = results.scores[results.scores["part"] == "fields"]
    for name in ("field", "estimator", "pearson_r", "rmse", "loss", "slope"):
        assert np.array_equal(found[name], expected[name])
    assert results.tables["summary"]["rmse_err"][0] == summarize_scores(expected)["rmse_err"][0]
    assert list(results.tables["more"]["estimator"]) == ["ks", "wiener", "posterior"]
    assert np.all(results.tables["more"]["n_fields"] == 2)


def test_every_table_is_of_every_estimator(results):
    for name in ("distribution", "autocorrelation", "by_scale", "completeness", "purity", "masses",
                 "mass_lines", "residuals", "masked_residuals", "null", "null_distribution",
                 "masked", "resources"):
        names = {str(one) for one in results.tables[name]["estimator"]} - {"truth", "posterior"}
        assert names == {"ks", "wiener"}, name
    assert {str(one) for one in results.tables["coverage"]["estimator"]} == {"posterior"}
    relation = results.records_of("pixels").each("fields", "wiener", "relation")
    assert np.sum(relation) == 4 * 96 * 96
    assert "coma_masses" not in results.tables and "coma_arms" not in results.tables
    resources, null = results.tables["resources"], results.tables["null"]
    assert np.all(resources["seconds"] > 0) and np.all(resources["memory"] > 0.05)
    assert np.all(np.abs(null["mode"]) < 0.01)
    assert np.all(null["peaks_k02"] >= 0)
    assert results.best_linear == "wiener"
    assert results.area_deg2 == pytest.approx(4 * (96 * 0.8 / 60) ** 2)


def check_conclusions(page, last):
    """They stand first, and no error in the page is zero."""
    texts = ["A calibrated map has", last, "Simulated fields of a halo model: 96 x 96"]
    positions = [page.index(text) for text in texts]
    assert positions == sorted(positions) and positions[0] < page.index("<h2")
    assert not re.search(r"(&plusmn;|±)(&nbsp;|\s)*0(\.0*)?\b(?![.\d])", page)


@pytest.mark.slow
def test_the_report(results, tmp_path):
    path = write_report(results, tmp_path, command="lensmap validate -o report")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_report(results, tmp_path)
    page = path.read_text(encoding="utf-8")
    assert "lensmap validate -o report" in page and "Null fields" in page
    assert "Mocks of Coma" not in page and "Slow estimators" in page
    check_conclusions(page, "Most clusters")
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)  # nothing from elsewhere
    figures = {one.name for one in (tmp_path / "figures").iterdir()}
    pictures = {name.removesuffix(".png") for name in figures if name.endswith(".png")}
    assert {f"{name}.pdf" for name in pictures} < figures
    assert {"scores", "maps", "relations", "autocorrelation", "masses", "completeness", "null",
            "masked_maps", "edges", "coverage"} <= pictures
    assert page.count("data:image/png;base64") == len(pictures)
    table = QTable.read(tmp_path / "results.ecsv")
    row = table[(table["table"] == "summary") & (table["quantity"] == "pearson_r")
                & (table["estimator"] == "wiener")]
    assert row["value"][0] == results.tables["summary"]["pearson_r"][1]
    assert row["error"][0] == results.tables["summary"]["pearson_r_err"][1]
    assert len(QTable.read(tmp_path / "scores.ecsv")) == len(results.scores)


def test_more_fields_are_added(folder):
    before = (folder / "data" / "fields" / "000001.npz").stat().st_mtime_ns
    plan = ValidationPlan(n_fields=5, n_null=0, n_masked=0, n_coma=0, n_more=0)
    validate(ESTIMATORS, SETUP, folder, plan, seed=3, workers=1)
    results = ValidationResults.read(folder)
    assert results.n_fields["fields"] == 5 and results.more_names == ["posterior"]
    assert (folder / "data" / "fields" / "000001.npz").stat().st_mtime_ns == before
    (folder / "data" / "fields" / "000004.npz").unlink()


class Extremes(Measure):
    """A statistic that lensmap does not have: the range of each map."""

    name = "extremes"
    keys = {"extremes": ("end",)}

    def measure(self, field):
        maps = {"truth": field.truth, **field.estimates}
        return {name: {"range": np.array([kappa.min(), kappa.max()])}
                for name, kappa in maps.items()}

    def pool(self, records):
        return {"extremes": table_of_each(["truth", *records.names()], lambda name: QTable({
            "end": ["low", "high"], "kappa": np.mean(records.each("fields", name, "range"), axis=0),
        }))}

    def conclude(self, results):
        return [("Extremes", "All maps end somewhere.")]

    def section(self, page, results):
        page.section("Extremes of maps")
        rows = results.tables["extremes"]
        page.table(("", "kappa"), [(str(row["estimator"]), page.number(row["kappa"]))
                                   for row in rows])


@pytest.fixture
def quick():
    """Leave out the other statistics, whose figures take long."""
    before = list(MEASURES)
    MEASURES[:] = MEASURES[:1]
    yield
    MEASURES[:] = before


def test_a_statistic_is_added_by_one_line_in_the_list(quick, tmp_path):
    MEASURES.append(Extremes())
    name = "50% <b>.ks/2"  # any name will do
    plan = ValidationPlan(n_fields=2, n_null=0, n_masked=0, n_coma=0, n_more=0)
    validate({name: ESTIMATORS["ks"]}, SETUP, tmp_path, plan, workers=1)
    results = ValidationResults.read(tmp_path)
    records = results.records_of("extremes")
    assert [len(record) for record in records.parts["fields"]] == [2, 2]
    truth = SETUP.draw(field_seed(series_seed("validation", 0), 1)).truth
    np.testing.assert_array_equal(records.each("fields", "truth", "range")[1],
                                  [truth.min(), truth.max()])
    table = result_table(results)
    rows = table[(table["table"] == "extremes") & (table["estimator"] == name)]
    assert list(rows["quantity"]) == ["kappa", "kappa"]
    assert list(rows["definition"]) == ["low", "high"] and rows["value"][0] < 0 < rows["value"][1]
    page = write_report(results).read_text(encoding="utf-8")
    assert "Extremes of maps</h2>" in page and "All maps end somewhere." in page
    assert "50% &lt;b&gt;.ks/2" in page and name not in page
    check_conclusions(page, "All maps end somewhere.")


@pytest.fixture(scope="module")
def with_aperture_masses(tmp_path_factory):
    plan = ValidationPlan(n_fields=2, n_null=1, n_masked=0, n_coma=0, n_more=0)
    estimators = {"apmass": ApertureMass(radius="8 arcmin"), "ks": ESTIMATORS["ks"]}
    return validate(estimators, SETUP, tmp_path_factory.mktemp("apertures"), plan, workers=1)


def test_of_other_quantities_only_detections_count(with_aperture_masses):
    results = ValidationResults(with_aperture_masses)
    assert results.names == ["ks"] and results.detection_names == ["ks", "apmass"]
    both = {"completeness", "detection", "purity", "resources"}
    for name, table in results.tables.items():
        assert "ks" in table["estimator"]
        assert ("apmass" in table["estimator"]) == (name in both), name
    detection, purity = results.tables["detection"], results.tables["purity"]
    rows = (detection["estimator"] == "apmass") & (detection["ranking"] == "all")
    assert (detection["n"][rows] > 0).all() and (purity["n"] > 0).all()
    assert results.settings["estimators"]["apmass"]["quantity"] == "aperture mass"
    assert "quantity" not in results.settings["estimators"]["ks"]
    text = describe_quantities(results.settings["estimators"])
    assert text.startswith("The maps of apmass are of aperture mass, ") and "ks" not in text
    assert describe_quantities({"ks": results.settings["estimators"]["ks"]}) == ""


@pytest.mark.slow
def test_the_report_has_detections_of_other_quantities(with_aperture_masses, tmp_path):
    results = ValidationResults(with_aperture_masses)
    page = write_report(results, tmp_path).read_text(encoding="utf-8")
    clusters = page[page.index("Clusters</h2>"):page.index("Time and memory</h2>")]
    assert "apmass" in clusters and "The maps of apmass are of aperture mass" in page
    scores = page[page.index("Distance from the truth</h2>"):page.index("Clusters</h2>")]
    assert "apmass" not in scores


def test_some_maps_must_be_of_the_convergence(tmp_path):
    apmass = {"apmass": ApertureMass()}
    with pytest.raises(ValueError, match="'apmass', whose maps are of aperture mass"):
        validate(apmass, SETUP, tmp_path)
    with pytest.raises(ValueError, match="more must be estimators of the convergence"):
        validate(ESTIMATORS, SETUP, tmp_path, more=apmass)
    with pytest.raises(ValueError, match="estimators must be estimators of the convergence"):
        compare(apmass, SETUP, 1)


class OwnLinear:
    """A linear estimator of a user."""

    linear = True

    def reconstruct(self, grid):
        return ESTIMATORS["wiener"].reconstruct(grid)


def test_a_linear_estimator_of_the_user_is_the_reference(quick, tmp_path):
    plan = ValidationPlan(n_fields=2, n_null=0, n_masked=0, n_coma=0, n_more=0)
    estimators = {"ks": ESTIMATORS["ks"], "own": OwnLinear()}
    results = ValidationResults(validate(estimators, SETUP, tmp_path, plan, workers=1))
    assert results.best_linear == "own"
    assert set(results.tables["contrasts"]["reference"]) == {"own"}
    assert results.settings["estimators"]["own"] == {
        "repr": "OwnLinear", "linear": True, "sha256": None,
    }


def test_other_weights_of_an_estimator_are_refused(folder, monkeypatch):
    """Networks keep their name when the file of their weights is replaced."""
    monkeypatch.setattr(type(ESTIMATORS["ks"]), "digest", lambda self: "of other weights")
    with pytest.raises(ValueError, match=r"estimators\.ks\.weights_or_code_sha256 was .* of other"):
        validate(ESTIMATORS, SETUP, folder, PLAN, more=MORE, seed=3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"setup": 3}, TypeError, "setup must be a ValidationSetup"),
        ({"more": {"ks": 1}}, ValueError, "no key that estimators has too: both have 'ks'"),
        ({"seed": 4}, ValueError, "a validation with other settings: seed was 3 and is now 4"),
        ({"estimators": {}}, ValueError, "estimators must hold at least one estimator"),
        ({"estimators": {"wiener": ESTIMATORS["wiener"]}}, ValueError,
         "with other settings: estimators.ks was"),
    ],
)
def test_bad_arguments(folder, change, error, message):
    arguments = {"estimators": ESTIMATORS, "setup": SETUP, "folder": folder, "plan": PLAN,
                 "more": MORE, "seed": 3, **change}
    with pytest.raises(error, match=message):
        validate(**arguments)


def test_another_schema_is_refused(folder, tmp_path):
    stored = json.loads((folder / "settings.json").read_text())
    for schema in (stored["schema"] - 1, stored["schema"] + 1):
        (tmp_path / "settings.json").write_text(json.dumps({**stored, "schema": schema}))
        with pytest.raises(ValueError, match=f"with version {schema} of the file format"):
            ValidationResults.read(tmp_path)


def test_bad_plans():
    with pytest.raises(ValueError, match="n_coma must be 0 .none., or at least 4, not 3"):
        ValidationPlan(n_coma=3)
    with pytest.raises(ValueError, match="n_fields"):
        ValidationPlan(n_fields=0)


@pytest.mark.slow
def test_one_field_has_no_errors_and_a_report(tmp_path):
    folder = validate(ESTIMATORS, SETUP, tmp_path / "a", ValidationPlan(
        n_fields=1, n_null=0, n_masked=0, n_coma=0, n_more=0), workers=1)
    page = write_report(ValidationResults(folder)).read_text(encoding="utf-8")
    assert "One field gives no errors" in page and "Nearest to the truth" in page
    assert "nan" not in page.partition("<h2")[0]


def test_a_report_needs_a_field(folder, tmp_path):
    shutil.copy(folder / "settings.json", tmp_path)
    with pytest.raises(ValueError, match="holds no measured field yet"):
        write_report(ValidationResults.read(tmp_path))
