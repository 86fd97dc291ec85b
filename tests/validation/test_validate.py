# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A whole validation in small, stopped and gone on with, its tables and its report."""

import re

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from one_process import resources_in_this_process  # noqa: F401  a fixture

from lensmap import KaiserSquires, WienerFilter
from lensmap.simulate import HaloModelField
from lensmap.validation import (
    ValidationPlan,
    ValidationResults,
    ValidationSetup,
    compare,
    summarize_scores,
    validate,
    write_report,
)

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
    assert 0 < len(ValidationResults.read(path).parts["fields"]) < 4
    validate(ESTIMATORS, SETUP, path, PLAN, more=MORE, seed=3, workers=1)
    return path


@pytest.fixture
def results(folder):
    return ValidationResults.read(folder)


def test_scores_are_those_of_compare(results):
    assert results.n_fields == {"fields": 4, "null": 3, "masked": 2, "coma": 0, "more": 2}
    expected = compare(ESTIMATORS, SETUP, 4, seed=3, workers=1)
    found = results.scores[results.scores["part"] == "fields"]
    for name in ("field", "estimator", "pearson_r", "rmse", "loss", "slope"):
        assert np.array_equal(found[name], expected[name])
    assert results.summary["rmse_err"][0] == summarize_scores(expected)["rmse_err"][0]
    assert list(results.more["estimator"]) == ["ks", "wiener", "posterior"]
    assert np.all(results.more["n_fields"] == 2)


def test_every_table_is_of_every_estimator(results):
    for name in ("distribution", "autocorrelation", "by_scale", "completeness", "purity", "masses",
                 "mass_lines", "residuals", "masked_residuals", "null", "null_distribution",
                 "masked", "resources"):
        table = getattr(results, name)
        there = {str(one) for one in table["estimator"]} - {"truth", "posterior"}
        assert there == {"ks", "wiener"}, name
    assert {str(one) for one in results.coverage["estimator"]} == {"posterior"}
    assert results.relation(1).sum() == 4 * 96 * 96
    assert results.coma_masses is None and results.coma_arms is None
    assert np.all(results.resources["seconds"] > 0) and np.all(results.resources["memory"] > 0.05)
    assert np.all(np.abs(results.null["mode"]) < 0.01)
    assert np.all(results.null["peaks_k02"] >= 0)


def test_the_report(results, tmp_path):
    path = write_report(results, tmp_path, command="lensmap validate -o report")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_report(results, tmp_path)
    page = path.read_text(encoding="utf-8")
    assert "lensmap validate -o report" in page and "Without lensing" in page
    assert "mock of Coma" not in page and "Estimators that take long" in page
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
    assert row["value"][0] == results.summary["pearson_r"][1]
    assert row["error"][0] == results.summary["pearson_r_err"][1]
    assert len(QTable.read(tmp_path / "scores.ecsv")) == len(results.scores)


def test_more_fields_are_added(folder):
    before = (folder / "data" / "fields" / "000001.npz").stat().st_mtime_ns
    plan = ValidationPlan(n_fields=5, n_null=0, n_masked=0, n_coma=0, n_more=0)
    validate(ESTIMATORS, SETUP, folder, plan, seed=3, workers=1)
    results = ValidationResults.read(folder)
    assert results.n_fields["fields"] == 5 and results.more_names == ["posterior"]
    assert (folder / "data" / "fields" / "000001.npz").stat().st_mtime_ns == before
    (folder / "data" / "fields" / "000004.npz").unlink()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"setup": 3}, TypeError, "setup must be a ValidationSetup"),
        ({"more": {"ks": 1}}, ValueError, "more must have other names"),
        ({"seed": 4}, ValueError, "holds another validation: seed was 3 and is now 4"),
        ({"estimators": {}}, ValueError, "another validation: estimators.ks was"),
    ],
)
def test_bad_arguments(folder, change, error, message):
    arguments = {"estimators": ESTIMATORS, "setup": SETUP, "folder": folder, "plan": PLAN,
                 "more": MORE, "seed": 3, **change}
    with pytest.raises(error, match=message):
        validate(**arguments)


def test_bad_plans(tmp_path):
    with pytest.raises(ValueError, match="n_coma must be 0, or at least 4, not 3"):
        ValidationPlan(n_coma=3)
    with pytest.raises(ValueError, match="n_fields"):
        ValidationPlan(n_fields=0)
    folder = validate(ESTIMATORS, SETUP, tmp_path / "a", ValidationPlan(
        n_fields=1, n_null=0, n_masked=0, n_coma=0, n_more=0), workers=1)
    write_report(ValidationResults(folder))  # one field has no errors, and a report
    (tmp_path / "a" / "data" / "fields" / "000000.npz").unlink()
    with pytest.raises(ValueError, match="holds no field that was measured"):
        write_report(ValidationResults.read(tmp_path / "a"))
